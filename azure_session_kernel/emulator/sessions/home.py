"""The directory below which all sessions of one pool live, and what a killed pool left of one.

A pool removes its directory when it ends, but SIGKILL leaves it. So the next pool does that, for
those that are certainly such a one: a real directory, this user's and closed to others, with the
note of a pool whose process is gone. Each doubt means that it stays.

The note holds the pool's process id and when that process began, because process ids are used
again. It is locked as long as the pool lives, too: a clock that was set changes the beginning, and
a pool in another container is not among this machine's processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped,unused-ignore]

from ...common.errors import StateUnusable
from ...common.file_lock import FileLock, LockTaken
from . import processes
from .layout import Layout

PREFIX: Final = "session-pool-"
NOTE: Final = "pool.json"
_NOTE_BYTES: Final = 1000
#: How exactly the beginning of a process is known, in seconds.
_SAME_START_S: Final = 1.0


class PoolHome:
    """A new directory of this process's pool, with its note. Use :meth:`remove` at the end."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = FileLock(self.path / NOTE)
        note = {"pid": os.getpid(), "started": psutil.Process().create_time()}
        # Without a lock, or half written, it is nobody's to remove.
        with contextlib.suppress(LockTaken, StateUnusable):
            self._lock.acquire()
            (self.path / NOTE).write_text(json.dumps(note))

    def session(self, number: int) -> Path:
        """Where a session's directory is to be made."""
        return self.path / str(number)

    def remove(self) -> None:
        # First, for Windows removes no open file.
        self._lock.release(remove=False)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_left_behind() -> list[Path]:
    """The directories of killed pools of this user that were removed."""
    left = [p for p in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _left_by_ours(p)]
    for path in left:
        _remove(path)
    return left


def _remove(path: Path) -> None:
    """Its sessions, which should have ended with their pool; then the note."""
    for root in path.iterdir():
        if root.name != NOTE:
            processes.kill_by_home(str(Layout(root).work))
            shutil.rmtree(root, ignore_errors=True)
    if [child.name for child in path.iterdir()] == [NOTE]:
        shutil.rmtree(path, ignore_errors=True)


def _left_by_ours(path: Path) -> bool:
    try:
        return _ours_alone(path, stat.S_IFDIR) and _killed(path / NOTE)
    except (OSError, ValueError, psutil.Error):
        return False


def _ours_alone(path: Path, kind: int) -> bool:
    """Not a link to one; nobody else's, and nobody else can have changed it."""
    if sys.platform == "win32":  # there, neither owner nor mode tells whose it is
        return False
    found = path.lstat()
    closed = not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return stat.S_IFMT(found.st_mode) == kind and found.st_uid == os.getuid() and closed


def _killed(note: Path) -> bool:
    """Whether the pool that wrote ``note`` is gone. :raises ValueError: no pool wrote it."""
    if not _ours_alone(note, stat.S_IFREG) or note.stat().st_size > _NOTE_BYTES:
        return False
    said = json.loads(note.read_bytes())
    pid, started = (said.get("pid"), said.get("started")) if isinstance(said, dict) else (0, 0)
    if type(pid) is not int or type(started) is not float or pid < 1:
        return False
    return not _runs(pid, started) and _unlocked(note)


def _runs(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START_S
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _unlocked(note: Path) -> bool:
    lock = FileLock(note)
    try:
        lock.acquire()
    except (LockTaken, StateUnusable):
        return False
    lock.release(remove=False)
    return True
