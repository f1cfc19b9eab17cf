"""Bad input to comms and debugger: the session, its boot or the comm is gone. The kernel lives."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.kernel.lanes import Lanes
from azure_session_kernel.kernel.requests import Request
from azure_session_kernel.wire import Message

from ..conftest import RunningPool
from ..kernel.live_kernel import wait_until
from .comm_cases import message, open_comm
from .front import Front
from .subshell_cases import create_subshell


@pytest.fixture
def kernel(local_pool: RunningPool, tmp_path: Path) -> Iterator[Front]:
    front = Front(local_pool.env, tmp_path / "kernel.log")
    try:
        front.wait_until_ready()
        yield front
        assert "Traceback" not in front.logged()
    finally:
        front.stop()


def _stop_session(pool: RunningPool, front: Front) -> None:
    """As Azure does when a cooldown is over."""
    query = {"api-version": "2025-02-02-preview", "identifier": front.identifier}
    with pool.client() as client:
        client.post("/.management/stopSession", params=query).raise_for_status()


def _debug(front: Front, command: str, **arguments: Any) -> dict[str, Any]:
    content = {"type": "request", "seq": 7, "command": command, "arguments": arguments}
    return front.ask("debug_request", content, channel="control").content


def test_a_comm_message_after_its_session_was_lost_ends_in_idle_and_is_logged(
    kernel: Front, local_pool: RunningPool
) -> None:
    open_comm(kernel)
    _stop_session(local_pool, kernel)
    asked = kernel.ask("comm_msg", message({"n": 1}))
    states = [m["content"]["execution_state"] for m in asked.of_type("status")]
    assert (states[0], states[-1]) == ("busy", "idle")
    wait_until(lambda: "a comm_msg was not delivered" in kernel.logged())
    # The next cell tells the loss; the one after it works.
    assert kernel.run("1").status == "error"
    assert kernel.run("'alive'").result == "'alive'"
    assert kernel.ask("comm_msg", message({"n": 2})).of_type("comm_msg") == []


def test_a_comm_message_whose_interpreter_dies_while_it_is_handled_ends_in_idle(
    kernel: Front,
) -> None:
    kernel.cell(
        "def opened(comm, message):\n    import os\n    os._exit(3)\n"
        "get_ipython().kernel.comm_manager.register_target('deadly', opened)"
    )
    content = {"comm_id": "d", "target_name": "deadly", "data": {}}
    kernel.ask("comm_open", content)
    wait_until(lambda: "a comm_open was not delivered" in kernel.logged())
    assert kernel.run("1").error["ename"] == "SessionLost"
    assert kernel.run("'alive'").result == "'alive'"


def test_a_debug_request_whose_interpreter_dies_gets_a_debugger_s_error(kernel: Front) -> None:
    assert _debug(kernel, "initialize", clientID="x", adapterID="python")["success"]
    _debug(kernel, "attach")
    content = {"type": "request", "seq": 9, "command": "evaluate"}
    content["arguments"] = {"expression": "__import__('os')._exit(3)", "context": "repl"}
    sent = kernel.send("debug_request", content, channel="control")
    reply = kernel.outcome(sent, "control").content
    assert (reply["status"], reply["success"], reply["request_seq"]) == ("error", False, 9)
    assert reply["command"] == "evaluate"
    assert reply["ename"] in ("InterpreterDied", "SessionLost")
    assert reply["message"]


def test_a_debug_request_after_its_boot_was_lost_is_answered_by_the_next_one(
    kernel: Front, local_pool: RunningPool
) -> None:
    assert _debug(kernel, "initialize", clientID="x", adapterID="python")["success"]
    kernel.run("a = 1")
    _stop_session(local_pool, kernel)
    lost = _debug(kernel, "debugInfo")
    assert lost.get("success") is False and lost["ename"] == "SessionLost", lost
    assert kernel.run("1").status == "error"
    assert _debug(kernel, "debugInfo")["body"]["isStarted"] is False
    assert kernel.run("'alive'").result == "'alive'"


def test_a_request_to_a_subshell_of_a_lost_boot_gets_an_error(kernel: Front) -> None:
    subshell = create_subshell(kernel)
    kernel.run("import os; os._exit(3)")
    for _ in range(2):
        refused = kernel.cell("1", subshell_id=subshell)
        assert refused.content["status"] == "error"
    assert kernel.run("'alive'").result == "'alive'"


def test_each_comm_message_that_a_cell_lets_pass_ends_in_idle_while_the_cell_is_busy(
    kernel: Front,
) -> None:
    open_comm(kernel)
    cell = kernel.send("execute_request", {"code": "import asyncio\nawait asyncio.sleep(0.5)"})
    kernel.wait_until_running(_id(cell))
    sent = [kernel.send("comm_msg", message({"n": n})) for n in range(3)]
    kernel.outcome(cell)
    for one in sent:
        states = [
            m["content"]["execution_state"]
            for m in kernel.messages_of(_id(one))[:1:-1]
            if _status(m)
        ]
        assert states[0] == "idle"
    states = [m["content"]["execution_state"] for m in kernel.all_messages() if _status(m)]
    assert states[-4:] == ["busy", "idle", "busy", "idle"]


def _status(one: dict[str, Any]) -> bool:
    return bool(one["msg_type"] == "status")


def _id(one: dict[str, Any]) -> str:
    return str(one["header"]["msg_id"])


async def test_a_lane_ends_when_nothing_waits_in_it_and_not_when_its_handler_fails() -> None:
    handled: list[str] = []

    async def answer() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    def handle(request: Request) -> Coroutine[Any, Any, None]:
        handled.append(request.msg_id)
        if request.msg_id[1] == "1":
            raise ZeroDivisionError
        return answer()

    lanes = Lanes(handle)
    for turn in range(2):
        for n in range(3):
            for subshell in ("a", "b", None):
                header = {"msg_id": f"{turn}{n}{subshell}", "subshell_id": subshell}
                lanes.put(
                    Request(Message("shell", {**header, "msg_type": "x_request"}, {}), [], "shell")
                )
        lane_tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert len(lane_tasks) == 3
        await asyncio.gather(*lane_tasks)
    assert [name for name in handled if name.endswith("a")] == [
        "00a",
        "01a",
        "02a",
        "10a",
        "11a",
        "12a",
    ]
    assert len(handled) == 18
