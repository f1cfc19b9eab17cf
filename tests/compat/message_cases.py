"""Every message type of the Jupyter messaging protocol 5.5."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from ..kernel.live_kernel import JupyterMessage, waits_for
from .case import Section
from .front import Exchange, Front, gate
from .subshell_cases import create_subshell, delete_subshell

MESSAGES: Final = Section(
    "Messages",
    "Every message type of the Jupyter messaging protocol 5.5. Compared are all messages that the "
    "request brings about on every channel: type, content, metadata, buffers, parent header, "
    "their order, the reply and its status, busy and idle.",
    ("message", "what is done"),
)
case = MESSAGES.case


def _cells(front: Front, *codes: str) -> list[Any]:
    return [front.cell(code).seen() for code in codes]


def _without(*keys: str) -> Any:
    """Takes these keys out of the reply's content."""

    def without(seen: Any) -> Any:
        content = seen["reply"]["content"]
        left = {key: value for key, value in content.items() if key not in keys}
        return {**seen, "reply": {**seen["reply"], "content": left}}

    return without


# -- execute and its outputs ----------------------------------------------------------------------


@case("`execute_request`, `execute_input`, `execute_reply`", "a cell without output")
def _(front: Front) -> Any:
    return _cells(front, "a = 1", "", "   ", "# a comment")


@case("`execute_result`", "text, a dictionary, HTML with metadata, None, a result ended by `;`")
def _(front: Front) -> Any:
    rich = (
        "class Rich:\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/html': '<b>x</b>', 'text/plain': 'x'}, {'text/html': {'a': 1}}\n"
        "Rich()"
    )
    return _cells(front, "'text'", "{'a': [1, None]}", rich, "None", "1;")


@case("`stream`", "stdout and stderr in turn, without line ends, from a child process")
def _(front: Front) -> Any:
    return _cells(
        front,
        "import sys\nfor n in range(3):\n"
        "    print(n, flush=True)\n    print(-n, file=sys.stderr, flush=True)",
        "print('a\\r\\u2028\\U0001f40d', end='')",
        # What a child prints is read by a thread, which on a busy machine needs its time.
        "import subprocess, time\n_ = subprocess.run(['echo', 'from a child'])\ntime.sleep(1)",
    )


@case("`display_data`", "text, HTML, JSON, SVG, an image, metadata, a type of one's own")
def _(front: Front) -> Any:
    return _cells(
        front,
        "from IPython.display import HTML, JSON, SVG, Image, display",
        "display('text', HTML('<i>x</i>'), JSON({'a': 1}))",
        "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))",
        "display(Image(b'\\x89PNG\\r\\n\\x1a\\n', format='png', width=3))",
        "display({'application/x.own': {'b': 2}}, raw=True, metadata={'c': 3})",
    )


@case("`update_display_data`", "updated in its own cell and from a later one")
def _(front: Front) -> Any:
    return _cells(front, "shown = display(1, display_id='d')\nshown.update(2)", "shown.update(3)")


@case("`clear_output`", "at once, and when the next output comes")
def _(front: Front) -> Any:
    clear = "from IPython.display import clear_output\nprint(1)\nclear_output({})\nprint(2)"
    return _cells(front, clear.format(""), clear.format("wait=True"))


@case("`error`", "an exception, a syntax error, `SystemExit`, a chain of exceptions")
def _(front: Front) -> Any:
    chain = "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('x') from e"
    return _cells(front, "1 / 0", "def broken(:", "raise SystemExit('bye')", chain)


@case("`stream`, `error`, `input_request`", "text that is no UTF-8, such as names of files")
def _(front: Front) -> Any:
    raises = "raise ValueError('a\\udcc3b')"
    said = "for n in range(3): print(n, 'a\\udcc3b \\udce2\\udc82\\udcac')"
    sent = "print('sent as it is: \udcc3')"
    asks = front.cell("input('a\\udcc3b?')", answers=["yes"]).seen()
    return [*_cells(front, said, raises, sent, "'a\\udcc3b'"), asks]


