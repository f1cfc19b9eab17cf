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
    FileTransferError,
    PoolError,
    SessionDiskFull,
    SessionLost,
    UnexpectedAnswer,
)
from ...interpreter.place import OURS
from ...pool.retry import retry
from ...wire.json_text import short_text
from ..file_batches import MOST, SMALL_BYTES, answered, as_item, from_item, in_batches
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
    SmallFile,
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
#: Of many files that go together, as one file of ours.
BATCH_BYTES: Final = 8 * 1024 * 1024
_OURS: Final = re.compile(OURS)

#: ``ask(do, what)``: what the session's interpreter tells of its files, see
#: ``interpreter/files.py``.
Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class MailboxFiles:
    """:param ask: None when the session can't be asked.

    :param over: whether the boot whose files these are is gone.
    """

    largest_bytes = MAX_UPLOAD_BYTES

    def __init__(
        self, pool: BuiltinPool, outage_s: float, ask: Ask | None, over: Callable[[], bool]
    ) -> None:
        self._pool, self._outage_s, self._ask, self._over = pool, outage_s, ask, over
        self._executable: set[str] = set()
        self._uploaded: dict[str, Fingerprint] = {}

    @property
    def batch_bytes(self) -> int:
        return SMALL_BYTES if self._ask is not None else 0

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
        if self._ask is None:
            return found
        left = list(names)
        while left:
            asked = dict.fromkeys(left[:MOST])
            marks = {name: self._mark(name) for name in asked if name in self._uploaded}
            told = await self._ask("stat", {"names": left[:MOST], "marks": marks})
            for name, value in told.items():
                if name in asked and (known := _fingerprint(value)) is not None:
                    found[name] = known
            left = left[answered(told.get(""), len(left[:MOST])) :]
        executable = (n for n, f in found.items() if isinstance(f, Fingerprint) and f.executable)
        self._executable.update(executable)
        return found

    def _mark(self, name: str) -> tuple[bool, int | None]:
        sent = self._uploaded[name]
        return bool(sent.executable) or name in self._executable, sent.mtime_ns

    async def settle(self) -> None:
        found = await self.fingerprints(list(self._uploaded)) if self._ask is not None else None
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

    async def upload_batch(
        self, files: Sequence[SmallFile], stored: Callable[[SmallFile], None]
    ) -> None:
        """As one file, which the interpreter unpacks: the pool's API knows no more than one."""
        ask = self._ask
        assert ask is not None  # noqa: S101 - there are no batches then
        for file in files:
            refuse_unfit(file.name)
            await self._refuse_unless_carried(file.name)
            self._parted(file.name)
        for batch in in_batches(files, BATCH_BYTES):
            what = {"files": [as_item(file) for file in batch]}
            told = await self._retry(lambda what=what: ask("put", what))  # type: ignore[misc]
            count = told.get("stored")
            done = count if isinstance(count, int) and 0 <= count <= len(batch) else 0
            for file in batch[:done]:
                stored(file)
            if done < len(batch):
                raise _not_stored(batch[done].name, told)

    async def download_batch(self, names: Sequence[str]) -> AsyncGenerator[SmallFile, None]:
        ask, left = self._ask, list(names)
        while left and ask is not None:
            asked = left[:MOST]
            told = await self._retry(lambda asked=asked: ask("get", {"names": asked}))  # type: ignore[misc]
            items = told.get("value")
            for item in items[:MOST] if isinstance(items, list) else ():
                file = from_item(item)
                if file is not None and file.name in asked:
                    yield file
            left = left[answered(told.get("answered"), len(asked)) :]

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
        ask, pool = self._ask, self._pool
        if not is_special(name):
            return
        if pool.carries_all is None and ask is not None:
            pool.carries_all = await self._retry(
                lambda: find_out(pool, lambda names: ask("stat", {"names": list(names)}))
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
            raise _no_room(name) from error
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


def _not_stored(name: str, told: Mapping[str, Any]) -> FileTransferError:
    if told.get("full") is True:
        return _no_room(name)
    said = "".join(filter(str.isprintable, short_text(told, "reason", 200)))
    return FileTransferError(f"{name[:200]!r} was not stored in the session.", cause=said)


def _no_room(name: str) -> SessionDiskFull:
    return SessionDiskFull(
        f"The session's disk is full: {name!r} was not stored.",
        fix="Remove files in the session (`import os; os.remove(NAME)`).",
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
