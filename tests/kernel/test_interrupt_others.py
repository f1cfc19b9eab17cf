"""Interrupts while no cell of this kernel runs in the session, but something else does."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ..conftest import RunningPool, StartPool
from .conftest import StartKernel
from .live_kernel import LiveKernel, alive, wait_until

#: Comm messages print and then loop; ``kept`` tells whether variables are.
LOOPING_CALLBACK = """
kept = 'kept'
def opened(comm, message):
    @comm.on_msg
    def loop(message):
        print('looping', flush=True)
        while True: pass
get_ipython().kernel.comm_manager.register_target('loops', opened)
"""


def _looping_repr(entered: Path, in_loop: str) -> str:
    return (
        "import time\nkept = 'kept'\nclass Looping:\n    def __repr__(self):\n"
        f"        open({str(entered)!r}, 'w').close()\n        {in_loop}\nlooping = Looping()"
    )


def _send(kernel: LiveKernel, msg_type: str, **content: Any) -> str:
    message = kernel.kc.session.msg(msg_type, content)
    kernel.kc.shell_channel.send(message)
    return str(message["header"]["msg_id"])


def _is_idle(message: dict[str, Any]) -> bool:
    return bool(message["content"].get("execution_state") == "idle")


@pytest.fixture
def callback(kernel: LiveKernel) -> str:
    """The ``msg_id`` of a comm message whose callback loops."""
    kernel.run(LOOPING_CALLBACK)
    _send(kernel, "comm_open", comm_id="c", target_name="loops", data={})
    msg_id = _send(kernel, "comm_msg", comm_id="c", data={})
    kernel.wait_for_text(msg_id, "looping")
    return msg_id


def test_a_comm_callback_is_stopped_and_variables_stay(kernel: LiveKernel, callback: str) -> None:
    kernel.interrupt()
    kernel.wait_for(callback, _is_idle)
    assert kernel.run("kept").result == "'kept'"


def test_a_cell_behind_a_comm_callback_runs_once_that_is_stopped(
    kernel: LiveKernel, callback: str
) -> None:
    msg_id = kernel.execute("kept")
    kernel.interrupt()
    assert kernel.finish(msg_id).result == "'kept'"


def test_a_comm_callback_is_stopped_by_a_double_click_too(
    kernel: LiveKernel, callback: str
) -> None:
    kernel.interrupt()
    kernel.interrupt()
    kernel.wait_for(callback, _is_idle)
    assert kernel.run("kept").result == "'kept'"


def test_an_inspection_that_loops_is_answered_and_the_cell_behind_it_runs(
    kernel: LiveKernel, tmp_path: Path
) -> None:
    entered = tmp_path / "entered"
    kernel.run(_looping_repr(entered, "while True: pass"))
    inspection = kernel.kc.inspect("looping")
    wait_until(entered.exists)
    behind = kernel.execute("kept")
    kernel.interrupt()
    answer = kernel.reply(inspection)
    assert (answer["msg_type"], answer["content"]["status"]) == ("inspect_reply", "error")
    assert answer["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.finish(behind).result == "'kept'"


def test_an_inspection_that_ignores_the_interrupt_is_answered_all_the_same(
    kernel: LiveKernel, tmp_path: Path
) -> None:
    entered, release = tmp_path / "entered", tmp_path / "release"
    stubborn = (
        f"import os\n        while not os.path.exists({str(release)!r}):\n"
        "            try: time.sleep(0.05)\n            except KeyboardInterrupt: pass\n"
        "        return 'at last'"
    )
    kernel.run(_looping_repr(entered, stubborn))
    inspection = kernel.kc.inspect("looping")
    wait_until(entered.exists)
    behind = kernel.execute("kept")
    kernel.interrupt()
    assert kernel.reply(inspection)["content"]["ename"] == "KeyboardInterrupt"
    release.touch()
    assert kernel.finish(behind).result == "'kept'"


def test_a_cell_that_a_killed_kernel_left_running_is_interrupted(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    notebook = {**local_pool.env, "JPY_SESSION_NAME": str(tmp_path / "reopened.ipynb")}
    killed = start_kernel(notebook)
    killed.run("kept = 'kept'")
    msg_id = killed.execute("print('running', flush=True)\nwhile True: pass")
    killed.wait_for_text(msg_id, "running")
    pid = killed.process.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    reopened = start_kernel(notebook)
    reopened.interrupt()
    assert reopened.run("kept").result == "'kept'"


def test_a_cell_behind_a_request_that_waits_for_a_session_is_interrupted_and_never_runs(
    start_pool: StartPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    pool = start_pool("--max-sessions", "1")
    holder = start_kernel(pool.env)
    waiting = start_kernel(pool.env, ready=False)
    ran = tmp_path / "ran"
    request = waiting.kc.comm_info()
    waiting.wait_for(request, lambda message: message["msg_type"] == "status")
    msg_id = waiting.execute(f"open({str(ran)!r}, 'w')")
    # Nothing tells when it is here, behind the other.
    assert waiting.interrupt_until_over(msg_id).error["ename"] == "KeyboardInterrupt"
    holder.stop()
    refused = waiting.reply(request)["content"]  # only cells wait for a place
    assert (refused["status"], refused["ename"]) == ("error", "PoolFull")
    assert waiting.run("'a session at last'").result == "'a session at last'"
    assert not ran.exists()
