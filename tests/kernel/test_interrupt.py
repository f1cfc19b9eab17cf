"""Interrupt, in every state that a cell can be in (docs/design.md rule 8)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from ..conftest import RunningPool, StartPool
from .conftest import ProxiedPool, StartKernel
from .live_kernel import (
    KERNEL_NAME,
    LIMIT_S,
    PATIENT,
    WITHOUT_PROCESS,
    Cell,
    LiveKernel,
    alive,
    wait_until,
    with_constant,
)
from .tcp_proxy import TcpProxy

#: How long a cell waits for its session to confirm an interrupt.
REACH_S = "azure_session_kernel.kernel.interrupts.REACH_S"


def _interrupt(kernel: LiveKernel, msg_id: str) -> Cell:
    """Interrupt a cell that would outlive this test; how fast, ``benchmarks/`` measures."""
    kernel.interrupt()
    return kernel.finish(msg_id)


# -- while a cell runs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "print('running', flush=True)\nwhile True: pass",
        "import time; print('running', flush=True); time.sleep(600)",
        "import subprocess; subprocess.run(['sh', '-c', 'echo running; sleep 600'])",
        "!echo running; sleep 600",
        "import asyncio; print('running', flush=True); await asyncio.sleep(600)",
        "import threading; print('running', flush=True); threading.Event().wait()",
    ],
    ids=["loop", "sleep", "child", "shell", "await", "lock"],
)
def test_a_running_cell_ends_with_keyboardinterrupt_and_variables_stay(
    kernel: LiveKernel, code: str
) -> None:
    kernel.run("kept = 'kept'")
    msg_id = kernel.execute(code)
    kernel.wait_for_text(msg_id, "running")
    cell = _interrupt(kernel, msg_id)
    if cell.status == "error":  # `!sleep` swallows the signal, as in ipykernel
        assert cell.error["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert kernel.run("kept").result == "'kept'"


def test_a_child_process_of_the_cell_is_ended_too(kernel: LiveKernel) -> None:
    msg_id = kernel.execute(
        "import subprocess\nchild = subprocess.Popen(['sleep', '601'])\n"
        "print(f'pid {child.pid}', flush=True)\nchild.wait()"
    )
    pid = int(kernel.wait_for_text(msg_id, "pid")["content"]["text"].split()[1])
    assert alive(pid)
    error = _interrupt(kernel, msg_id).error
    assert error["ename"] == "KeyboardInterrupt"
    wait_until(lambda: not alive(pid))


def test_a_cell_that_has_only_just_been_sent_is_interrupted(kernel: LiveKernel) -> None:
    kernel.run("kept = 'kept'")
    for _ in range(10):
        msg_id = kernel.execute("import time; time.sleep(600)")
        # Not before the kernel has it: the control channel may overtake the shell channel.
        kernel.wait_for(msg_id, lambda message: message["msg_type"] == "status")
        cell = _interrupt(kernel, msg_id)
        assert cell.error["ename"] == "KeyboardInterrupt"
    assert kernel.run("kept").result == "'kept'"


def test_a_signal_that_does_not_end_the_wait_of_the_main_thread_is_followed_by_another(
    kernel: LiveKernel,
) -> None:
    mask = "import signal, time; signal.pthread_sigmask(signal.{}, [signal.SIGINT])"
    code = mask.format("SIG_BLOCK") + "; print('running', flush=True); time.sleep(600)"
    msg_id = kernel.execute(code, allow_stdin=True)  # a person's, which is never killed at once
    kernel.wait_for_text(msg_id, "running")
    assert _interrupt(kernel, msg_id).error["ename"] == "KeyboardInterrupt"
    assert kernel.run(mask.format("SIG_UNBLOCK")).status == "ok"


def test_cells_that_wait_behind_an_interrupted_one_do_not_run(
    kernel: LiveKernel, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    first = kernel.execute("import time; time.sleep(600)")
    second = kernel.execute(f"open({str(ran)!r}, 'w')")
    kernel.wait_until_running(first)
    assert _interrupt(kernel, first).error["ename"] == "KeyboardInterrupt"
    assert kernel.finish(second).status == "aborted"
    assert kernel.run("1").result == "1"
    assert not ran.exists()


def test_the_interrupt_that_jupyter_client_sends_works(kernel: LiveKernel) -> None:
    msg_id = kernel.execute("import time; time.sleep(600)")
    kernel.wait_until_running(msg_id)
    kernel.km.interrupt_kernel()
    assert kernel.finish(msg_id).error["ename"] == "KeyboardInterrupt"


def test_an_interrupt_of_an_idle_kernel_changes_nothing(kernel: LiveKernel) -> None:
    kernel.run("kept = 'kept'")
    kernel.interrupt()
    assert kernel.run("kept").result == "'kept'"


# -- a cell that does not want to end -------------------------------------------------------------

#: It handles the first signal, and never comes to an end with that.
STUBBORN = """
import time
try:
    print('running', flush=True)
    time.sleep(600)
