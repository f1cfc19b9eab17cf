"""SIGKILL while a cell runs: what is told, and how often the cell has run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import JUPYTER_DIRS, RunningPool, StartPool
from ..kernel.live_kernel import Cell, LiveKernel, alive, wait_until, waits_for

StartKernelOn = Callable[[RunningPool], LiveKernel]


@pytest.fixture
def start_kernel_on(tmp_path: Path) -> Iterator[StartKernelOn]:
    started: list[LiveKernel] = []

    def start(pool: RunningPool) -> LiveKernel:
        started.append(LiveKernel(pool.env, tmp_path / f"kernel-{len(started)}.log"))
        return started[-1].wait_until_ready()

    yield start
    for kernel in started:
        kernel.stop()
        assert "Traceback" not in kernel.logged()


class EndlessCell:
    """A cell that leaves a mark when it begins, and another one if it ever gets further."""

    def __init__(self, kernel: LiveKernel, directory: Path) -> None:
        self._kernel = kernel
        self._go, self._marks = directory / "go", directory / "marks"
        code = f"kept = 1\n{self._mark('begun ')}print('begun', flush=True)\n"
        self._msg_id = kernel.execute(f"{code}{waits_for(self._go)}{self._mark('went on ')}")
        kernel.wait_for_text(self._msg_id, "begun")

    def _mark(self, text: str) -> str:
        return f"with open({str(self._marks)!r}, 'a') as file: file.write({text!r})\n"

    def end(self) -> Cell:
        return self._kernel.finish(self._msg_id)

    def marks(self) -> str:
        """All that it has done; nothing holds it back from now on."""
        self._go.touch()
        return self._marks.read_text()


def kill(pool: RunningPool) -> None:
    """The pool, and nothing else; its sessions end by themselves."""
    pool.process.kill()
    pool.process.wait()
    wait_until(lambda: not pool.session_processes(), 30)


def again(start_pool: StartPool, killed: RunningPool) -> RunningPool:
    """A pool in the same place for the same user, as its command would start it."""
    port = killed.url.rpartition(":")[2]
    return start_pool("--port", port, env={name: killed.env[name] for name in JUPYTER_DIRS})


def test_a_cell_whose_pool_is_killed_is_told_and_the_next_pool_begins_empty(
    start_pool: StartPool, start_kernel_on: StartKernelOn, tmp_path: Path
) -> None:
    pool = start_pool()
    kernel = start_kernel_on(pool)
    cell = EndlessCell(kernel, tmp_path)
    kill(pool)
    told = cell.end()
    assert told.error["ename"] == "ExecutionUnknown"
    assert "connection to the session was lost" in told.error["evalue"]
    assert kernel.run("print('no pool')").error["ename"] == "PoolUnreachable"
    again(start_pool, pool)
    lost = kernel.run("print('not run')")
    assert lost.error["ename"] == "SessionLost"
    assert "not run" in lost.error["evalue"]
    assert not lost.text()
    assert kernel.run("'kept' in globals()").result == "False"
    assert cell.marks() == "begun "


def test_a_cell_whose_pool_is_killed_and_started_at_once_is_told_that_its_session_is_gone(
    start_pool: StartPool, start_kernel_on: StartKernelOn, tmp_path: Path
) -> None:
    pool = start_pool()
    kernel = start_kernel_on(pool)
    cell = EndlessCell(kernel, tmp_path)
    kill(pool)
    again(start_pool, pool)
    told = cell.end()
    assert told.error["ename"] in ("SessionLost", "ExecutionUnknown")
    after = kernel.run("'kept' in globals()")
    if told.error["ename"] == "ExecutionUnknown":  # a slow machine: the loss is not told yet
        assert after.error["ename"] == "SessionLost"
        after = kernel.run("'kept' in globals()")
    assert after.result == "False"
    assert cell.marks() == "begun "


def test_a_cell_whose_adapter_is_killed_is_told_and_the_next_one_has_a_new_session(
    local_pool: RunningPool, start_kernel_on: StartKernelOn, tmp_path: Path
) -> None:
    kernel = start_kernel_on(local_pool)
    pids = kernel.run("import os; os.getppid(), os.getpid()").result
    adapter, interpreter = map(int, pids.strip("()").split(","))
    cell = EndlessCell(kernel, tmp_path)
    os.kill(adapter, signal.SIGKILL)
    told = cell.end()
    assert told.error["ename"] == "SessionLost"
    assert "while this cell ran" in told.error["evalue"]
    assert kernel.run("'kept' in globals()").result == "False"
    wait_until(lambda: not alive(interpreter))
    assert cell.marks() == "begun "
