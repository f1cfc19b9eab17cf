"""A lock on a file that the operating system ends with the process, however that ends.

``flock`` on POSIX, ``msvcrt.locking`` on Windows. Locks belong to an open file, so two of them in
one process exclude each other as those of two processes do.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path
from typing import Final

from .errors import StateUnusable
from .private_files import make_private_dir

#: Looking at a lock takes it for a moment (``is_locked``); that must not look like a holder.
_PATIENCE_S: Final = 0.2
_PAUSE_S: Final = 0.01
#: A place in a file: far beyond its end, and below what ``msvcrt.locking`` can reach.
_BEYOND: Final = 2**30
_TAKEN: Final = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class LockTaken(Exception):
    """Another open file, of this or another process, has the lock."""


class FileLock:
    """One lock; not shared between threads. The file is created when missing, mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self) -> None:
        """Take the lock, within 0.2 s.

        :raises LockTaken: somebody else has it.
        :raises StateUnusable: the file or the file system does not allow it.
        """
        make_private_dir(self._path.parent)
        deadline = time.monotonic() + _PATIENCE_S
        while not self._try():
            if time.monotonic() > deadline:
                raise LockTaken(self._path.name)
            time.sleep(_PAUSE_S)

    def release(self, *, remove: bool) -> None:
        """:param remove: delete the file as well."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        if remove and sys.platform != "win32":
            # While it is still locked: whoever gets the lock later sees that the name is gone.
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(fd)
        if remove and sys.platform == "win32":
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _try(self) -> bool:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(self._path, error) from error
        try:
            _lock(fd)
            if not _same_file(fd, self._path):
                raise BlockingIOError  # its holder removed it between our open and our lock
        except OSError as error:
            os.close(fd)
            if isinstance(error, BlockingIOError) or error.errno in _TAKEN:
                return False
            raise _unusable(self._path, error) from error
        self._fd = fd
        return True


def is_locked(path: Path) -> bool:
    """Whether somebody has the lock. True when that can't be found out; False without the file."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        _lock(fd, shared=True)
        return False
    except OSError:
        return True
    finally:
        os.close(fd)


def _same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int, *, shared: bool = False) -> None:
        # There, nobody else can read or write what is locked, not even its holder by another
        # handle: so it is a byte that no content ever has.
        os.lseek(fd, _BEYOND, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int, *, shared: bool = False) -> None:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _unusable(path: Path, error: OSError) -> StateUnusable:
    return StateUnusable(
        f"{path} can't be locked ({error.strerror}).",
        cause="The file is not writable, or its file system has no locks.",
        fix="Set JUPYTER_DATA_DIR to a directory on a local disk.",
    )
