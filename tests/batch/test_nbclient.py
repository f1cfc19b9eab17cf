"""Runners with kernels that are a part of their process: nbclient, nbconvert, papermill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill  # type: ignore[import-untyped,unused-ignore]
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError
from nbconvert.preprocessors import ExecutePreprocessor

from azure_session_kernel.batch import SessionKernelManager

from ..conftest import RunningPool, StartPool
from ..kernel.live_kernel import KERNEL_NAME, PATIENT, WITHOUT_PROCESS, leases
from ..kernel.test_life import _sessions

SUM = "print(sum(numbers))"


@pytest.fixture(autouse=True)
def pool(local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch) -> RunningPool:
    for name, value in local_pool.env.items():
        monkeypatch.setenv(name, value)
    return local_pool


def notebook_of(*sources: str, **metadata: Any) -> Any:
    new_cell: Any = nbformat.v4.new_code_cell
    cells = [new_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)  # type: ignore[no-untyped-call]


def _spec(name: str) -> dict[str, str]:
    return {"name": name, "display_name": name, "language": "python"}


def text_of(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def client_of(notebook: Any, **options: Any) -> NotebookClient:
    return NotebookClient(notebook, **{**WITHOUT_PROCESS, **PATIENT, **options})


def test_nbclient_needs_one_line_and_no_event_loop() -> None:
    notebook = notebook_of("numbers = [1, 2]", SUM)
    client_of(notebook).execute()
    assert text_of(notebook.cells[1]) == "3\n"


def test_a_notebook_for_another_kernel_runs_in_a_session_all_the_same() -> None:
    """A student's says python3; nothing of it may run here."""
    notebook = notebook_of("import os; print(os.getpid())", kernelspec=_spec("python3"))
    client_of(notebook).execute()
    assert int(text_of(notebook.cells[0])) != os.getpid()
    assert notebook.metadata.kernelspec.name == "python3"


def test_nbconvert_takes_the_manager_as_well() -> None:
    notebook = notebook_of("numbers = [1, 2]", SUM)
    ExecutePreprocessor(**WITHOUT_PROCESS, **PATIENT).preprocess(  # type: ignore[no-untyped-call]
        notebook
    )
    assert text_of(notebook.cells[1]) == "3\n"


def test_papermill_has_an_engine(tmp_path: Path) -> None:
    source, target = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    cells = ["numbers = []", SUM, "1 / 0", "never = 1"]
    notebook = notebook_of(*cells, kernelspec=_spec(KERNEL_NAME))
    notebook.cells[0].metadata.tags = ["parameters"]
    nbformat.write(notebook, source)  # type: ignore[no-untyped-call]
    before = _children()
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        papermill.execute_notebook(
            source,
            target,
            {"numbers": [3, 4]},
            engine_name="azure-session",
            progress_bar=False,
            start_timeout=200,
        )
    written: Any = nbformat.read(target, as_version=4)  # type: ignore[no-untyped-call]
    assert "7\n" in [text_of(cell) for cell in written.cells if cell.cell_type == "code"]
    assert _children() == before


async def test_twenty_notebooks_are_not_mixed_up_and_leave_nothing(
    pool: RunningPool, tmp_path: Path
) -> None:
    before = _sessions(pool)
    seen: list[set[int]] = []
    at_a_time, children = asyncio.Semaphore(7), _children()

    async def run(number: int) -> Any:
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "data.txt").write_text(f"file {number}")
        notebook = notebook_of(
            "import os\nprint(open('data.txt').read(), os.environ['COURSE'])",
            "try: known\nexcept NameError: known = 1\nelse: print('not alone')",
            "%upload data.txt",
        )
        env = {
            **os.environ,
            "COURSE": f"course {number}",
            "AZURE_SESSION_ENV": "COURSE",
            "AZURE_SESSION_UPLOAD": "data.txt",
        }
        async with at_a_time:
            client = client_of(notebook, on_cell_executed=lambda **_: seen.append(_children()))
            await client.async_execute(env=env, cwd=str(folder))
        return notebook

    for number, notebook in enumerate(await asyncio.gather(*map(run, range(20)))):
        assert text_of(notebook.cells[0]) == f"file {number} course {number}\n"
        assert notebook.cells[1].outputs == []
        assert "unchanged" in str(notebook.cells[2].outputs)
    assert all(one == children for one in seen)
    assert _sessions(pool) == before
    assert not _open_here()


