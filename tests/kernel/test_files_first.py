"""What happens to files around the life of a session."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from ..conftest import PoolOfKind, RunningPool
from .conftest import ProxiedPool, StartKernel
from .live_kernel import wait_until


def test_the_named_files_are_there_before_the_first_cell(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("local")
    (tmp_path / "my file.txt").write_text("text")
    env = {**local_pool.env, "AZURE_SESSION_UPLOAD": "data/** 'my file.txt'"}
    kernel = start_kernel(env, cwd=str(tmp_path))
    assert kernel.run("open('data/a.csv').read(), open('my file.txt').read()").status == "ok"
    kernel.run("open('data/a.csv', 'w').write('changed there')")
    kernel.restart()
    assert kernel.run("open('data/a.csv').read()").result == "'changed there'"
    (tmp_path / "data" / "a.csv").write_text("changed here since")
    later = (tmp_path / "data" / "a.csv").stat().st_mtime + 1000
    os.utime(tmp_path / "data" / "a.csv", (later, later))
    kernel.restart()
    assert kernel.run("open('data/a.csv').read()").result == "'changed here since'"


@pytest.mark.parametrize("kind", ["container", "interpreter"])
def test_the_session_works_in_a_folder_of_the_notebooks_name(
    start_kernel: StartKernel, pool_of_kind: PoolOfKind, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "ps-1"
    for name in ("data/a.csv", "b.txt", ".env", "__pycache__/c.pyc", "session-files/old"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    env = {**pool_of_kind(kind).env, "AZURE_SESSION_UPLOAD": "** *.none"}
    kernel = start_kernel(env, cwd=str(folder))
    listed = "import glob, os; (os.path.basename(os.getcwd()), sorted(glob.glob('**/*.csv')))"
    assert kernel.run(listed).result == "('ps-1', ['data/a.csv'])"
    assert kernel.run("sorted(os.listdir()), os.listdir(os.pardir + '/ps-1/data')").result == (
        "(['b.txt', 'data'], ['a.csv'])"
    )
    (folder / "later.txt").write_text("later")
    assert kernel.run("%upload later.txt --to sub").status == "ok"
    code = "open('made.txt', 'w').write(open('sub/later.txt').read() + open('b.txt').read())"
    assert kernel.run(code).status == "ok"
    assert "ps-1" not in str(kernel.run("%files").outputs[0]["content"]["data"])
    shown = kernel.run("%files sub").outputs[0]["content"]["data"]["text/plain"]
    assert "sub/later.txt" in shown
    assert kernel.run("%download made.txt sub/* --to back").status == "ok"
    assert (folder / "back" / "made.txt").read_text() == "laterb.txt"
    assert (folder / "back" / "sub" / "later.txt").read_text() == "later"
    missing = kernel.run("%download nowhere.txt")
    assert "There is no 'nowhere.txt'" in missing.error["evalue"]
    kernel.restart()
    assert kernel.run("import os; os.path.basename(os.getcwd())").result == "'ps-1'"
    assert kernel.run("open('data/a.csv').read(), get_ipython().user_ns['_dh'][0].name").result == (
        "('data/a.csv', 'ps-1')"
    )


def test_a_folder_whose_name_no_pool_may_have_is_the_data_folder_itself(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    folder = tmp_path / "50% off"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    env = {**local_pool.env, "AZURE_SESSION_UPLOAD": "*"}
    kernel = start_kernel(env, cwd=str(folder))
    assert kernel.run("import os; open('a.txt').read(), 'off' in os.getcwd()").result == (
        "('a', False)"
    )


def test_files_that_can_not_be_uploaded_fail_the_first_cell_only(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    env = {**local_pool.env, "AZURE_SESSION_UPLOAD": "nowhere.csv"}
    kernel = start_kernel(env, cwd=str(tmp_path))
    cell = kernel.run("x = 1")
    assert cell.error["ename"] == "FileMissing"
    assert "AZURE_SESSION_UPLOAD" in cell.error["evalue"]
    assert "This cell was not run" in cell.error_text
    assert kernel.run("x").error["ename"] == "NameError"


def test_nothing_is_uploaded_unasked(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("local")
    kernel = start_kernel(local_pool.env, cwd=str(tmp_path))
    assert kernel.run("import os; os.path.exists('a.csv')").result == "False"


def test_a_transfer_goes_on_after_the_connection_broke(
    start_kernel: StartKernel,
    proxied: Callable[[], ProxiedPool],
    tmp_path: Path,
) -> None:
    proxy, env = proxied()
    data = bytes(range(256)) * 4096 * 20
    (tmp_path / "data.bin").write_bytes(data)
    kernel = start_kernel(env, cwd=str(tmp_path))
    assert kernel.run("1").result == "1"
    for line in ("%upload data.bin", "%download data.bin --to back"):
        cell = kernel.execute(line)
        kernel.wait_until_running(cell)
        for _ in range(3):
            proxy.cut()
            time.sleep(0.1)
            proxy.mend()
            time.sleep(0.05)
        ended = kernel.finish(cell)
        assert ended.status == "ok", ended.error_text
    assert (tmp_path / "back" / "data.bin").read_bytes() == data


def test_files_do_not_go_into_a_session_that_was_replaced(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("local")
    kernel = start_kernel(local_pool.env, cwd=str(tmp_path))
    kernel.run("kept = 1")
    query = {"identifier": kernel.identifier, "api-version": "2025-02-02-preview"}
    with local_pool.client() as client:
        assert client.post("/.management/stopSession", params=query).status_code == 200
    assert kernel.run("%upload a.csv").error["ename"] == "SessionLost"
    assert kernel.run("%upload a.csv").status == "ok"
    assert kernel.run("open('a.csv').read()").result == "'local'"


def test_an_upload_does_not_hide_that_the_variables_are_gone(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("local")
    log_level = ["--log-level=INFO"]
    kernel = start_kernel(local_pool.env, cwd=str(tmp_path), extra_arguments=log_level)
    interpreter = psutil.Process(int(kernel.run("import os; os.getpid()").result))
    interpreter.kill()
    wait_until(lambda: "ended" in kernel.logged())
    assert kernel.run("%upload a.csv").error["ename"] == "SessionLost"
    assert kernel.run("%upload a.csv").status == "ok"


def test_a_full_disk_in_the_session_is_a_clear_error(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    (tmp_path / "big.bin").write_bytes(bytes(900_000))
    kernel = start_kernel(local_pool.env, cwd=str(tmp_path))
    limit = "resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, ({0}, resource.RLIM_INFINITY))"
    assert kernel.run(f"import os, resource\n{limit.format(600_000)}").status == "ok"
    cell = kernel.run("%upload big.bin")
    assert cell.error["ename"] == "SessionDiskFull"
    assert "big.bin" in cell.error["evalue"]
    assert "What to do" in cell.error_text
    assert kernel.run("[n for n in os.listdir() if n != '.ipython']").result == "[]"
    kernel.run(limit.format("resource.RLIM_INFINITY"))
    assert kernel.run("%upload big.bin").status == "ok"


def test_a_transfer_can_be_interrupted_while_the_network_is_silent(
    start_kernel: StartKernel, proxied: Callable[[], ProxiedPool], tmp_path: Path
) -> None:
    proxy, env = proxied()
    (tmp_path / "data.bin").write_bytes(bytes(1_000_000))
    kernel = start_kernel(env, cwd=str(tmp_path))
    assert kernel.run("1").result == "1"
    proxy.stall()
    cell = kernel.execute("%upload data.bin")
    kernel.wait_until_running(cell)
    kernel.interrupt()
    assert kernel.finish(cell).error["ename"] == "KeyboardInterrupt"
    proxy.mend()
    assert kernel.run("%upload data.bin").status == "ok"