#: Values that JSON does not have, or that it writes otherwise.
_VALUES: Final = (
    "float('nan'), float('inf'), -float('inf'), 1e16, -0.0",
    "numpy.float64(1.5), numpy.float32('nan'), numpy.int64(7)",
    "datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.timezone.utc), datetime.date(2026, 1, 2)",
    "{2}, (1, 2), b'bytes', range(3), 2**64, -10**4000, True, numpy.arange(3)",
    "datetime.datetime(2026, 1, 2)",
    "{1: 'a', None: 'b', 2.5: 'c', 'd\\udcff': 'e'}, {(1, 2): 'a key of two'}",
    "functools.reduce(lambda inner, n: [inner], range(270), 1)",
)
_UNPACKABLE: Final = (
    "object()",
    "{1: 'a', '1': 'b', 'nan': float('nan'), (): 1}",
    "functools.reduce(lambda inner, n: {'a': inner}, range(100_000), 1)",
)


def _displays(front: Front, values: Sequence[str]) -> Any:
    show = "display({{'application/json': [{0}]}}, raw=True, metadata={{'m': [{0}]}})"
    imports = "import datetime, functools, numpy"
    return _cells(front, imports, *(show.format(value) for value in values))


@case("`display_data`", "values that JSON does not have")
def _(front: Front) -> Any:
    return _displays(front, _VALUES)


@case(
    "`display_data`", "values that JSON does not have, and jupyter_client's warnings without orjson"
)
def _(front: Front) -> Any:
    before = front.value("get_ipython().kernel.session.packer")
    front.cell("get_ipython().kernel.session.packer = 'json'")
    try:
        return _displays(front, _VALUES)
    finally:
        front.cell(f"get_ipython().kernel.session.packer = {before}")


@case("`error`", "values that can't be packed, with their whole tracebacks")
def _(front: Front) -> Any:
    return _displays(front, _UNPACKABLE)


@case("`execute_request`", "silent, without history, with user expressions, with metadata")
def _(front: Front) -> Any:
    return [
        front.cell("print('said'); 1", silent=True).seen(),
        front.cell("'kept out'", store_history=False).seen(),
        front.cell("b = 3", user_expressions={"good": "b + 1", "bad": "1 / 0"}).seen(),
        front.cell("5", metadata={"cellId": "cell-7", "tags": ["x"]}).seen(),
    ]


@case("`execute_reply`: payloads", "`obj?` (page), `set_next_input`")
def _(front: Front) -> Any:
    return _cells(front, "def f(x):\n    'Doc.'", "f?", "get_ipython().set_next_input('next')")


@case("`execute_request` after an error", "the cells that wait are aborted, later ones run")
def _(front: Front) -> Any:
    with gate() as opened:
        first = front.send("execute_request", _code(f"{waits_for(opened)}1 / 0"))
        second = front.send("execute_request", _code("'aborted'"))
        asked = front.send("complete_request", {"code": "impor", "cursor_pos": 5})
        opened.touch()
        seen = [front.outcome(sent).seen() for sent in (first, second, asked)]
    return [*seen, front.cell("'runs'").seen()]


@case("`execute_request` after an error", "`stop_on_error` false: the cells that wait run")
def _(front: Front) -> Any:
    code = _code("import time; time.sleep(0.3); 1 / 0")
    first = front.send("execute_request", {**code, "stop_on_error": False})
    second = front.send("execute_request", _code("'runs'"))
    return [front.outcome(sent).seen() for sent in (first, second)]


def _code(code: str) -> dict[str, Any]:
    return {"code": code, "silent": False, "user_expressions": {}, "allow_stdin": False}


_THREAD: Final = (
    "import threading\ngo, over = threading.Event(), threading.Event()\n"
    "def late():\n    go.wait(100)\n    print('late\\n', end='', flush=True)\n"
    "    display('shown late')\n    over.set()\n"
    "threading.Thread(target=late).start()"
)