async def test_a_notebook_that_is_cancelled_leaves_no_session(pool: RunningPool) -> None:
    before = _sessions(pool)
    running = asyncio.Event()

    def on_cell_execute(**_: Any) -> None:
        running.set()

    work = [
        asyncio.create_task(
            client_of(
                notebook_of("import time; time.sleep(600)"), on_cell_execute=on_cell_execute
            ).async_execute()
        )
        for _ in range(3)
    ]
    await running.wait()  # the others may just be starting
    for task in work:
        task.cancel()
    ends = await asyncio.gather(*work, return_exceptions=True)
    assert all(isinstance(end, BaseException) for end in ends)
    assert _sessions(pool) <= before
    # A start that was cut off may bring a session back: the reaper will look.
    assert {lease["state"] for lease in _open_here()} <= {"stopping"}


async def test_a_limit_of_time_is_the_runners_error() -> None:
    notebook = notebook_of("while True: pass")
    with pytest.raises(CellTimeoutError):
        await client_of(notebook, timeout=1).async_execute()
    assert not _open_here()


async def test_what_is_done_with_a_manager_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a notebook, whose own session it must not take."""
    monkeypatch.setenv("JPY_SESSION_NAME", "/the/notebook/around.ipynb")
    manager = SessionKernelManager()
    with pytest.raises(RuntimeError):
        await manager.interrupt_kernel()
    with pytest.raises(FileNotFoundError):
        await manager.start_kernel(cwd="/no/such/folder")
    assert not manager.has_kernel
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=200)
    assert [lease["scope_kind"] for lease in _open_here()] == ["kernel"]
    reply = await client.execute("1 / 0", reply=True, timeout=200)
    assert reply["content"]["ename"] == "ZeroDivisionError"
    await client.shutdown(reply=True, timeout=200)
    assert not await manager.is_alive()
    await manager.cleanup_resources()
    assert not _open_here()


_MANY = """
import asyncio
import nbformat
from nbclient import NotebookClient
from azure_session_kernel.batch import SessionKernelManager

def started(**_):
    print("started", flush=True)

async def run():
    cell = nbformat.v4.new_code_cell("import time; time.sleep(600)")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    await NotebookClient(
        notebook, kernel_manager_class=SessionKernelManager, on_cell_execute=started
    ).async_execute()

async def main():
    await asyncio.gather(*(run() for _ in range(3)))

asyncio.run(main())
"""


def test_ctrl_c_leaves_no_session(pool: RunningPool) -> None:
    before = _sessions(pool)
    command = [sys.executable, "-c", _MANY]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=200)
    assert process.returncode != 0
    assert _sessions(pool) == before, errors
    assert process.pid not in [lease["pid"] for lease in leases(os.environ)], errors


def test_a_pool_full_of_what_a_killed_program_left_is_emptied(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is a session: nobody else would free a place."""
    pool = start_pool("--max-sessions", "3")
    for name, value in pool.env.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", _MANY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        for _ in range(3):
            assert killed.stdout.readline() == "started\n"
        killed.kill()
    assert len(_sessions(pool)) == 3
    notebook = notebook_of("numbers = [1, 2]", SUM)
    client_of(notebook).execute()
    assert text_of(notebook.cells[1]) == "3\n"
    assert len(_sessions(pool)) < 3


def _open_here() -> list[Mapping[str, Any]]:
    return [lease for lease in leases(os.environ) if lease["pid"] == os.getpid()]


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
