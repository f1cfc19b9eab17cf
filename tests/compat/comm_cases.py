"""Comms: the channel that widgets talk through."""

from __future__ import annotations

from typing import Any, Final

from ..kernel.live_kernel import waits_for
from .case import Section
from .front import Exchange, Front, gate
from .subshell_cases import create_subshell, delete_subshell

COMMS: Final = Section(
    "Comms",
    "Compared as the messages are, with every byte of the buffers.",
    ("message", "what is done"),
)
case = COMMS.case

ECHO = (
    # One that nobody holds is closed by the garbage collector, whenever that comes.
    "held = []\n"
    "def opened(comm, message):\n"
    "    held.append(comm)\n"
    "    def echo(m):\n"
    "        data = m['content']['data']\n"
    # Else a timer decides on which side of the answer it comes.
    "        print('got', data, flush=True)\n"
    "        comm.send({'echo': data}, metadata={'a': 1}, buffers=m['buffers'])\n"
    "    comm.on_msg(echo)\n"
    "    comm.on_close(lambda m: print('closed', m['content']['data']))\n"
    "    comm.send({'hello': message['content']['data']})\n"
    "get_ipython().kernel.comm_manager.register_target('echo', opened)"
)
#: More than fits into one request to the pool.
LARGE = bytes(range(256)) * 12_000


def open_comm(front: Front, comm_id: str = "echo-comm", **options: Any) -> Exchange:
    if front.value("'held' in globals()") == "False":
        front.cell(ECHO, silent=True)
    content = {"comm_id": comm_id, "target_name": "echo", "data": {"n": 0}}
    return front.ask("comm_open", content, **options)


def message(data: Any, comm_id: str = "echo-comm") -> dict[str, Any]:
    return {"comm_id": comm_id, "data": data}


@case("`comm_open`, `comm_msg`, `comm_close`", "opened by the front end, which also closes it")
def _(front: Front) -> Any:
    return [
        open_comm(front).seen(),
        front.ask("comm_msg", message({"n": 1}), metadata={"own": True}).seen(),
        front.ask("comm_info_request", {"target_name": "echo"}).seen(),
        front.ask("comm_close", message({"last": 1})).seen(),
        front.ask("comm_info_request", {"target_name": "echo"}).seen(),
    ]


@case("`comm_open`, `comm_msg`, `comm_close`", "opened by a cell, which also closes it")
def _(front: Front) -> Any:
    codes = (
        "from comm import create_comm\n"
        "own = create_comm(target_name='own', data={'a': 1}, buffers=[b'\\x00\\xff'])",
        "own.send({'b': 2}, buffers=[b'', b'xyz'])",
        "own.close({'c': 3})",
    )
    return [front.cell(code).seen() for code in codes]


@case("`comm_msg` with buffers", "none, empty, small, 3 MB both ways")
def _(front: Front) -> Any:
    open_comm(front)
    sent: tuple[tuple[bytes, ...], ...] = ((), (b"",), (b"\x00\xff", b"\n"), (LARGE, b"x"))
    seen = [front.ask("comm_msg", message(n), buffers=some) for n, some in enumerate(sent)]
    for exchange, some in zip(seen, sent, strict=True):
        (back,) = exchange.of_type("comm_msg")
        assert tuple(bytes(one) for one in back["buffers"]) == some
    front.ask("comm_close", message({}))
    return [exchange.seen() for exchange in seen]


@case("`comm_msg`", "many at once keep their order")
def _(front: Front) -> Any:
    open_comm(front)
    sent = [front.send("comm_msg", message({"n": n})) for n in range(50)]
    seen = [front.outcome(one).seen() for one in sent]
    answers = [m["content"] for m in front.all_messages() if m["msg_type"] == "comm_msg"][-50:]
    front.ask("comm_close", message({}))
    return seen, answers


@case("`comm_msg`, then a cell", "the cell sees what the message has changed, 3 MB of buffer too")
def _(front: Front) -> Any:
    open_comm(front)
    front.cell("got = []\nheld[-1].on_msg(lambda m: got.append(m['content']['data']))")
    seen = []
    for n, buffers in enumerate([(), (LARGE,), ()]):
        changed = front.send("comm_msg", message({"n": n}), buffers=buffers)
        cell = front.send("execute_request", {"code": "got[-1]"})
        seen += [front.outcome(changed).seen(), front.outcome(cell).seen()]
    front.ask("comm_close", message({}))
    return seen


@case("`comm_msg` to the main shell", "answered when the running cell is over")
def _(front: Front) -> Any:
    open_comm(front)
    with gate() as opened:
        cell = front.send("execute_request", {"code": f"print('on')\n{waits_for(opened)}"})
        front.wait_for_text(cell["header"]["msg_id"], "on")
        asked = front.send("comm_msg", message({"n": 2}))
        opened.touch()
        seen = front.outcome(cell).seen(), front.outcome(asked).seen()
    front.ask("comm_close", message({}))
    return seen


