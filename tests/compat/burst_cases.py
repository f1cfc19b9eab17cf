"""Run All: cells that come while one before them runs, and one that is special among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ..kernel.live_kernel import JupyterMessage, waits_for
from .case import Section
from .front import Front, gate

BURSTS: Final = Section(
    "Bursts of cells",
    "Six cells are sent while a cell before them runs, as Run All does; one of them is special, at "
    "each place in turn. Compared are all messages, their order across cells, and what has run.",
    ("burst", "what is special"),
)
case = BURSTS.case
CELLS: Final = 6


def _content(code: str, **options: Any) -> dict[str, Any]:
    asked = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    return {**asked, "allow_stdin": False, "stop_on_error": True, **options}


@contextmanager
def _while_one_runs(front: Front) -> Iterator[JupyterMessage]:
    """The cell that runs meanwhile. What has been sent has arrived when it ends."""
    front.cell("ran = []")
    with gate() as opened:
        first = front.send("execute_request", _content(f"print('on')\n{waits_for(opened)}"))
        front.wait_for_text(_id(first), "on")
        yield first
        # Overtaken by nothing, so known to have arrived when it is answered.
        front.ask("kernel_info_request", {}, channel="control")
        opened.touch()
        front.finish_without_reply(first)


def _burst(front: Front, special: Mapping[int, Any], answers: Sequence[str] = ()) -> Any:
    """Some of the cells are others; each notes that it has run."""
    before = len(front.all_messages())
    with _while_one_runs(front) as first:
        sent = [first]
        for n in range(CELLS):
            code, options = special.get(n, (f"print({n})\n{n}", {}))
            content = _content(f"ran.append({n})\n{code}", **options)
            sent.append(front.send("execute_request", content))
    questions = []
    for answer in answers:
        questions.append(front.wait_for_question()["content"])
        front.kc.input(answer)
    return _seen(front, before, sent), questions


def _seen(front: Front, before: int, sent: Sequence[JupyterMessage]) -> Any:
    done = [front.outcome(one).seen() for one in sent]
    places = {_id(one): n for n, one in enumerate(sent)}
    said = [message for message in front.all_messages()[before:] if _parent(message) in places]
    order = [(places[_parent(m)], m["msg_type"], m["content"].get("execution_state")) for m in said]
    replies = [places[msg_id] for msg_id in front.replied if msg_id in places]
    # A count says that no cell has taken a number without running.
    after = [front.cell("ran"), front.cell("In[-8:]")]
    return done, _merged(order), replies, [one.seen() for one in after]


def _merged(order: list[Any]) -> list[Any]:
    """How often a stream was flushed is chance."""
    return [one for n, one in enumerate(order) if not (one[1] == "stream" and one == order[n - 1])]


def _at_each_place(front: Front, code: str, answers: Sequence[str] = (), **options: Any) -> Any:
    return [_burst(front, {n: (code, options)}, answers) for n in (0, 1, 2, CELLS - 1)]


@case("six cells", "none")
def _(front: Front) -> Any:
    return _burst(front, {})


@case("six cells", "an error")
def _(front: Front) -> Any:
    return _at_each_place(front, "1 / 0")


@case("six cells", "an error that stops nothing (`stop_on_error` is false)")
def _(front: Front) -> Any:
    return _at_each_place(front, "1 / 0", stop_on_error=False)


@case("six cells", "an error, before a cell whose own would stop nothing")
def _(front: Front) -> Any:
    return [_burst(front, {1: ("1 / 0", {}), n: ("", {"stop_on_error": False})}) for n in (2, 3)]


@case("six cells", "an error of a silent cell")
def _(front: Front) -> Any:
    return _at_each_place(front, "1 / 0", silent=True)


@case("six cells", "a syntax error, `SystemExit`, an error after an error that stops nothing")
def _(front: Front) -> Any:
    return [
        _burst(front, {2: ("def broken(:", {})}),
        _burst(front, {2: ("raise SystemExit('bye')", {})}),
        _burst(front, {1: ("1 / 0", {"stop_on_error": False}), 3: ("[][1]", {})}),
        _burst(front, {1: ("", {"store_history": False}), 3: ("1 / 0", {"store_history": False})}),
    ]


@case("six cells", "`input()`")
def _(front: Front) -> Any:
    return _at_each_place(front, "print(input('name? '))", answers=["x"], allow_stdin=True)


@case("six cells", "a display that a later cell updates, 300 lines of output")
def _(front: Front) -> Any:
    shown = "from IPython.display import display\nh = display(1, display_id='of-a-burst')"
    many = "for n in range(300): print(n)"
    return _burst(front, {0: (shown, {}), 2: (many, {}), 4: ("h.update(2)", {})})


@case("six cells", "an interrupt, while the cell at that place runs")
def _(front: Front) -> Any:
    return [_interrupted(front, n) for n in (0, 1, 2, CELLS - 1)]


def _interrupted(front: Front, place: int) -> Any:
    before = len(front.all_messages())
    with _while_one_runs(front) as first:
        sent = [first]
        for n in range(CELLS):
            code = f"ran.append({n})"
            if n == place:
                code += "\nimport time\nprint('waits', flush=True)\ntime.sleep(600)"
            sent.append(front.send("execute_request", _content(code)))
    front.wait_for_text(_id(sent[place + 1]), "waits")
    front.interrupt()
    return _without_tracebacks(_seen(front, before, sent))


def _without_tracebacks(seen: Any) -> Any:
    """The signal may come while ``print`` still flushes."""
    match seen:
        case dict():
            return {k: _without_tracebacks(v) for k, v in seen.items() if k != "traceback"}
        case list() | tuple():
            return [_without_tracebacks(one) for one in seen]
        case _:
            return seen


@case("six cells", "questions between them: completion, inspection, history")
def _(front: Front) -> Any:
    before = len(front.all_messages())
    asked: dict[int, tuple[str, dict[str, Any]]] = {
        1: ("inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": 0}),
        3: ("is_complete_request", {"code": "for i in x:"}),
        4: ("comm_info_request", {}),
    }
    with _while_one_runs(front) as first:
        sent = [first]
        for n in range(CELLS):
            cell = ("execute_request", _content(f"ran.append({n})\n{n}"))
            sent.append(front.send(*asked.get(n, cell)))
    return _seen(front, before, sent)


@case("six cells", "a comm that is opened, and messages to it, between them")
def _(front: Front) -> Any:
    """A comm message is handled in its place."""
    front.cell(
        "def target(comm, message):\n    ran.append('open')\n"
        "    comm.on_msg(lambda m: ran.append(m['content']['data']))\n"
        "get_ipython().kernel.comm_manager.register_target('of-a-burst', target)"
    )
    before = len(front.all_messages())
    with _while_one_runs(front) as first:
        sent = [first]
        for n in range(CELLS):
            sent.append(front.send("execute_request", _content(f"ran.append({n})")))
            if n == 2:
                opening = {"comm_id": "of-a-burst", "target_name": "of-a-burst", "data": {}}
                sent.append(front.send("comm_open", opening))
                sent.append(front.send("comm_msg", {"comm_id": "of-a-burst", "data": "said"}))
    return _seen(front, before, sent)


def _parent(message: JupyterMessage) -> str:
    return str(message["parent_header"].get("msg_id", ""))


def _id(sent: JupyterMessage) -> str:
    return str(sent["header"]["msg_id"])