finally:
    time.sleep(600)
"""


def test_a_cell_that_catches_keyboardinterrupt_goes_on_as_it_wants(kernel: LiveKernel) -> None:
    msg_id = kernel.execute(
        "import time\ntry:\n    print('running', flush=True)\n    time.sleep(600)\n"
        "except KeyboardInterrupt:\n    print('caught')\n'went on'"
    )
    kernel.wait_for_text(msg_id, "running")
    cell = _interrupt(kernel, msg_id)
    assert (cell.status, cell.result) == ("ok", "'went on'")
    assert cell.text() == "running\ncaught\n"


def test_a_double_click_gives_the_cell_the_time_of_one_interrupt(
    kernel: LiveKernel,
) -> None:
    kernel.run("kept = 'kept'")
    msg_id = kernel.execute(
        "import time\ntry:\n    print('running', flush=True)\n    time.sleep(600)\n"
        "finally:\n    time.sleep(0.6)\n    print('tidied up')",
        allow_stdin=True,
    )
    kernel.wait_for_text(msg_id, "running")
    kernel.interrupt()
    time.sleep(0.2)
    kernel.interrupt()
    cell = kernel.finish(msg_id)
    assert cell.error["ename"] == "KeyboardInterrupt"
    assert cell.text() == "running\ntidied up\n"
    assert kernel.run("kept").result == "'kept'"


def test_in_a_grader_one_interrupt_is_enough(kernel: LiveKernel) -> None:
    """Nobody interrupts a second time there, and nbgrader allows 4 s."""
    msg_id = kernel.execute(f"lost = 1\n{STUBBORN}")
    kernel.wait_for_text(msg_id, "running")
    error = _interrupt(kernel, msg_id).error
    assert error["ename"] == "KeyboardInterrupt"
    assert "variables are gone" in error["evalue"]
    assert kernel.run("'lost' in globals()").result == "False"


def test_in_a_grader_a_cell_that_has_handled_the_interrupt_is_left_to_the_graders_own_limit(
    kernel: LiveKernel,
) -> None:
    kernel.run("kept = 'kept'")
    msg_id = kernel.execute(
        "import time\ntry:\n    print('running', flush=True)\n    time.sleep(600)\n"
        "except KeyboardInterrupt:\n    pass\ntime.sleep(3)\nkept"
    )
    kernel.wait_for_text(msg_id, "running")
    assert _interrupt(kernel, msg_id).result == "'kept'"


# -- while there is no session, or no network -----------------------------------------------------


def test_a_cell_that_waits_for_a_free_session_is_interrupted_and_never_runs(
    start_pool: StartPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    pool = start_pool("--max-sessions", "1")
    holder = start_kernel(pool.env)
    waiting = start_kernel(pool.env, ready=False)
    ran = tmp_path / "ran"
    msg_id = waiting.execute(f"open({str(ran)!r}, 'w')")
    waiting.wait_for(msg_id, lambda message: message["msg_type"] == "status")
    assert _interrupt(waiting, msg_id).error["ename"] == "KeyboardInterrupt"
    holder.stop()
    assert waiting.run("'a session at last'").result == "'a session at last'"
    assert not ran.exists()


@pytest.mark.parametrize("failure", ["cut", "stall"])
def test_a_cell_whose_network_is_down_is_interrupted_and_the_kernel_works_afterwards(
    proxied: Callable[[], ProxiedPool], start_kernel: StartKernel, failure: str
) -> None:
    proxy, env = proxied()
    kernel = start_kernel(env)
    kernel.run("kept = 'kept'")
    msg_id = kernel.execute("import time; print('running', flush=True); time.sleep(600)")
    kernel.wait_for_text(msg_id, "running")
    getattr(proxy, failure)()
    error = _interrupt(kernel, msg_id).error
    assert error["ename"] == "KeyboardInterrupt"
    assert "has not confirmed" in error["evalue"]
    proxy.mend()
    # The cell still runs there until the late signal reaches it: the next one waits for that.
    assert kernel.run("kept").result == "'kept'"


def _running_behind_a_slow_link(proxy: TcpProxy, kernel: LiveKernel, connect_s: float) -> str:
    """The ``msg_id`` of a cell that loops. All connections but the reader's are yet to be made."""
    msg_id = kernel.execute(
        "import itertools, time\nfor n in itertools.count():\n"
        "    print(n, flush=True); time.sleep(0.1)"
    )
    kernel.wait_for_text(msg_id, "3\n")
    proxy.slow(connect_s, 0.1)
    proxy.cut()
    seen = len(kernel.messages_of(msg_id))
    proxy.mend()
    wait_until(lambda: len(_messages_by_now(kernel, msg_id)) > seen + 5)
    return msg_id


