"""``/mnt/data`` is a session's working directory, its own, wherever the system allows that."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from azure_session_kernel.cli import pool as command
from azure_session_kernel.cli.main import main
from azure_session_kernel.container import data_folder
from azure_session_kernel.emulator.front.server import Announce
from azure_session_kernel.emulator.sessions.sessions import PoolOptions
from azure_session_kernel.pool.local_record import LocalPool

from ..conftest import PoolOfKind, RunningPool
from ..kernel.conftest import StartKernel
from ..kernel.conftest import start_kernel as start_kernel
from .data_plane import DataPlane, data_plane

Two = tuple[DataPlane, DataPlane]

#: How code written for Azure begins.
BEGIN = "import os\nos.chdir('/mnt/data')\n"
#: In processes of the session's own.
POOLED = """
import multiprocessing, os
with multiprocessing.get_context("fork").Pool(2) as workers:
    found = workers.map(os.path.realpath, [".", "."])
found
"""
#: In a process that is nobody's but its own, as it can't take back what it does.
ALONE = """
import ctypes, os, subprocess, sys
from pathlib import Path
from azure_session_kernel.container.data_folder import DATA, make_own

first, second, user = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
if os.geteuid() != user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    ctypes.CDLL(None).prctl(4, 1)  # as a process that began as this user
others = sorted(set(os.listdir("/mnt")) - {"data"})
for folder in (first, second):  # /mnt/data is most likely not there at first, and then it is
    assert make_own(folder) == DATA
    os.chdir(DATA)
    (DATA / "mine").write_text(folder.name)
    subprocess.run(["sh", "-c", 'test "$PWD" = /mnt/data && id -u && cp -p mine copy'], check=True)
    assert sorted(set(os.listdir("/mnt")) - {"data"}) == others
"""
#: As a container is started whose image says no working directory.
IN_A_CONTAINER = """
import os, sys
from pathlib import Path
from azure_session_kernel.container.data_folder import make_own

make_own(Path(sys.argv[1]))
os.environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
os.execv(sys.executable, [sys.executable, "-m", "azure_session_kernel.container", *sys.argv[2:]])
"""


@pytest.fixture(params=["container", "interpreter"])
def two(request: pytest.FixtureRequest, pool_of_kind: PoolOfKind, own_data: None) -> Iterator[Two]:
    """Two sessions of a pool."""
    with two_of(pool_of_kind(request.param)) as planes:
        yield planes


@contextmanager
def two_of(pool: RunningPool) -> Iterator[Two]:
    names = [f"mnt-data-{uuid.uuid4()}" for _ in range(2)]
    with data_plane(pool, names[0]) as mine, data_plane(pool, names[1]) as other:
        yield mine, other


def test_code_written_for_azure_finds_its_folder_and_nobody_elses(two: Two) -> None:
    mine, other = two
    mine.upload("sent.txt", b"sent")
    assert mine.run("import os; os.getcwd()")["executionResult"] == "/mnt/data"
    assert mine.run(BEGIN + "open('/mnt/data/sent.txt').read()")["executionResult"] == "sent"
    mine.run("open('/mnt/data/made.txt', 'w').write('made')")
    assert mine.get("/files/made.txt/content").content == b"made"
    assert mine.run("!pwd; cat /mnt/data/made.txt")["stdout"].split() == ["/mnt/data", "made"]
    assert other.run(BEGIN + "os.path.exists('made.txt')")["executionResult"] is False
    assert other.get("/files/made.txt").status_code == 404


@pytest.mark.parametrize("kind", ["container", "interpreter"])
def test_a_kernels_cells_work_there(
    pool_of_kind: PoolOfKind, start_kernel: StartKernel, own_data: None, kind: str
) -> None:
    kernel = start_kernel(pool_of_kind(kind).env)
    assert kernel.run("%pwd").result == "'/mnt/data'"
    assert kernel.run("!echo written > /mnt/data/by-shell.txt").status == "ok"
    assert kernel.run("open('by-shell.txt').read()").result == r"'written\n'"
    assert kernel.run(POOLED).result == "['/mnt/data', '/mnt/data']"


def test_a_link_means_what_it_means_to_the_code(pool_of_kind: PoolOfKind, own_data: None) -> None:
    """A built-in pool refuses them."""
    with two_of(pool_of_kind("container")) as (mine, other):
        for plane in (mine, other):
            plane.run("import os; os.symlink('/mnt/data/target.txt', 'link.txt')")
        mine.run("open('/mnt/data/target.txt', 'w').write('mine')")
        assert mine.get("/files/link.txt/content").content == b"mine"
        assert other.get("/files/link.txt").status_code == 404


def alone(code: str, *arguments: object, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("user", [0, 65534])
def test_it_is_this_users_where_the_folder_is_there_and_where_it_is_not(
    own_data: None, tmp_path: Path, user: int
) -> None:
    """As root by a mount namespace alone, as somebody else by a user namespace as well."""
    user = user if os.geteuid() == 0 else os.geteuid()
    for parent in (tmp_path, *tmp_path.parents[:-2]):
        parent.chmod(0o755)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        os.chown(folder, user, -1)
    assert alone(ALONE, *folders, user).split() == [str(user)] * 2
    for folder in folders:
        for name in ("mine", "copy"):
            assert (folder / name).read_text() == folder.name
            assert (folder / name).stat().st_uid == user
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def test_the_adapter_in_a_container_works_there(own_data: None, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IN_A_CONTAINER, tmp_path, "--host", "127.0.0.1", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as adapter:
        assert adapter.stderr is not None
        said = adapter.stderr.readline()
        adapter.terminate()
    assert "/mnt/data" in said


@pytest.mark.parametrize("allowed", [True, False])
def test_where_it_is_not_allowed_the_pool_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], allowed: bool
) -> None:
    served: list[PoolOptions] = []

    def serve(_: str, __: int, options: PoolOptions, announce: Announce, *___: object) -> None:
        served.append(options)
        announce(LocalPool("http://127.0.0.1:1", "a-token", 1))

    monkeypatch.setattr(command, "can_make_own", lambda: allowed)
    monkeypatch.setattr(command, "serve", serve)
    assert main(["pool"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if str(data_folder.DATA) in line] == lines[4:]
    assert (len(lines), served[0].own_data) == ((4, True) if allowed else (5, False))
