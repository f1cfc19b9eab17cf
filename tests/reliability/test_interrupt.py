"""Interrupts of cells that neither Python nor the network lets end."""

from __future__ import annotations

from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]

from ..kernel.live_kernel import LiveKernel, wait_until
from .conftest import FaultyPool, StartKernel


def test_in_a_grader_a_c_loop_that_holds_the_interpreter_lock_is_killed(
    kernel: LiveKernel,
) -> None:
    """Python sees no signal there; nbgrader allows 4 s, and a busy machine some more."""
    interpreter = psutil.Process(int(kernel.run("import os; os.getpid()").result))
    # Without a pause the loop may have the lock before the thread that sends the output.
    msg_id = kernel.execute(
        "import time\nprint('running', flush=True)\ntime.sleep(0.3)\nsum(range(10**13))"
    )
    kernel.wait_for_text(msg_id, "running")
    used_s = interpreter.cpu_times().user
    wait_until(lambda: interpreter.cpu_times().user > used_s + 0.2)  # now it loops
    kernel.interrupt()
    error = kernel.finish(msg_id).error
    assert error["ename"] == "KeyboardInterrupt"
    assert "variables are gone" in error["evalue"]
    assert kernel.run("'next'").result == "'next'"


def test_a_cell_whose_session_is_allocated_for_ever_is_interrupted_and_never_runs(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    faulty.arm({"fault": "delay", "path": "/jupyter/hello", "every": 1, "seconds": 600})
    kernel = start_kernel(ready=False).wait_until_heard()
    ran = tmp_path / "ran"
    msg_id = kernel.execute(f"open({str(ran)!r}, 'w')")
    kernel.wait_for(msg_id, lambda message: message["msg_type"] == "status")
    # Nothing tells when it waits for the session.
    assert kernel.interrupt_until_over(msg_id).error["ename"] == "KeyboardInterrupt"
    assert not ran.exists()
