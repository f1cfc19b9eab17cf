"""What cells have written comes back beside the notebook (``AZURE_SESSION_DOWNLOAD``)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from ..conftest import PoolOfKind, RunningPool
from .conftest import StartKernel

WRITES = """
import os
os.makedirs("out")
for name, text in {"out/r.csv": "1,2", "a.txt": "changed", "bad:name": "x", ".hidden": "x"}.items():
    open(name, "w").write(text)
for n in range(300):
    open(f"out/{n}.txt", "w").write(str(n))
"""


def run_by_nbclient(
    env: dict[str, str], folder: Path, *cells: str, options: tuple[str, ...] = ()
) -> str:
    """As ``jupyter execute`` does, with the shutdown that runners have; what was logged."""
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    )
    path = folder / "nb.ipynb"
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    command = "import sys; from nbclient.cli import main; main()"
    options = ("--kernel_name=azure-session", "--startup_timeout=200", *options)
    done = subprocess.run(
        [sys.executable, "-c", command, *options, "nb.ipynb"],
        env={**os.environ, **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".txt"]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.mark.parametrize("kind", ["container", "interpreter"])
def test_what_cells_write_comes_back_into_a_folder_of_its_own(
    pool_of_kind: PoolOfKind, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "ps1"
    folder.mkdir()
    (folder / "a.txt").write_text("an input")
    (folder / "b.csv").write_text("another")
    settings = {"AZURE_SESSION_UPLOAD": "*", "AZURE_SESSION_DOWNLOAD": "** none/*"}
    env = {**pool_of_kind(kind).env, **settings}
    logged = run_by_nbclient(env, folder, "1", WRITES)
    assert contents(folder / "session-files") == {"out/r.csv": "1,2"}
    assert (folder / "session-files" / "a.txt").read_text() == "changed"
    assert (folder / "a.txt").read_text() == "an input"
    texts = (folder / "session-files" / "out").glob("*.txt")
    assert sorted(int(path.stem) for path in texts) == list(range(300))
    assert "'bad:name' was not brought back" in logged
    run_by_nbclient(env, folder, "open('r.csv', 'w').write('second')")
    assert contents(folder / "session-files-2") == {"r.csv": "second"}
    assert not (folder / "session-files-2" / "a.txt").exists()
    assert contents(folder / "session-files") == {"out/r.csv": "1,2"}


def test_what_a_cell_has_written_before_it_killed_the_interpreter_comes_back(
    local_pool: RunningPool, tmp_path: Path
) -> None:
    env = {**local_pool.env, "AZURE_SESSION_DOWNLOAD": "r.csv", "AZURE_SESSION_ON_DEATH": "die"}
    code = "import os; open('r.csv', 'w').write('last words'); os._exit(1)"
    logged = run_by_nbclient(env, tmp_path, code, "1", options=("--allow-errors",))
    assert "the kernel ends with its variables" in logged
    assert contents(tmp_path / "session-files") == {"r.csv": "last words"}


def test_a_person_sees_what_has_come_and_what_has_not(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    env = {**local_pool.env, "AZURE_SESSION_DOWNLOAD": "*.csv"}
    kernel = start_kernel(env, cwd=str(tmp_path))
    code = "for n in ('r.csv', 'con.csv'): open(n, 'w').write('x')"
    assert kernel.run(code).status == "ok"
    kernel.restart()
    assert contents(tmp_path / "session-files") == {"r.csv": "x"}
    assert "'con.csv' was not brought back" in kernel.logged()
    shown = kernel.run("%session").outputs[-1]["content"]["data"]["text/plain"]
    assert "brought back" in shown


def test_nothing_comes_back_unasked(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    kernel = start_kernel(local_pool.env, cwd=str(tmp_path))
    assert kernel.run("open('r.csv', 'w').write('x')").status == "ok"
    kernel.stop()
    assert not list(tmp_path.glob("session-files*"))
