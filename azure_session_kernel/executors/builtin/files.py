"""``SessionFiles`` over Azure's own file API (docs/azure.md 1.2, 6.7)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from ...common.errors import (
    AnswerTooLarge,
    FileChanged,
    FileMissing,
    FileRefused,
    FileTooLarge,
    PoolError,
    SessionDiskFull,
    SessionLost,
    UnexpectedAnswer,
)
from ...interpreter.place import OURS
from ...pool.retry import retry
from ..log_reader import lost
from ..session_files import (
    A_FOLDER,
    MAX_ENTRIES,
    NOT_REGULAR,
    Fingerprint,
    Found,
    Listing,
    Progress,
    SessionFile,
    Source,
    Unfit,
    as_told,
    too_many,
)
from .azure import MAX_UPLOAD_BYTES, PASSES, BuiltinPool
from .names import find_out, is_special, not_carried, refuse_unfit

T = TypeVar("T")

PIECE_BYTES: Final = 4 * 1024 * 1024
TIMEOUT_S: Final = 30.0
#: Names in one question for fingerprints: their hashes must be ready before the time limit.
NAMES: Final = 20
_OURS: Final = re.compile(OURS)

#: ``stat(names, marks)``: what files are, found in the session; ``marks`` says of some that were
#: uploaded whether they are executable, and their time, which the file API does not carry.
Stat = Callable[[Sequence[str], Mapping[str, tuple[bool, int | None]]], Awaitable[dict[str, Any]]]


class MailboxFiles:
    """:param stat: None when the session can't be asked.

    :param over: whether the boot whose files these are is gone.
    """

    largest_bytes = MAX_UPLOAD_BYTES

    def __init__(
        self, pool: BuiltinPool, outage_s: float, stat: Stat | None, over: Callable[[], bool]
    ) -> None:
        self._pool, self._outage_s, self._stat, self._over = pool, outage_s, stat, over
        self._executable: set[str] = set()
        self._uploaded: dict[str, Fingerprint] = {}

    async def list(self, directory: str = "", *, recursive: bool = True) -> Listing:
        found: list[SessionFile] = []
        waiting = [directory.strip("/")]
        while waiting:
            if len(found) > MAX_ENTRIES:
                return Listing(found[:MAX_ENTRIES], truncated=True)
            folder = waiting.pop()
            for name, is_directory, size, modified in await self._list_one(folder):
                if not folder and _OURS.match(name):
                    continue
                path = f"{folder}/{name}" if folder else name
                found.append(SessionFile(path, is_directory, max(0, size), modified))
                if is_directory and recursive:
                    waiting.append(path)
        found.sort(key=lambda file: file.name)
        return Listing(found[:MAX_ENTRIES], truncated=len(found) > MAX_ENTRIES)

    async def _list_one(self, folder: str) -> Sequence[tuple[str, bool, int, str]]:
        await self._refuse_unless_carried(folder)

        async def attempt() -> Sequence[tuple[str, bool, int, str]]:
            with _file_errors(folder):
                return await self._pool.list(folder)

        try:
            return await self._retry(attempt)
        except AnswerTooLarge as error:
            raise too_many() from error

    async def fingerprints(self, names: Sequence[str]) -> Found:
        found: dict[str, Fingerprint | Unfit] = {}
        if self._stat is None:
            return found
        for start in range(0, len(names), NAMES):
            batch = list(names[start : start + NAMES])
            marks = {name: self._mark(name) for name in batch if name in self._uploaded}
            for name, value in (await self._stat(batch, marks)).items():
                if name in batch and (known := _fingerprint(value)) is not None:
                    found[name] = known
        executable = (n for n, f in found.items() if isinstance(f, Fingerprint) and f.executable)
        self._executable.update(executable)
        return found

    def _mark(self, name: str) -> tuple[bool, int | None]:
        sent = self._uploaded[name]
        return bool(sent.executable) or name in self._executable, sent.mtime_ns

    async def settle(self) -> None:
        found = await self.fingerprints(list(self._uploaded)) if self._stat is not None else None
        for name, sent in self._uploaded.items():
            if found is not None and found.get(name) != sent:
                raise _changed(name)
        self._uploaded.clear()

    async def upload(self, name: str, source: Source, progress: Progress) -> None:
        if source.fingerprint.size_bytes > MAX_UPLOAD_BYTES:
            raise _too_large(name, source.fingerprint.size_bytes)
        refuse_unfit(name)
        await self._refuse_unless_carried(name)
        data = bytearray()
        while piece := await source.read(len(data), PIECE_BYTES):
            data += piece
        folder, base = self._parted(name)

        async def attempt() -> tuple[str, int]:
            with _file_errors(name):
                return await self._pool.upload(folder, base, bytes(data), TIMEOUT_S)

        called, size = await self._retry(attempt)
        if size not in (-1, len(data)):
            raise FileChanged(f"{name!r} arrived in the session with {size} bytes, not {len(data)}")
        if called.rpartition("/")[2] not in ("", base):
            raise _changed(name)
        self._uploaded[name] = source.fingerprint
        progress(len(data))

    async def download(self, name: str, size_bytes: int) -> AsyncGenerator[bytes, None]:
        folder, base = self._parted(name)
        await self._refuse_unless_carried(name)
        offset = 0
        while offset <= size_bytes:

            async def attempt(at: int = offset) -> tuple[bytes, bool] | None:
                with _file_errors(name):
                    return await self._pool.download(
                        folder, base, TIMEOUT_S, (at, PIECE_BYTES), size_bytes + PIECE_BYTES
                    )

            found = await self._retry(attempt)
            if found is None:
                raise _missing(name)
            data, is_piece = found
            if not is_piece:  # the pool has no ranges: all of it, each time
                yield data[offset:]
                return
            if len(data) > PIECE_BYTES:
                raise UnexpectedAnswer("A piece of a file is larger than was asked for.")
            if data:
                yield data
            if len(data) < PIECE_BYTES:
                return
            offset += len(data)

    async def _refuse_unless_carried(self, name: str) -> None:
        """Found out before anything is transferred, once for each pool. :raises FileRefused:"""
        stat, pool = self._stat, self._pool
        if not is_special(name):
            return
        if pool.carries_all is None and stat is not None:
            pool.carries_all = await self._retry(
                lambda: find_out(pool, lambda names: stat(names, {}))
            )
        if not pool.carries_all:
            raise not_carried(name)

    def _parted(self, name: str) -> tuple[str, str]:
        folder, _, base = name.strip("/").rpartition("/")
        if folder and not self._pool.version.flat:
            raise FileRefused(
                f"{name!r} is in a folder, and this pool's API ({self._pool.version.name}) has "
                "no folders.",
                fix="Move the file to the notebook's own folder.",
            )
        return folder, base

    async def _retry(self, attempt: Callable[[], Awaitable[T]]) -> T:
        if self._over():
            raise lost()
        return await retry(attempt, self._outage_s, least=2, also=PASSES)


def _fingerprint(value: Any) -> Fingerprint | Unfit | None:
    """Of one name, as ``interpreter/mailbox.py`` says it."""
    match value:
        case [size, str(sha256), *more]:
            return as_told(size, sha256, *more[:2])
        case "directory":
            return A_FOLDER
        case "other":
            return NOT_REGULAR
        case "unreadable":
            return Unfit("it can't be read")
        case _:
            return None


@contextlib.contextmanager
def _file_errors(name: str) -> Iterator[None]:
    """The pool's refusals as what they mean for a file."""
    name = name[:200]
    try:
        yield
    except SessionLost:
        raise
    except PoolError as error:
        said = f"{error.code} {error.body}".lower()
        if error.status == 404:
            raise _missing(name) from error
        if error.status == 413:
            raise _too_large(name, None) from error
        if "space" in said or "diskfull" in said:
            raise SessionDiskFull(
                f"The session's disk is full: {name!r} was not stored.",
                fix="Remove files in the session (`import os; os.remove(NAME)`).",
            ) from error
        if error.status == 400:
            raise FileRefused(
                f"The pool refuses {name!r}: {' '.join(error.body.split())[:200]}",
                cause="Azure allows certain characters in names, and five levels of folders.",
                fix="Use letters, digits, dots, hyphens and underscores in names.",
            ) from error
        raise


def _changed(name: str) -> FileChanged:
    return FileChanged(
        f"{name!r} was uploaded, and what the session has under that name is not what was sent.",
        cause="A program in the session has changed it, or this pool gave it another name.",
        fix="Look at it with %files; upload it under a name of letters, digits, dots and hyphens.",
    )


def _missing(name: str) -> FileMissing:
    return FileMissing(
        f"There is no {name!r} in the session.", fix="Run %files to see what is there."
    )


def _too_large(name: str, size_bytes: int | None) -> FileTooLarge:
    size = f" ({size_bytes / 1024**2:.0f} MB)" if size_bytes is not None else ""
    return FileTooLarge(
        f"{name!r}{size} is larger than a built-in pool takes: 128 MB.",
        cause="This is Azure's limit for one file; no option raises it.",
        fix="Split or compress the file, or use a pool with a container of your own.",
    )
