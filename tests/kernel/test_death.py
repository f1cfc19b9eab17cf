"""A kernel of a runner ends with its variables, as a local one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import v4

from ..conftest import RunningPool
from .conftest import StartKernel
from .live_kernel import KERNEL_NAME, PATIENT, WITHOUT_PROCESS, alive, leases, wait_until

KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
LATER = "import os, threading; threading.Timer(0.2, os._exit, (1,)).start()"


@pytest.fixture
def env(local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The default is in force, also for kernels that nbclient starts."""
    monkeypatch.delenv("AZURE_SESSION_ON_DEATH")
    for name, value in local_pool.env.items():
        monkeypatch.setenv(name, value)
    return local_pool.env


def test_the_kernel_ends_after_the_cell_that_tells_the_death(
    start_kernel: StartKernel, env: Mapping[str, str]
) -> None:
    kernel = start_kernel(env)
    process = kernel.process
    assert kernel.run("kept = 1").status == "ok"
    assert kernel.run("1/0").error["ename"] == "ZeroDivisionError"
    cell = kernel.run(KILL)
    assert cell.error["ename"] == "InterpreterDied"
    assert "SIGKILL" in cell.error_text
    wait_until(lambda: not alive(process.pid))
    assert "AZURE_SESSION_ON_DEATH" in kernel.logged()
    assert "Traceback" not in kernel.logged()
    wait_until(lambda: process.pid not in [lease["pid"] for lease in leases(kernel.env)])


def test_a_death_between_cells_is_told_by_the_next_one_with_which_the_kernel_ends(
    start_kernel: StartKernel, env: Mapping[str, str]
) -> None:
    kernel = start_kernel(env)
    process = kernel.process
    assert kernel.run(LATER).status == "ok"
    wait_until(lambda: kernel.run("1").status == "error")
    wait_until(lambda: not alive(process.pid))
    (told,) = [m for m in kernel.all_messages() if m["msg_type"] == "error"]
    assert told["content"]["ename"] in ("SessionLost", "InterpreterDied")


def test_a_notebook_is_left_to_run_on_where_that_is_asked_for(
    start_kernel: StartKernel, env: Mapping[str, str]
) -> None:
    kernel = start_kernel({**env, "AZURE_SESSION_ON_DEATH": "restart"})
    assert kernel.run(KILL).error["ename"] == "InterpreterDied"
    assert kernel.run("1 + 1").result == "2"


def test_an_interrupt_that_had_to_kill_fails_one_cell_and_not_the_notebook(
    start_kernel: StartKernel, env: Mapping[str, str]
) -> None:
    kernel = start_kernel(env)
    deaf = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf')\nwhile 1: pass"
    )
    msg_id = kernel.execute(deaf)
    kernel.wait_for_text(msg_id, "deaf")
    kernel.interrupt()
    assert "killed" in kernel.finish(msg_id).error["evalue"]
    assert kernel.run("1 + 1").result == "2"


@pytest.mark.parametrize("options", [{}, WITHOUT_PROCESS], ids=["process", "no process"])
@pytest.mark.usefixtures("env")
def test_nbclient_sees_a_dead_kernel(options: dict[str, Any]) -> None:
    """Even where errors are allowed: cells that test what is gone must not pass."""
    cells = ["x = 1", KILL, "print('x' in globals())"]
    notebook = v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[v4.new_code_cell(one) for one in cells]  # type: ignore[no-untyped-call]
    )
    client = NotebookClient(
        notebook, kernel_name=KERNEL_NAME, allow_errors=True, **options, **PATIENT
    )
    with pytest.raises(DeadKernelError):
        client.execute()
    _, killer, later = notebook.cells
    assert [output["ename"] for output in killer.outputs] == ["InterpreterDied"]
    assert later.outputs == []