@case(
    "`comm_msg` to the main shell",
    "answered while a cell awaits",
    difference="ipykernel says neither busy nor idle of it. ipywidgets waits for an idle before it "
    "sends the next change, so there a slider stops after its first move; here it goes on. The "
    "cell's busy is said again after it, for JupyterLab takes the last status for the kernel's "
    "(`tests/browser/test_widgets.py`).",
    without=lambda seen: (*seen[:2], *([m for m in s if m != "status"] for s in seen[2:])),
)
def _(front: Front) -> Any:
    open_comm(front)
    with gate() as opened:
        code = (
            "import asyncio, os\nprint('on')\n"
            f"while not os.path.exists({str(opened)!r}): await asyncio.sleep(0.01)\n"
            "print('off')"
        )
        cell = front.send("execute_request", {"code": code})
        front.wait_for_text(cell["header"]["msg_id"], "on")
        asked = front.send("comm_msg", message({"n": 2}))
        msg_id = asked["header"]["msg_id"]
        answer = front.wait_for(msg_id, lambda m: m["msg_type"] == "comm_msg")
        opened.touch()
        running = front.outcome(cell)
    front.ask("comm_close", message({}))
    types = [m["msg_type"] for m in front.messages_of(msg_id)]
    return answer["content"], running.content, types, [m["msg_type"] for m in running.iopub]


@case("`comm_msg` with `subshell_id`", "answered while a cell runs, if that subshell used it last")
def _(front: Front) -> Any:
    subshell = create_subshell(front)
    opened = open_comm(front, subshell_id=subshell).seen()
    front.cell("import threading\ngo = threading.Event()")
    cell = front.send("execute_request", {"code": "print('on')\n_ = go.wait(100)"})
    front.wait_for_text(cell["header"]["msg_id"], "on")
    beside = front.ask("comm_msg", message({"n": 3}), subshell_id=subshell, buffers=[b"\x01"])
    front.cell("go.set()", subshell_id=subshell)
    seen = opened, beside.seen(), front.outcome(cell).seen()
    delete_subshell(front, subshell)
    return seen, front.cell("'alive'").seen()


@case(
    "`comm_msg` with `subshell_id`", "after the running cell, if the main shell used the comm last"
)
def _(front: Front) -> Any:
    open_comm(front)
    subshell = create_subshell(front)
    with gate() as opened:
        cell = front.send("execute_request", {"code": f"print('on')\n{waits_for(opened)}"})
        front.wait_for_text(cell["header"]["msg_id"], "on")
        asked = front.send("comm_msg", message({"n": 3}), subshell_id=subshell, buffers=[b"\x01"])
        opened.touch()
        seen = front.outcome(cell).seen(), front.outcome(asked).seen()
    delete_subshell(front, subshell)
    front.ask("comm_close", message({}))
    return seen


@case("`comm_msg` with `subshell_id`", "a subshell that does not exist: the main shell handles it")
def _(front: Front) -> Any:
    open_comm(front)
    seen = front.ask("comm_msg", message({"n": 4}), subshell_id="no-such-subshell").seen()
    front.ask("comm_close", message({}))
    return seen


@case(
    "`comm_open` with `subshell_id`",
    "a subshell that does not exist",
    difference="ipykernel adds a `comm_reply`, which the protocol does not have. Not passed on.",
    without=lambda seen: (seen[0]["iopub"], seen[1]),
)
def _(front: Front) -> Any:
    asked = open_comm(front, subshell_id="no-such-subshell")
    alive = front.cell("'alive'").seen()
    asked.reply = front.stray_reply(asked.sent)
    return asked.seen(), alive


@case("`comm_open`", "a target that nobody has registered: closed at once")
def _(front: Front) -> Any:
    content = {"comm_id": "nobodys", "target_name": "nobody", "data": {}}
    return front.ask("comm_open", content).seen(), front.cell("'alive'").seen()


@case("`comm_msg`, `comm_close`", "a comm that does not exist")
def _(front: Front) -> Any:
    seen = [front.ask(what, message({}, "unknown")).seen() for what in ("comm_msg", "comm_close")]
    return [*seen, front.cell("'alive'").seen()]


@case("`comm_msg`", "a handler that fails, and one that lacks its fields")
def _(front: Front) -> Any:
    front.cell(
        "def opened(comm, message):\n    held.append(comm)\n    comm.on_msg(lambda m: 1 / 0)\n"
        "get_ipython().kernel.comm_manager.register_target('fails', opened)"
    )
    front.ask("comm_open", {"comm_id": "f", "target_name": "fails", "data": {}})
    seen = [
        front.ask("comm_msg", message({}, "f")).seen(),
        front.ask("comm_msg", {}).seen(),
        front.cell("'alive'").seen(),
    ]
    for one in seen:
        # Where the traceback stood is the interpreter's own affair.
        one["iopub"] = [m for m in one["iopub"] if m["type"] != "stream"]
    return seen
