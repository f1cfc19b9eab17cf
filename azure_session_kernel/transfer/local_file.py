"""Local files: read without being fooled by a change, written without ever being half there."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from ..common.errors import FileChanged, FileInTheWay, FileRefused, FileTransferError
from ..executors.session_files import Fingerprint, SmallFile

_BLOCK_BYTES: Final = 1024 * 1024
_PART: Final = re.compile(r"\.ask-[0-9a-f]{16}\.part")
#: An unfinished file that nothing was written to for so long is nobody's any more.
LEFT_OVER_S: Final = 24 * 3600.0


class LocalFile:
    """A ``Source``: an open file and what it was when it was opened."""

    def __init__(self, file: IO[bytes], name: str, status: os.stat_result) -> None:
        self._file, self._name = file, name
        self._opened_as, self._status = _version(status), status
        self._size = status.st_size
        self._fingerprint: Fingerprint | None = None

    @property
    def fingerprint(self) -> Fingerprint:
        assert self._fingerprint is not None, "take_fingerprint() comes first"  # noqa: S101
        return self._fingerprint

    async def take_fingerprint(self) -> Fingerprint:
        """Read it once from beginning to end. :raises FileChanged:"""
        digest = hashlib.sha256()
        for offset in range(0, self._size, _BLOCK_BYTES):
            digest.update(await self.read(offset, _BLOCK_BYTES))
        self._fingerprint = _fingerprint(self._status, digest.hexdigest())
        return self._fingerprint

    async def read(self, offset: int, length: int) -> bytes:
        """In a thread, so that a slow disk does not stop the kernel. :raises FileChanged:"""
        return await asyncio.to_thread(self._read, offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        try:
            self._file.seek(offset)
            data = self._file.read(length)
            now = _version(os.fstat(self._file.fileno()))
        except (OSError, ValueError) as error:
            raise unreadable(self._name, error) from error
        if now != self._opened_as or len(data) != max(0, min(length, self._size - offset)):
            raise FileChanged(
                f"{self._name!r} is being changed while it is read.",
                cause="Another program is still writing it.",
                fix="Wait until it is finished, then run the cell again.",
            )
        return data


def _version(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


@asynccontextmanager
async def opened(path: Path, name: str) -> AsyncIterator[LocalFile]:
    """Open for uploading. :raises FileRefused: not a regular file. :raises FileTransferError:"""
    file = await asyncio.to_thread(_open_regular, path, name)
    try:
        yield LocalFile(file, name, os.fstat(file.fileno()))
    finally:
        file.close()


def _open_regular(path: Path, name: str) -> IO[bytes]:
    try:
        # Opening a named pipe would wait for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileRefused(f"{name!r} is not a regular file.")
        return path.open("rb", buffering=0)
    except OSError as error:
        raise unreadable(name, error) from error


def read_small(path: Path, name: str, most_bytes: int) -> SmallFile | None:
    """All of it at once; None: it is larger, or is being changed. Blocks.

    :raises FileRefused: not a regular file. :raises FileTransferError:
    """
    with _open_regular(path, name) as file:
        status = os.fstat(file.fileno())
        try:
            data = file.read(most_bytes + 1)
            now = _version(os.fstat(file.fileno()))
        except OSError as error:
            raise unreadable(name, error) from error
    if len(data) > most_bytes or len(data) != status.st_size or now != _version(status):
        return None
    return SmallFile(name, data, _fingerprint(status, hashlib.sha256(data).hexdigest()))


def _fingerprint(status: os.stat_result, sha256: str) -> Fingerprint:
    # Windows knows no such bit.
    executable = bool(status.st_mode & stat.S_IXUSR) if os.name != "nt" else None
    return Fingerprint(status.st_size, sha256, executable, status.st_mtime_ns)


async def fingerprint_of(path: Path, name: str) -> Fingerprint | None:
    """Of the file there now; None when there is none."""
    if not os.path.lexists(path):  # noqa: ASYNC240 - a stat of a local file
        return None
    async with opened(path, name) as file:
        return await file.take_fingerprint()


@contextmanager
def written(path: Path, name: str, *, replace: bool, like: Fingerprint) -> Iterator[IO[bytes]]:
    """A new file beside ``path`` that gets its name when the block ends without an error.

    :param replace: whether it may take the place of a file that is there by then.
    :param like: whose time it gets; it is executable if that is, or the file that it replaces.
    :raises FileInTheWay: it may not. :raises FileTransferError: it can't be written. Then, and
        whatever else ends the block, nothing of it is left.
    """
    part = path.with_name(f".ask-{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o777 if like.executable or _is_executable(path) else 0o666  # less the umask
        with open(part, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            yield file
        if replace:
            part.replace(path)
        else:
            _name(part, path, name)
        if like.mtime_ns is not None:  # not earlier: an old unfinished file is a left-over
            with suppress(OSError, OverflowError):
                os.utime(path, ns=(like.mtime_ns, like.mtime_ns))
    except OSError as error:
        raise FileTransferError(
            f"{name!r} can't be written on this machine ({error.strerror or error}).",
            cause="The disk may be full, or the folder can't be written to.",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _is_executable(path: Path) -> bool:
    """Of a regular file, by its owner."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return os.name != "nt" and stat.S_ISREG(mode) and bool(mode & stat.S_IXUSR)


def _name(part: Path, path: Path, name: str) -> None:
    """Unlike a rename, a link never takes the place of a file."""
    try:
        os.link(part, path)
        return
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not os.path.lexists(path):
            part.replace(path)
            return
    raise FileInTheWay(
        f"{name!r} has appeared on this machine while it was downloaded.",
        fix="Replace it with --force, or choose another folder with --to FOLDER.",
    )


def remove_left_over(folders: Iterable[Path]) -> None:
    """Unfinished files of kernels that were killed. Reads the folders, so it may block."""
    for folder in set(folders):
        with suppress(OSError):
            for path in folder.glob(".ask-*.part"):
                if _PART.fullmatch(path.name) and time.time() - path.lstat().st_mtime > LEFT_OVER_S:
                    path.unlink()


def unreadable(name: str, error: Exception) -> FileTransferError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return FileTransferError(
        f"{name!r} can't be read on this machine ({reason}).",
        fix="Check that the file exists and that you may read it.",
    )
