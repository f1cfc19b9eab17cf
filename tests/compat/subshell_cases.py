"""Subshells (kernel protocol 5.5, JEP 91): a second shell in the same interpreter."""

from __future__ import annotations

from typing import Any, Final

from .case import Section
from .front import Front

SUBSHELLS: Final = Section(
    "Subshells",
    "Compared as the messages are. JupyterLab opens a subshell for widgets. ipykernel 7.4 hands a "
    "comm's messages to the shell that used the comm last, so a widget that a cell has made is "
    "answered while a cell awaits, and after one that does not.",
    ("request", "what is done"),
)
case = SUBSHELLS.case


def create_subshell(front: Front) -> str:
    created = front.ask("create_subshell_request", {}, channel="control")
    return str(created.content["subshell_id"])


def delete_subshell(front: Front, subshell_id: str) -> None:
    front.ask("delete_subshell_request", {"subshell_id": subshell_id}, channel="control")


@case("`create_subshell_request`, `list_subshell_request`, and delete", "two of them")
def _(front: Front) -> Any:
    def ask(do: str, **content: str) -> Any:
        return front.ask(f"{do}_subshell_request", content, channel="control").seen()

    seen = [ask("list"), ask("create"), ask("create"), ask("list")]
    ids = [one["reply"]["content"]["subshell_id"] for one in seen[1:3]]
    assert sorted(seen[3]["reply"]["content"].pop("subshell_id")) == sorted(ids)
    return [*seen, *[ask("delete", subshell_id=one) for one in ids], ask("list")]


@case("`delete_subshell_request`", "one that does not exist")
def _(front: Front) -> Any:
    content = {"subshell_id": "no-such-subshell"}
    return front.ask("delete_subshell_request", content, channel="control").seen()


@case("`execute_request` with `subshell_id`", "results, output, an error, shared variables")
def _(front: Front) -> Any:
    subshell = create_subshell(front)
    codes = ("shared = 1\nprint('from a subshell')", "shared + 1", "1 / 0", "%subshell")
    seen = [front.cell(code, subshell_id=subshell).seen() for code in codes]
    # Threads and sockets have numbers that the system draws.
    seen[-1]["iopub"][2]["content"] = {}
    delete_subshell(front, subshell)
    return [*seen, front.cell("shared").seen()]


@case("`execute_request` with `subshell_id`", "while a cell of the main shell runs")
def _(front: Front) -> Any:
    subshell = create_subshell(front)
    front.cell("import threading\ngo = threading.Event()")
    cell = front.send("execute_request", {"code": "print('on')\n_ = go.wait(100)"})
    front.wait_for_text(cell["header"]["msg_id"], "on")
    beside = front.cell("go.set()\n'beside'", subshell_id=subshell).seen()
    seen = front.outcome(cell).seen()
    delete_subshell(front, subshell)
    return beside, seen


@case("`complete_request`, `inspect_request` with `subshell_id`", "while a cell runs")
def _(front: Front) -> Any:
    subshell = create_subshell(front)
    front.cell("import threading\ngo = threading.Event()\nasked_beside = 1")
    cell = front.send("execute_request", {"code": "print('on')\n_ = go.wait(100)"})
    front.wait_for_text(cell["header"]["msg_id"], "on")
    code = {"code": "asked_besid", "cursor_pos": 11}
    seen = [
        front.ask(f"{what}_request", code, subshell_id=subshell).seen()
        for what in ("complete", "inspect")
    ]
    front.cell("go.set()", subshell_id=subshell)
    front.outcome(cell)
    delete_subshell(front, subshell)
    return seen


@case("a request to a subshell that does not exist", "execute, complete")
def _(front: Front) -> Any:
    return [
        front.cell("1", subshell_id="no-such-subshell").seen(),
        front.ask(
            "complete_request", {"code": "a", "cursor_pos": 1}, subshell_id="no-such-subshell"
        ).seen(),
        front.cell("'alive'").seen(),
    ]


@case("a request to a subshell that was deleted", "execute")
def _(front: Front) -> Any:
    subshell = create_subshell(front)
    before = front.cell("'before'", subshell_id=subshell).seen()
    delete_subshell(front, subshell)
    return before, front.cell("'after'", subshell_id=subshell).seen()