@case("late `display_data` and `stream`", "a thread, after its cell: shown under its own cell")
def _(front: Front) -> Any:
    first = front.cell(f"{_THREAD}\nthreading.Timer(0.3, go.set).start()").sent
    front.wait_for(first["header"]["msg_id"], lambda m: m["msg_type"] == "display_data")
    return _shown(front, first)


@case(
    "late `display_data` and `stream`",
    "a thread, after its cell, while another cell runs: shown under the one that runs",
)
def _(front: Front) -> Any:
    first = front.cell(_THREAD).sent
    second = front.cell("go.set()\n_ = over.wait(100)\nprint('second')").sent
    assert _shown(front, first) == []
    return _shown(front, second)


def _shown(front: Front, sent: JupyterMessage) -> list[Any]:
    return [
        (m["msg_type"], m["content"].get("text", m["content"].get("data")))
        for m in front.messages_of(sent["header"]["msg_id"])
        if m["msg_type"] in ("stream", "display_data")
    ]


# -- input ----------------------------------------------------------------------------------------


@case("`input_request`, `input_reply`", "`input()` and `getpass()`, answered")
def _(front: Front) -> Any:
    code = "from getpass import getpass\nprint([input('Name? '), getpass('Secret: ')])"
    return front.cell(code, answers=("Zo\u00eb \U0001f422", "")).seen()


@case("`input_request`", "a front end that does not allow input")
def _(front: Front) -> Any:
    return _cells(front, "input('Name? ')")


# -- questions about code -------------------------------------------------------------------------


@case("`complete_request`, `complete_reply`", "a name, an attribute, a magic, in the middle, none")
def _(front: Front) -> Any:
    front.cell("completed_one = 1\ncompleted_two = 2")
    asked = [
        ("completed_", 10),
        ("'a'.isal", 8),
        ("%matplotl", 9),
        ("completed_o + 1", 11),
        ("xyzzy_", 6),
    ]
    return [_complete(front, code, at) for code, at in asked]


def _complete(front: Front, code: str, cursor_pos: int) -> Any:
    seen = front.ask("complete_request", {"code": code, "cursor_pos": cursor_pos}).seen()
    for match in seen["reply"]["content"]["metadata"]["_jupyter_types_experimental"]:
        # IPython looks these up for a limited time.
        match["signature"] = match["type"] = "<looked up>"
    return seen


@case("`inspect_request`, `inspect_reply`", "brief, with the source, a name that is not there")
def _(front: Front) -> Any:
    front.cell("def inspected(x):\n    'A docstring.'\n    return x")
    asked = [("inspected(", 0), ("inspected", 1), ("not_there", 0)]
    return [
        front.ask(
            "inspect_request", {"code": code, "cursor_pos": len(code), "detail_level": detail}
        ).seen()
        for code, detail in asked
    ]


@case("`is_complete_request`, `is_complete_reply`", "complete, incomplete, invalid")
def _(front: Front) -> Any:
    codes = ("a = 1", "for i in x:", "def broken(:", "if a:\n    b")
    return [front.ask("is_complete_request", {"code": code}).seen() for code in codes]


@case("`history_request`, `history_reply`", "this session's cells: a range, the last, a search")
def _(front: Front) -> Any:
    front.cell("history_mark = 1")
    base = {"output": False, "raw": True}
    asked: list[dict[str, Any]] = [
        {**base, "hist_access_type": "range", "session": 0, "start": 1, "stop": 3},
        {**base, "hist_access_type": "tail", "n": 1, "output": True},
        {**base, "hist_access_type": "search", "pattern": "history_mar*", "n": 1},
    ]
    found = [front.ask("history_request", content).seen() for content in asked]
    for one in found:
        # How many sessions a computer has had before is chance.
        entries = one["reply"]["content"]["history"]
        one["reply"]["content"]["history"] = [entry[1:] for entry in entries]
    return found


# -- about the kernel -----------------------------------------------------------------------------


