"""Every request on every channel, and the order in which they are answered."""

from __future__ import annotations

from typing import Any, Final

from ..kernel.live_kernel import JupyterMessage, waits_for
from .case import Section
from .front import Exchange, Front, gate

CHANNELS: Final = Section(
    "Channels",
    "Compared as the messages are. The control channel takes every request, and what is asked "
    "there overtakes what runs. The shell channel keeps its order.",
    ("request", "what is done"),
)
case = CHANNELS.case

#: A request of each type that the shell channel answers.
QUESTIONS: Final[dict[str, dict[str, Any]]] = {
    "inspect_request": {"code": "print", "cursor_pos": 5, "detail_level": 0},
    "history_request": {"output": False, "raw": True, "hist_access_type": "range", "start": 0},
    "is_complete_request": {"code": "for i in x:"},
    "comm_info_request": {},
    "kernel_info_request": {},
    "connect_request": {},
}
#: Those of the control channel.
CONTROLS: Final[dict[str, dict[str, Any]]] = {
    "debug_request": {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}},
    "usage_request": {},
    "create_subshell_request": {},
    "delete_subshell_request": {"subshell_id": "none"},
    "list_subshell_request": {},
    "interrupt_request": {},
}
#: What says which kernel, computer or tip of the day it is, and what a kernel has done before.
_CHANCE: Final = (
    "banner",
    "implementation",
    "implementation_version",
    "supported_features",
    "history",
)
_NO_REPLY: Final = "ipykernel leaves it without a reply; this kernel replies with an error."


def _code(code: str, **options: Any) -> dict[str, Any]:
    return {"code": code, "silent": False, "allow_stdin": False, **options}


def _shape(seen: Any) -> Any:
    content = seen["reply"]["content"]
    for key, value in content.items():
        if key in _CHANCE or key.endswith("_port"):
            content[key] = type(value).__name__
    return seen


def _without_replies(seen: Any) -> Any:
    return [one["iopub"] for one in seen]


@case("`execute_request` on the control channel", "a value, output, silent, an error, input")
def _(front: Front) -> Any:
    asked = [
        _code("control_mark = 1\n1 + 1"),
        _code("print('said')", user_expressions={"mark": "control_mark"}),
        _code("2", silent=True),
        _code("1 / 0"),
        _code("input()"),
    ]
    seen = [front.ask("execute_request", one, channel="control").seen() for one in asked]
    return [*seen, front.cell("control_mark").seen()]


@case("`execute_request` on the control channel", "several at once, the first one fails")
def _(front: Front) -> Any:
    codes = ("1 / 0", "'a'", "'b'")
    sent = [front.send("execute_request", _code(code), channel="control") for code in codes]
    return [front.outcome(one, "control").seen() for one in sent]


@case(
    "`execute_request` on the control channel",
    "while a cell runs; its error aborts those that wait for the shell",
)
def _(front: Front) -> Any:
    with gate() as opened:
        running = front.send("execute_request", _code(f"print('on')\n{waits_for(opened)}"))
        front.wait_for_text(_id(running), "on")
        waiting = [front.send("execute_request", _code(f"'shell {n}'")) for n in range(2)]
        # Overtaken by nothing, so known to have arrived when it is answered.
        front.ask("kernel_info_request", {}, channel="control")
        beside = front.ask("execute_request", _code("1 / 0"), channel="control").seen()
        opened.touch()
        after = [front.outcome(one).seen() for one in (running, *waiting)]
    return beside, after


@case("other requests of the shell channel", "on the control channel")
def _(front: Front) -> Any:
    complete = {"code": "'a'.isal", "cursor_pos": 8}
    completed = front.ask("complete_request", complete, channel="control").seen()
    for match in completed["reply"]["content"]["metadata"]["_jupyter_types_experimental"]:
        # IPython looks these up for a limited time.
        match["signature"] = match["type"] = "<looked up>"
    return [
        completed,
        *(_shape(front.ask(*one, channel="control").seen()) for one in QUESTIONS.items()),
    ]


@case("`comm_open`, `comm_msg`, `comm_close`", "on the control channel, which knows no comms")
def _(front: Front) -> Any:
    comm = {"comm_id": "control-comm", "target_name": "none", "data": {}}
    types = ("comm_open", "comm_msg", "comm_close")
    return [front.ask(msg_type, comm, channel="control").seen() for msg_type in types]


@case(
    "requests of the control channel",
    "on the shell channel",
    difference=_NO_REPLY,
    without=_without_replies,
)
def _(front: Front) -> Any:
    return [_possibly_answered(front, *one) for one in CONTROLS.items()]


@case(
    "a request of an unknown type",
    "control",
    difference=_NO_REPLY,
    without=_without_replies,
)
def _(front: Front) -> Any:
    return [_possibly_answered(front, "no_such_request", {}, channel="control")]


@case("a message that is no request", "shell and control")
def _(front: Front) -> Any:
    return [
        _possibly_answered(front, msg_type, {"value": "x"}, channel=channel)
        for msg_type in ("input_reply", "execute_reply", "no_such")
        for channel in ("shell", "control")
    ]


@case(
    "a request without its fields",
    "shell and control",
    difference="ipykernel leaves it without a reply. This kernel replies with an error, which a "
    "cell shows, too.",
    without=lambda seen: [
        [m["content"] for m in one["iopub"][:: len(one["iopub"]) - 1]] for one in seen
    ],
)
def _(front: Front) -> Any:
    sent = [
        (front.send(msg_type, {}, channel=channel), channel)
        for msg_type, channel in (
            ("execute_request", "control"),
            ("complete_request", "shell"),
        )
    ]
    return [_possible_outcome(front, *one) for one in sent]


@case("requests that come while a cell runs", "the order of all replies, busy and idle")
def _(front: Front) -> Any:
    before = len(front.all_messages())
    with gate() as opened:
        code = f"print('on')\n{waits_for(opened)}"
        sent = [front.send("execute_request", _code(code))]
        front.wait_for_text(_id(sent[0]), "on")
        sent += [front.send(*one) for one in QUESTIONS.items()]
        sent += [front.send("execute_request", _code("'behind'"))]
        control = [front.ask(*one, channel="control") for one in QUESTIONS.items()]
        opened.touch()
        front.outcome(sent[-1])
    names = {_id(one): f"{n}: {one['msg_type']}" for n, one in enumerate(sent)}
    names |= {_id(one.sent): f"control: {one.sent['msg_type']}" for one in control}
    said = front.all_messages()[before:]
    states = [
        (names[m["parent_header"]["msg_id"]], m["content"].get("execution_state", m["msg_type"]))
        for m in said
        if m["parent_header"].get("msg_id") in names
    ]
    return states, [names[msg_id] for msg_id in front.replied if msg_id in names]


def _possibly_answered(
    front: Front, msg_type: str, content: dict[str, Any], channel: str = "shell"
) -> Any:
    return _possible_outcome(front, front.send(msg_type, content, channel=channel), channel)


def _possible_outcome(front: Front, sent: JupyterMessage, channel: str) -> Any:
    """A later request's answer on the same channel shows that there is no reply."""
    front.finish_without_reply(sent)
    front.ask("kernel_info_request", {}, channel=channel)
    return Exchange(sent, front.messages_of(_id(sent)), front.stray_reply(sent)).seen()


def _id(sent: JupyterMessage) -> str:
    return str(sent["header"]["msg_id"])
