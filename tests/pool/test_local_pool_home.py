"""What a killed local pool has left behind is removed by the next one, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from azure_session_kernel.emulator.sessions.home import NOTE, PREFIX, PoolHome, remove_left_behind
from azure_session_kernel.emulator.sessions.sessions import PoolOptions, SessionPool

from ..kernel.live_kernel import wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing tells whose a directory is")

_POOL = """
from azure_session_kernel.emulator.sessions.home import PoolHome
home = PoolHome()
(home.path / "1").mkdir()
(home.path / "1" / "file").write_text("a session's")
print(home.path, flush=True)
input()
"""


class OtherPool:
    """Another process with a pool's directory."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _POOL]
        env = {**os.environ, "TMPDIR": tempfile.gettempdir()}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=env, text=True)
        assert self._process.stdout is not None
        with self._process.stdout:
            self.home = Path(self._process.stdout.readline().strip())

    def kill(self) -> Path:
        self._process.kill()
        self._process.wait()
        return self.home

    def close(self) -> None:
        self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other() -> Iterator[OtherPool]:
    pool = OtherPool()
    assert pool.home.name.startswith(PREFIX)
    yield pool
    pool.close()


async def test_the_next_pool_removes_what_a_killed_one_has_left(
    other: OtherPool, temporary: Path
) -> None:
    pool = SessionPool(PoolOptions(ready_sessions=0))
    other.kill()
    await pool.start()
    await asyncio.to_thread(wait_until, lambda: not other.home.exists())
    assert _count(temporary) == 1
    await pool.stop()
    assert _count(temporary) == 0


def _count(directory: Path) -> int:
    return len(list(directory.iterdir()))


def test_the_directories_of_living_pools_stay(other: OtherPool) -> None:
    own = PoolHome()
    assert remove_left_behind() == []
    assert own.path.exists()
    assert other.home.exists()


@pytest.fixture
def left(temporary: Path) -> Path:
    """As a killed pool leaves it; another process has its number by now."""
    home = Path(tempfile.mkdtemp(prefix=PREFIX))
    (home / NOTE).touch(mode=0o600)
    _note(home, json.dumps({"pid": os.getpid(), "started": 1.0}))
    return home


def test_a_process_that_has_the_pools_number_by_now_is_not_the_pool(left: Path) -> None:
    assert remove_left_behind() == [left]
    assert not left.exists()


def test_a_lock_says_that_a_pool_lives_whatever_the_clock_says(other: OtherPool) -> None:
    (other.home / NOTE).write_text(json.dumps({"pid": os.getpid(), "started": 1.0}))
    assert remove_left_behind() == []


def _note(home: Path, text: str) -> None:
    (home / NOTE).write_text(text)


def _linked_note(home: Path) -> None:
    (home / NOTE).rename(home.parent / "elsewhere")
    (home / NOTE).symlink_to(home.parent / "elsewhere")


def _linked(home: Path) -> None:
    home.rename(home.parent / "elsewhere")
    home.symlink_to(home.parent / "elsewhere")


DOUBTS: dict[str, Callable[[Path], object]] = {
    "no note": lambda home: (home / NOTE).unlink(),
    "half a note": lambda home: _note(home, '{"pid": 1'),
    "no pid": lambda home: _note(home, '{"started": 1.0}'),
    "no start": lambda home: _note(home, '{"pid": 4000000}'),
    "pid 0": lambda home: _note(home, '{"pid": 0, "started": 1.0}'),
    "not an object": lambda home: _note(home, "[1]"),
    "not text": lambda home: (home / NOTE).write_bytes(b"\xff\xfe"),
    "too long": lambda home: _note(home, (home / NOTE).read_text() + 2000 * " "),
    "the note is a link": _linked_note,
    "the directory is a link": _linked,
    "open to others": lambda home: home.chmod(0o755),
    "a note open to others": lambda home: (home / NOTE).chmod(0o644),
    "the pool of this process": lambda home: _note(
        home, json.dumps({"pid": os.getpid(), "started": psutil.Process().create_time()})
    ),
}


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS)
def test_what_is_not_certainly_left_by_a_killed_pool_stays(
    left: Path, temporary: Path, doubt: Callable[[Path], object]
) -> None:
    doubt(left)
    before = sorted(temporary.rglob("*"))
    assert remove_left_behind() == []
    assert sorted(temporary.rglob("*")) == before


def test_a_directory_of_another_user_stays(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = left.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert remove_left_behind() == []
    assert left.exists()


def test_a_link_in_it_is_removed_and_not_what_it_leads_to(left: Path, temporary: Path) -> None:
    mine = temporary / "mine"
    mine.mkdir()
    (mine / "thesis").touch()
    (left / "1").mkdir()
    (left / "1" / "link").symlink_to(mine)
    assert remove_left_behind() == [left]
    assert not left.exists()
    assert (mine / "thesis").exists()


def test_a_process_that_a_session_has_left_behind_ends(other: OtherPool) -> None:
    env = {**os.environ, "HOME": str(other.home / "1" / "work")}
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=env)
    assert process.stdin is not None
    with process.stdin:
        assert remove_left_behind() == []
        assert process.poll() is None
        killed = other.kill()
        assert remove_left_behind() == [killed]
        assert process.wait(60) == -signal.SIGKILL