@case(
    "`kernel_info_request`, `kernel_info_reply`",
    "shell and control",
    difference="`implementation` and its version name this kernel. All else, with the supported "
    "features (subshells, debugger), is what the session's ipykernel says.",
    without=lambda seen: [_without("implementation", "implementation_version")(s) for s in seen],
)
def _(front: Front) -> Any:
    seen = [
        front.ask("kernel_info_request", {}, channel=channel).seen()
        for channel in ("shell", "control")
    ]
    for one in seen:
        # IPython ends its banner with a tip that it draws.
        one["reply"]["content"]["banner"] = one["reply"]["content"]["banner"].partition("Tip:")[0]
    return seen


@case(
    "`connect_request`, `connect_reply`",
    "shell",
)
def _(front: Front) -> Any:
    seen = front.ask("connect_request", {}).seen()
    ports = seen["reply"]["content"]
    # A port is a number that the system draws.
    seen["reply"]["content"] = {name: type(port).__name__ for name, port in ports.items()}
    return seen


@case("`usage_request`, `usage_reply`", "memory and CPU of the interpreter, as in the status bar")
def _(front: Front) -> Any:
    front.ask("usage_request", {}, channel="control")  # the first one has no CPU to tell
    seen = front.ask("usage_request", {}, channel="control").seen()
    measured = seen["reply"]["content"]
    assert measured.pop("host_cpu_percent", 0.0) >= 0.0
    assert measured["kernel_memory"] > 10_000_000
    assert measured["pid"] == int(front.value("__import__('os').getpid()"))
    seen["reply"]["content"] = {name: type(value).__name__ for name, value in measured.items()}
    memory = measured["host_virtual_memory"]
    return seen, sorted(memory), memory["total"], measured["cpu_count"]


@case("`comm_info_request`, `comm_info_reply`", "all, of one target, of a target nobody has")
def _(front: Front) -> Any:
    front.cell("from comm import create_comm\ncomms = [create_comm(target_name=t) for t in 'aab']")
    asked: tuple[dict[str, Any], ...] = ({"target_name": "a"}, {"target_name": "none"}, {})
    seen = [front.ask("comm_info_request", content).seen() for content in asked]
    front.cell("for one in comms: one.close()")
    return seen


@case("`status`", "another shell's request, while a cell runs")
def _(front: Front) -> Any:
    subshell = create_subshell(front)
    with gate() as opened:
        cell = front.send("execute_request", _code(f"print('on')\n{waits_for(opened)}"))
        front.wait_for_text(cell["header"]["msg_id"], "on")
        front.cell("'beside'", subshell_id=subshell)
        opened.touch()
        front.outcome(cell)
    delete_subshell(front, subshell)
    states = [m for m in front.messages_of(cell["header"]["msg_id"]) if m["msg_type"] == "status"]
    return [m["content"]["execution_state"] for m in states]


# -- control --------------------------------------------------------------------------------------


@case("`interrupt_request`, `interrupt_reply`", "a cell that sleeps")
def _(front: Front) -> Any:
    sent = front.send("execute_request", _code("import time\nprint('on')\ntime.sleep(60)"))
    front.wait_for_text(sent["header"]["msg_id"], "on")
    # As a person, who sees the cell run before they stop it.
    time.sleep(1)
    interrupted = front.ask("interrupt_request", {}, channel="control").seen()
    return interrupted, front.outcome(sent).seen(), front.cell("'alive'").seen()


@case("`interrupt_request`, `interrupt_reply`", "when nothing runs")
def _(front: Front) -> Any:
    seen = front.ask("interrupt_request", {}, channel="control").seen()
    return seen, front.cell("'alive'").seen()


@case(
    "a request of an unknown type",
    "shell",
    difference="ipykernel leaves it without a reply; this kernel replies with an error, so that "
    "nobody waits for ever.",
    without=lambda seen: seen["iopub"],
)
def _(front: Front) -> Any:
    sent = front.send("no_such_request", {})
    front.finish_without_reply(sent)
    front.cell("")
    reply = front.stray_reply(sent)
    return Exchange(sent, front.messages_of(sent["header"]["msg_id"]), reply).seen()
