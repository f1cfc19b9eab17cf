"""A one-shot route whose program keeps variables from cell to cell: our own adapter's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import RunningPool
from ..kernel.live_kernel import LiveKernel, with_constant

#: How long an interrupted cell waits to be told that its session has been stopped.
TOLD_WITHIN_S = "azure_session_kernel.executors.oneshot.executor.TOLD_WITHIN_S"


@pytest.fixture
def kernel(local_pool: RunningPool, tmp_path: Path) -> Iterator[LiveKernel]:
    env = {
        **local_pool.env,
        "AZURE_SESSION_EXECUTOR": "oneshot",
        **with_constant(tmp_path, TOLD_WITHIN_S, 30),
    }
    live = LiveKernel(env, tmp_path / "kernel.log")
    try:
        yield live.wait_until_ready()
        assert "Traceback" not in live.logged()
    finally:
        live.stop()


def test_variables_are_kept_and_counted(kernel: LiveKernel) -> None:
    assert kernel.run("kept = 41").status == "ok"
    cell = kernel.run("kept + 1")
    assert cell.result == "42"
    assert cell.content["execution_count"] == 2


def test_an_interrupt_ends_the_session_says_so_and_the_next_cell_begins_anew(
    kernel: LiveKernel,
) -> None:
    kernel.run("kept = 1")
    msg_id = kernel.execute("import time\ntime.sleep(60)")
    kernel.wait_until_running(msg_id)
    kernel.interrupt()
    cell = kernel.finish(msg_id)
    assert cell.error["ename"] == "KeyboardInterrupt"
    assert "All variables and files of the session are gone" in cell.error["evalue"]
    cell = kernel.run("'kept' in globals()")
    assert cell.result == "False"
    assert cell.content["execution_count"] == 1