def _messages_by_now(kernel: LiveKernel, msg_id: str) -> list[Any]:
    with contextlib.suppress(AssertionError):
        kernel.wait_for(msg_id, lambda message: False, 0.1)
    return kernel.messages_of(msg_id)


def test_on_a_slow_link_a_cell_is_interrupted_as_on_any_other(
    proxied: Callable[[], ProxiedPool], start_kernel: StartKernel, tmp_path: Path
) -> None:
    proxy, env = proxied()
    kernel = start_kernel({**env, **with_constant(tmp_path, REACH_S, 30)})
    msg_id = _running_behind_a_slow_link(proxy, kernel, 0.3)
    assert "itertools.count" in _interrupt(kernel, msg_id).error_text


def test_a_session_that_confirms_late_adds_no_second_error(
    proxied: Callable[[], ProxiedPool], start_kernel: StartKernel
) -> None:
    proxy, env = proxied()
    kernel = start_kernel(env)
    kernel.run("kept = 'kept'")
    msg_id = _running_behind_a_slow_link(proxy, kernel, 1.5)
    error = _interrupt(kernel, msg_id).error
    assert "has not confirmed" in error["evalue"]
    assert kernel.run("kept").result == "'kept'"
    errors = [m for m in kernel.messages_of(msg_id) if m["msg_type"] == "error"]
    assert len(errors) == 1


@pytest.mark.parametrize("failure", ["cut", "stall"])
def test_a_cell_that_can_not_be_sent_is_interrupted(
    proxied: Callable[[], ProxiedPool], start_kernel: StartKernel, failure: str
) -> None:
    proxy, env = proxied()
    kernel = start_kernel(env)
    kernel.run("kept = 'kept'")
    getattr(proxy, failure)()
    msg_id = kernel.execute("'never shown'")
    kernel.wait_for(msg_id, lambda message: message["msg_type"] == "status")
    assert _interrupt(kernel, msg_id).error["ename"] == "KeyboardInterrupt"
    proxy.mend()
    assert kernel.run("kept").result == "'kept'"


@pytest.mark.parametrize("failure", ["cut", "stall"])
def test_an_outage_that_passes_costs_no_output(
    proxied: Callable[[], ProxiedPool], start_kernel: StartKernel, tmp_path: Path, failure: str
) -> None:
    proxy, env = proxied()
    kernel = start_kernel(env)
    done = tmp_path / "done"
    msg_id = kernel.execute(
        "import time\nfor n in range(300):\n    print(n, flush=True)\n    time.sleep(0.005)\n"
        f"open({str(done)!r}, 'w').close()\n'end'"
    )
    kernel.wait_for_text(msg_id, "20\n")
    getattr(proxy, failure)()
    wait_until(done.exists)
    proxy.mend()
    cell = kernel.finish(msg_id)
    assert cell.text() == "".join(f"{n}\n" for n in range(300))
    assert cell.result == "'end'"


# -- graders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, WITHOUT_PROCESS], ids=["process", "no process"])
def test_with_nbgraders_options_only_the_cell_that_takes_too_long_fails(
    local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    for name, value in local_pool.env.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    sources = ["a = 1", "while True: pass", "print(a + 1)", "1 / 0", "print(a + 2)"]
    new_cell: Any = nbformat.v4.new_code_cell
    notebook.cells = [new_cell(source) for source in sources]
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL_NAME,
        timeout_func=lambda cell: 1 if "while" in cell.source else LIMIT_S,
        interrupt_on_timeout=True,
        allow_errors=True,
        **options,
        **PATIENT,  # nbgrader itself waits 4 s for idle: tests/unit/test_budgets.py
        coalesce_streams=True,  # on busy cores "3" and its line's end can come apart
        error_on_timeout={
            "ename": "CellTimeoutError",
            "evalue": "Cell execution timed out",
            "traceback": ["CellTimeoutError: Cell execution timed out"],
        },
    )
    asyncio.run(client.async_execute())
    first, slow, third, failed, last = (_outputs(cell) for cell in notebook.cells)
    assert first == []
    assert [output.get("ename") for output in slow] == ["KeyboardInterrupt"]
    assert third == [{"output_type": "stream", "name": "stdout", "text": "2\n"}]
    assert [output.get("ename") for output in failed] == ["ZeroDivisionError"]
    assert last == [{"output_type": "stream", "name": "stdout", "text": "3\n"}]


def _outputs(cell: Any) -> list[dict[str, Any]]:
    return [dict(output) for output in cell.outputs]
