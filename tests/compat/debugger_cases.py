"""Every debugger action of JupyterLab (``packages/debugger``), in the order of a person's session.

Each case leaves the debugger as the next one needs it.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

from ..kernel.live_kernel import JupyterMessage
from .case import Section
from .front import Exchange, Front

DEBUGGER: Final = Section(
    "Debugger",
    "One debugging session in JupyterLab's order. Compared are the replies and the "
    "`debug_event` messages with all their fields.",
    ("action", "what is done"),
)
case = DEBUGGER.case

CODE: Final = (
    "def half(x):\n"
    "    y = x / 2\n"
    "    return y\n"
    "\n"
    "numbers = [1, 2]\n"
    "total = 0\n"
    "for n in numbers:\n"
    "    total += half(n)\n"
    "print('total', total)"
)


class Debugging:
    """What a debugger's front end knows: where the cell's source is, where it stopped."""

    def __init__(self, front: Front) -> None:
        self.front, self.seq = front, 0
        self.path = ""
        self.cell: JupyterMessage = {}
        self.frames: list[dict[str, Any]] = []
        self.stops = 0
        self.waiting: JupyterMessage = {}

    def ask(self, command: str, **arguments: Any) -> Exchange:
        self.seq += 1
        content = {
            "type": "request",
            "seq": self.seq,
            "command": command,
            "arguments": arguments,
        }
        return self.front.ask("debug_request", content, channel="control")

    def body(self, command: str, **arguments: Any) -> Any:
        return self.ask(command, **arguments).content["body"]

    def events(self, name: str) -> list[dict[str, Any]]:
        events = [m for m in self.front.all_messages() if m["msg_type"] == "debug_event"]
        return [m["content"] for m in events if m["content"]["event"] == name]

    def wait_for_stop(self) -> dict[str, Any]:
        """Stopped once more than before. An event has the parent it happens to have."""
        self.stops += 1
        while len(self.events("stopped")) < self.stops:
            self.front.read_on()
        stop = self.events("stopped")[-1]
        self.frames = self.body("stackTrace", threadId=stop["body"]["threadId"])["stackFrames"]
        return stop

    @property
    def thread(self) -> int:
        return int(self.events("stopped")[-1]["body"]["threadId"])

    @property
    def where(self) -> tuple[str, int]:
        return self.frames[0]["name"], self.frames[0]["line"]

    def variables(self, reference: int) -> list[Any]:
        """Without what the cases of a module have left there."""
        found: list[Any] = self.body("variables", variablesReference=reference)["variables"]
        return found


_sessions: Final[WeakKeyDictionary[Front, Debugging]] = WeakKeyDictionary()


def debugging(front: Front) -> Debugging:
    """The one session with this kernel."""
    return _sessions.setdefault(front, Debugging(front))


def _reply(exchange: Exchange) -> Any:
    """The events of a request come when they come, so each has a case."""
    seen = exchange.seen()
    seen["iopub"] = [m for m in seen["iopub"] if m["type"] != "debug_event"]
    return seen


@case("`debugInfo`", "before the debugger is started")
def _(front: Front) -> Any:
    return _reply(debugging(front).ask("debugInfo"))


@case("`inspectVariables`, `richInspectVariables`, `variables`", "without a debugger")
def _(front: Front) -> Any:
    front.cell(
        "class Rich:\n    def _repr_html_(self): return '<b>x</b>'\nrich, plain = Rich(), [1, 2]"
    )
    one = debugging(front)
    found = one.ask("inspectVariables")
    variables = found.content["body"]["variables"]
    inner = next(v for v in variables if v["name"] == "plain")["variablesReference"]
    return [
        _reply(found),
        _reply(one.ask("variables", variablesReference=inner)),
        _reply(one.ask("richInspectVariables", variableName="rich")),
        _reply(one.ask("richInspectVariables", variableName="not_there")),
        _reply(one.ask("richInspectVariables", variableName="not a name")),
    ]


@case("`stackTrace`", "before the debugger is started")
def _(front: Front) -> Any:
    return _reply(debugging(front).ask("stackTrace", threadId=1))


@case("`initialize`", "as JupyterLab does; the event `initialized` follows `attach`")
def _(front: Front) -> Any:
    return _reply(
        debugging(front).ask(
            "initialize",
            clientID="jupyterlab",
            clientName="JupyterLab",
            adapterID="python",
            pathFormat="path",
            linesStartAt1=True,
            columnsStartAt1=True,
            supportsVariableType=True,
            supportsVariablePaging=True,
            supportsRunInTerminalRequest=True,
            locale="en",
        )
    )


@case("`attach`", "the reply, and the event `initialized`")
def _(front: Front) -> Any:
    one = debugging(front)
    attached = _reply(one.ask("attach"))
    while not one.events("initialized"):
        front.read_on()
    return attached, one.events("initialized")


@case("`dumpCell`", "the source goes to a file of the session")
def _(front: Front) -> Any:
    dumped = debugging(front).ask("dumpCell", code=CODE)
    debugging(front).path = dumped.content["body"]["sourcePath"]
    return _reply(dumped)


@case("`setBreakpoints`", "two lines; `debugInfo` lists them")
def _(front: Front) -> Any:
    one = debugging(front)
    source = {"path": one.path}
    lines = [{"line": 2}, {"line": 9}]
    asked = one.ask("setBreakpoints", source=source, breakpoints=lines, sourceModified=False)
    return _reply(asked), _reply(one.ask("debugInfo"))


@case("`setExceptionBreakpoints`", "none, raised, uncaught")
def _(front: Front) -> Any:
    one = debugging(front)
    return [
        _reply(one.ask("setExceptionBreakpoints", filters=filters))
        for filters in (["raised"], ["uncaught"], [])
    ]


@case("`configurationDone`", "the debugger runs")
def _(front: Front) -> Any:
    return _reply(debugging(front).ask("configurationDone"))


@case("`source`", "the dumped cell, and a file that is not there")
def _(front: Front) -> Any:
    one = debugging(front)
    return [
        _reply(one.ask("source", source={"path": path}))
        for path in (one.path, "/there/is/no/such.py")
    ]


@case("`modules`", "a slice of the list: what a module is described by")
def _(front: Front) -> Any:
    body = debugging(front).body("modules")
    # Which modules an interpreter has imported differs by those of its program.
    return sorted(body), sorted(body["modules"][0]), body["totalModules"] > 100


@case("event `stopped`", "a cell stops at its breakpoint; its thread and why")
def _(front: Front) -> Any:
    one = debugging(front)
    content = {"code": CODE, "silent": False, "store_history": True, "allow_stdin": False}
    one.cell = front.send("execute_request", content)
    stop = one.wait_for_stop()
    assert one.where == ("half", 2)
    return stop


@case("`threads`, `stackTrace`", "the user's frames, none of the kernel's")
def _(front: Front) -> Any:
    one = debugging(front)
    names = {thread["name"] for thread in one.body("threads")["threads"]}
    assert "MainThread" in names
    return _reply(one.ask("stackTrace", threadId=one.thread))


@case("`scopes`, `variables`", "a function's locals; a list's items, in part")
def _(front: Front) -> Any:
    one = debugging(front)
    scopes = one.ask("scopes", frameId=one.frames[0]["id"])
    local = scopes.content["body"]["scopes"][0]["variablesReference"]
    outer = one.body("scopes", frameId=one.frames[1]["id"])["scopes"][-1]["variablesReference"]
    cells = one.variables(outer)
    listed = next(v for v in cells if v["name"] == "numbers")
    return [
        _reply(scopes),
        _reply(one.ask("variables", variablesReference=local)),
        listed,
        _reply(one.ask("variables", variablesReference=listed["variablesReference"])),
        _reply(
            one.ask("variables", variablesReference=listed["variablesReference"], start=0, count=1)
        ),
    ]


@case("`richInspectVariables`", "at a breakpoint: a number, an object with HTML")
def _(front: Front) -> Any:
    one = debugging(front)
    frame = one.frames[0]["id"]
    return [
        _reply(one.ask("richInspectVariables", variableName=name, frameId=frame))
        for name in ("x", "rich")
    ]


@case("`evaluate`", "an expression, an assignment, an error, at a breakpoint")
def _(front: Front) -> Any:
    one = debugging(front)
    frame = one.frames[0]["id"]
    return [
        _reply(one.ask("evaluate", expression=code, context="repl", frameId=frame))
        for code in ("x + 100", "x = 8", "no_such_name", "[n for n in range(3)]")
    ]


@case("`setVariable`, `setExpression`", "a local at a breakpoint")
def _(front: Front) -> Any:
    one = debugging(front)
    frame = one.frames[0]["id"]
    local = one.body("scopes", frameId=frame)["scopes"][0]["variablesReference"]
    return [
        _reply(one.ask("setVariable", variablesReference=local, name="x", value="6")),
        _reply(one.ask("setExpression", expression="x", value="4", frameId=frame)),
    ]


@case("`copyToGlobals`", "a local becomes a global; a name that is none")
def _(front: Front) -> Any:
    one = debugging(front)
    frame = one.frames[0]["id"]
    return [
        _reply(
            one.ask("copyToGlobals", srcVariableName="x", dstVariableName=name, srcFrameId=frame)
        )
        for name in ("copied", "not a name")
    ]


@case("`next`", "one line further, in the same function")
def _(front: Front) -> Any:
    one = debugging(front)
    asked = _reply(one.ask("next", threadId=one.thread))
    stop = one.wait_for_stop()
    assert one.where == ("half", 3)
    return asked, stop


@case("`stepOut`", "back in the cell")
def _(front: Front) -> Any:
    one = debugging(front)
    asked = _reply(one.ask("stepOut", threadId=one.thread))
    stop = one.wait_for_stop()
    return asked, stop, one.where


@case("`stepIn`", "into the function again, without its breakpoint")
def _(front: Front) -> Any:
    one = debugging(front)
    one.ask("setBreakpoints", source={"path": one.path}, breakpoints=[{"line": 9}])
    seen = []
    for _ in range(4):
        seen.append(_reply(one.ask("stepIn", threadId=one.thread)))
        seen.append(one.wait_for_stop())
        seen.append(one.where)
        if one.where[0] == "half":
            break
    assert one.where == ("half", 2)
    return seen


@case("`debug_request` while a cell is stopped", "is not held up by the shell, which waits")
def _(front: Front) -> Any:
    one = debugging(front)
    # Not a completion: traced by the debugger, jedi takes seconds, and a minute with a cold cache.
    waiting = front.send("is_complete_request", {"code": "for n in range(3):"})
    info = _reply(one.ask("debugInfo"))
    body = info["reply"]["content"]["body"]
    # An interpreter that has sent a long message has ZeroMQ's own thread, too.
    body["stoppedThreads"] = one.thread in body["stoppedThreads"]
    assert not front.messages_of(waiting["header"]["msg_id"])[2:]
    one.waiting = waiting
    return info


@case("`continue`", "to the next breakpoint, with the event `continued`; then to the end")
def _(front: Front) -> Any:
    one = debugging(front)
    seen = [_reply(one.ask("continue", threadId=one.thread)), one.wait_for_stop(), one.where]
    assert one.where[1] == 9
    seen.append(_reply(one.ask("continue", threadId=one.thread)))
    cell = front.outcome(one.cell).seen()
    cell["iopub"] = [m for m in cell["iopub"] if m["type"] != "debug_event"]
    assert cell["iopub"][-2]["content"]["text"].startswith("total")
    return [*seen, cell, front.outcome(one.waiting).seen()["reply"]["content"]]


@case("event `stopped`", "at an exception, and `exceptionInfo`")
def _(front: Front) -> Any:
    one = debugging(front)
    one.ask("setBreakpoints", source={"path": one.path}, breakpoints=[])
    one.ask("setExceptionBreakpoints", filters=["raised"])
    code = "def fails():\n    return 1 / 0\nfails()"
    one.ask("dumpCell", code=code)
    cell = front.send("execute_request", {"code": code})
    stop = one.wait_for_stop()
    where = one.where
    why = _reply(one.ask("exceptionInfo", threadId=one.thread))
    one.ask("setExceptionBreakpoints", filters=[])
    one.ask("continue", threadId=one.thread)
    error = front.outcome(cell).content["ename"]
    return stop, where, why, error


@case("`pause`", "a cell that loops stops where it is, and goes on")
def _(front: Front) -> Any:
    one = debugging(front)
    code = (
        "import time\nprint('loops')\n"
        "for n in range(2000):\n    time.sleep(0.005)\n    if paused: break"
    )
    front.cell("paused = False")
    one.ask("dumpCell", code=code)
    cell = front.send("execute_request", {"code": code})
    front.wait_for_text(cell["header"]["msg_id"], "loops")
    asked = _reply(one.ask("pause", threadId=one.thread))
    stop = one.wait_for_stop()
    frame = one.frames[-1]
    one.ask("evaluate", expression="paused = True", context="repl", frameId=frame["id"])
    one.ask("continue", threadId=one.thread)
    return asked, stop, front.outcome(cell).content["status"], front.value("paused")


@case("a command that no debugger has", "answered as debugpy does")
def _(front: Front) -> Any:
    return _reply(debugging(front).ask("noSuchCommand"))


@case("`disconnect`", "the debugger ends, the kernel lives; started a second time")
def _(front: Front) -> Any:
    one = debugging(front)
    ended = _reply(one.ask("disconnect", restart=False, terminateDebuggee=False))
    info = _reply(one.ask("debugInfo"))
    alive = front.cell("'alive'").seen()
    again = one.ask("initialize", clientID="jupyterlab", adapterID="python")
    assert again.content["success"], again.content
    one.ask("attach")
    one.ask("disconnect", restart=False, terminateDebuggee=False)
    return ended, info, alive, front.cell("'alive again'").seen()
