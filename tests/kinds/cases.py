"""What people do with a notebook, in the order of the table in ``docs/pools.md``.

Message by message, the compatibility checklist (``tests/compat``) says more; here, each line is
something that a student or a grader would miss.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from ..compat.front import Exchange, Front, gate
from ..kernel.live_kernel import waits_for
from .capability import Cannot, Capability, Differs, Observe

TABLE: Final[list[Capability]] = []


def capability(name: str, **but: Differs | Cannot) -> Callable[[Observe], Observe]:
    """:param but: see ``Capability``; by kind."""

    def add(observe: Observe) -> Observe:
        TABLE.append(Capability(name, observe, but))
        return observe

    return add


def _nothing(seen: Any) -> Any:
    """The table says that it is not there."""


def _status(seen: Any) -> Any:
    """How each request ended."""
    match seen:
        case {"reply": {"content": {"status": status}}}:
            return status
        case list():
            return [_status(one) for one in seen]
    return None


def _errors_and_text(seen: Any) -> Any:
    """Types of the errors, and what was printed; no tracebacks."""
    return [
        [
            message["content"].get("ename") or message["content"].get("text")
            for message in one["iopub"]
            if message["type"] in ("error", "stream")
        ]
        for one in seen
    ]


def _answers(seen: Any) -> Any:
    """The questions, and whether the program got the answers."""
    printed = "".join(m["content"].get("text", "") for m in seen["iopub"] if m["type"] == "stream")
    return seen["stdin"], "['Zo\u00eb \U0001f422', '']" in printed


def _cells(front: Front, *codes: str, **options: Any) -> list[Any]:
    return [front.cell(code, **options).seen() for code in codes]


# -- cells and their output -----------------------------------------------------------------------


@capability(
    "Text on stdout and stderr, complete and as it was written",
    oneshot=Cannot("the pool ended it at a limit (time, memory, output) and does not tell which"),
)
def _(front: Front) -> Any:
    return _cells(
        front,
        "print('one line')\nprint('\\u2028 and \\U0001f40d, without an end', end='')",
        "import sys\nprint('problem', file=sys.stderr)",
        "for n in range(2000): print('line', n)",
        "print('word ' * 20_000)",
    )


@capability("Output appears while the cell runs", oneshot=Differs("when the cell ends", _status))
def _(front: Front) -> Any:
    sent = front.send("execute_request", _code("print('first', flush=True)\ninput('Now? ')", True))
    question = front.wait_for_question()
    shown = [m["content"].get("text") for m in front.messages_of(sent["header"]["msg_id"])]
    front.kc.input("yes")
    return front.outcome(sent, questions=[question]).seen(), "first\n" in shown


@capability("The value of the last line is the cell's result")
def _(front: Front) -> Any:
    return _cells(front, "6 * 7", "'text'", "{'a': [1, None]}", "None", "5;")


@capability(
    "HTML, JSON, SVG and other rich results, with their metadata",
    oneshot=Differs("their text", _status),
)
def _(front: Front) -> Any:
    return _cells(
        front,
        "from IPython.display import HTML, JSON, SVG, display\ndisplay(HTML('<b>x</b>'))",
        "from IPython.display import HTML\nHTML('<i>result</i>')",
        "from IPython.display import display\n"
        "display({'application/x.own': {'b': 2}}, raw=True, metadata={'c': 3})",
    )


@capability(
    "Plots (matplotlib)",
    oneshot=Cannot("This pool returns text only, so the plot that this cell drew can't be shown."),
)
def _(front: Front) -> Any:
    seen = front.cell(
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots(figsize=(1, 1))\nax.plot([1, 2]);"
    ).seen()
    for message in seen["iopub"]:
        if message["type"] == "display_data":
            image = message["content"]["data"].pop("image/png")
            message["content"]["data"]["a PNG"] = image[:8]
    return seen


@capability(
    "Outputs that are updated or cleared, progress bars",
    oneshot=Cannot("is displayed appears once, as text, and can't be updated."),
)
def _(front: Front) -> Any:
    return _cells(
        front,
        "from IPython.display import clear_output, display\n"
        "shown = display(1, display_id='d')\nshown.update(2)",
        "from IPython.display import clear_output\nprint(1)\nclear_output(wait=True)\nprint(2)",
    )


@capability(
    "Errors with type, message and traceback",
    oneshot=Differs("with Python's own traceback", _errors_and_text),
)
def _(front: Front) -> Any:
    return _cells(
        front,
        "1 / 0",
        "def broken(:",
        "def outer():\n    inner()\ndef inner():\n    {}['missing']\nouter()",
    )


@capability("What was printed before an error is kept", oneshot=Differs("yes", _errors_and_text))
def _(front: Front) -> Any:
    return _cells(front, "print('before')\n1 / 0")


@capability("`sys.exit`", oneshot=Differs("as an exit code", _status))
def _(front: Front) -> Any:
    return _cells(front, "import sys\nsys.exit(3)")


# -- a notebook's state ---------------------------------------------------------------------------


@capability(
    "Variables, imports and functions last from cell to cell",
    oneshot=Cannot("This pool keeps no variables between cells"),
)
def _(front: Front) -> Any:
    return _cells(front, "import math\nkept = math.floor(2.5)", "print(kept)", "del kept", "kept")


@capability("Execution counts")
def _(front: Front) -> Any:
    codes = ("0", "0", "1 / 0", "%session help", "%session help", "0")
    counts = [front.cell(code).content["execution_count"] for code in codes]
    return [count - counts[0] for count in counts]


@capability(
    "Magics and shell commands", oneshot=Cannot("IPython's magics (%, %%, !, ?) don't work in it")
)
def _(front: Front) -> Any:
    return _cells(front, "!echo from a shell", "%pwd;", "%%capture caught\nprint('kept out')")


@capability("`await` at the top level", oneshot=Cannot("where await works in functions only"))
def _(front: Front) -> Any:
    return _cells(front, "import asyncio\nawait asyncio.sleep(0, 'awaited')")


@capability("Output of a thread after its cell")
def _(front: Front) -> Any:
    first = front.cell(
        "import threading\n"
        "threading.Timer(0.3, lambda: print('late\\n', end='', flush=True)).start()"
    ).sent
    late = front.wait_for(first["header"]["msg_id"], lambda m: m["msg_type"] == "stream")
    return late["content"]


@capability("Cells that wait are aborted after an error")
def _(front: Front) -> Any:
    with gate() as opened:
        first = front.send("execute_request", _code(f"{waits_for(opened)}1 / 0"))
        second = front.send("execute_request", _code("'aborted'"))
        opened.touch()
        outcomes = [front.outcome(sent) for sent in (first, second)]
    return [outcome.content["status"] for outcome in outcomes], front.cell("print(1)").seen()


@capability(
    "User expressions",
    oneshot=Cannot("This pool runs whole cells and can't evaluate expressions afterwards."),
)
def _(front: Front) -> Any:
    expressions = {"good": "b + 1", "bad": "1 / 0"}
    return front.cell("b = 3", user_expressions=expressions).content["user_expressions"]


# -- asking, stopping, helping --------------------------------------------------------------------


@capability(
    "`input()` and `getpass()`",
    oneshot=Differs("asked for before the cell is sent, or given by `%%stdin`", _answers),
)
def _(front: Front) -> Any:
    code = "from getpass import getpass\nprint([input('Name? '), getpass('Secret: ')])"
    return front.cell(code, answers=("Zo\u00eb \U0001f422", "")).seen()


@capability(
    "Where nobody can answer, `input()` fails",
    oneshot=Cannot("This pool gives a cell its input when it starts."),
)
def _(front: Front) -> Any:
    return _cells(front, "input('Name? ')")


@capability(
    "Interrupt: the cell ends, variables stay",
    oneshot=Cannot("This pool keeps no variables between cells"),
)
def _(front: Front) -> Any:
    front.cell("kept = 1")
    sent = front.send("execute_request", _code("import time\ntime.sleep(60)"))
    front.wait_until_running(sent["header"]["msg_id"])
    time.sleep(1)  # as a person, who sees the cell run before they stop it
    front.interrupt()
    ended: Exchange = front.outcome(sent)
    return ended.content["ename"], front.cell("print(kept)").seen()


@capability("Completion (Tab)", oneshot=Differs("no: nothing is offered", _nothing))
def _(front: Front) -> Any:
    front.cell("completed_one = 1\ncompleted_two = 2")
    asked = front.ask("complete_request", {"code": "completed_", "cursor_pos": 10})
    return asked.content["matches"]


@capability("Documentation (Shift+Tab)", oneshot=Differs("no: nothing is found", _nothing))
def _(front: Front) -> Any:
    front.cell("def inspected(x):\n    'A docstring.'")
    content = {"code": "inspected", "cursor_pos": 9, "detail_level": 0}
    return front.ask("inspect_request", content).content


@capability("Is the code complete? (Enter in a console)")
def _(front: Front) -> Any:
    codes = ("a = 1", "for i in x:", "def broken(:", "if a:\n    b")
    return [front.ask("is_complete_request", {"code": code}).content for code in codes]


@capability("History", oneshot=Differs("no: it is empty", _nothing))
def _(front: Front) -> Any:
    front.cell("history_mark = 1")
    asked = {"hist_access_type": "tail", "n": 1, "output": False, "raw": True}
    return [entry[2] for entry in front.ask("history_request", asked).content["history"]]


# -- more than cells ------------------------------------------------------------------------------


@capability("Widgets", oneshot=Cannot("Widgets need a Python that lives on after its cell"))
def _(front: Front) -> Any:
    made = front.cell(
        "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\n"
        "slider.observe(lambda change: print('moved to', change.new), 'value')\nslider"
    )
    opened = made.of_type("comm_open")
    if not opened:
        return made.seen()
    comm_id = opened[-1]["content"]["comm_id"]
    update = {"comm_id": comm_id, "data": {"method": "update", "state": {"value": 7}}}
    moved = front.ask("comm_msg", update)
    return moved.seen(), front.cell("print(slider.value)").seen()


@capability(
    "Debugger",
    interpreter=Cannot("A built-in pool has no debugger"),
    oneshot=Cannot("There is no debugger for this kind of pool"),
)
def _(front: Front) -> Any:
    content = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
    return sorted(front.ask("debug_request", content, channel="control").content.items(), key=str)


@capability(
    "Subshells",
    interpreter=Cannot("A built-in pool has no subshells"),
    oneshot=Cannot("There are no subshells for this kind of pool"),
)
def _(front: Front) -> Any:
    asked = front.ask("create_subshell_request", {}, channel="control").content
    front.ask(
        "delete_subshell_request", {"subshell_id": asked.get("subshell_id")}, channel="control"
    )
    return asked


@capability("Memory and CPU in the status bar", oneshot=Differs("no", _nothing))
def _(front: Front) -> Any:
    asked = front.ask("usage_request", {}, channel="control").content
    return {name: type(value).__name__ for name, value in asked.items() if "cpu" not in name}


def _code(code: str, allow_stdin: bool = False) -> dict[str, Any]:
    return {"code": code, "silent": False, "user_expressions": {}, "allow_stdin": allow_stdin}
