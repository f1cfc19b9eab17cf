"""``SessionFiles`` over the adapter's ``/jupyter/files/*`` (docs/protocol.md, Files)."""

from __future__ import annotations

import base64
import binascii
import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

from ...common.errors import (
    AnswerTooLarge,
    FileChanged,
    FileMissing,
    FileRefused,
    FileTransferError,
    PoolError,
    SessionDiskFull,
    UnexpectedAnswer,
)
from ...common.within import within
from ...pool.retry import retry
from ...wire import PART_BYTES
from ...wire.json_text import short_text
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
    is_size,
    is_time,
    too_many,
)

#: ``call(name, body, timeout_s)``: one exchange with the adapter, boot and reader added.
Call = Callable[[str, dict[str, Any], float], Awaitable[dict[str, Any]]]

#: One piece on a slow line (100 kB/s), and one hash of a large file.
TIMEOUT_S: Final = 20.0
HASHED_BYTES_PER_S: Final = 20_000_000
#: Names in one ``stat``: their hashes must be ready before the time limit.
NAMES: Final = 20
#: How long an interrupted upload may take to be removed; the adapter removes the rest by itself.
ABANDON_S: Final = 0.5


class AdapterFiles:
    """:param outage_s: how long the pool may be out of reach before a transfer fails."""

    largest_bytes = None

    def __init__(self, call: Call, outage_s: float) -> None:
        self._call, self._outage_s = call, outage_s

    async def list(self, directory: str = "", *, recursive: bool = True) -> Listing:
        try:
            answer = await self._ask("list", {"directory": directory, "recursive": recursive})
        except AnswerTooLarge as error:
            raise too_many() from error
        top, items = directory.strip("/"), _items(answer)
        entries = [_session_file(item, top) for item in items[:MAX_ENTRIES]]
        truncated = bool(answer.get("truncated")) or len(items) > MAX_ENTRIES
        return Listing(entries, truncated)

    async def fingerprints(self, names: Sequence[str]) -> Found:
        found: dict[str, Fingerprint | Unfit] = {}
        for start in range(0, len(names), NAMES):
            batch = names[start : start + NAMES]
            answer = await self._ask("stat", {"names": list(batch)}, TIMEOUT_S * 3)
            for item in _items(answer):
                value = _fingerprint(item)
                if value is not None and item.get("name") in batch:
                    found[item["name"]] = value
        return found

    async def upload(self, name: str, source: Source, progress: Progress) -> None:
        upload, expected = {"id": secrets.token_hex(16), "name": name}, source.fingerprint
        time = {"mtime_ns": expected.mtime_ns} if is_time(expected.mtime_ns) else {}
        try:
            await self._send_pieces(upload, source, progress)
            await self._ask(
                "commit",
                {**upload, "size": expected.size_bytes, "sha256": expected.sha256, **time},
                TIMEOUT_S + expected.size_bytes / HASHED_BYTES_PER_S,
            )
        except BaseException:
            await self._abandon(upload)
            raise

    async def _send_pieces(
        self, upload: dict[str, Any], source: Source, progress: Progress
    ) -> None:
        offset, executable = 0, bool(source.fingerprint.executable)
        while True:
            data = await source.read(offset, PART_BYTES)
            if data or not offset:
                encoded = base64.b64encode(data).decode("ascii")
                piece = {"offset": offset, "data": encoded, "executable": executable}
                await self._ask("write", {**upload, **piece})
            offset += len(data)
            progress(len(data))
            if len(data) < PART_BYTES:
                return

    async def settle(self) -> None:
        """Nothing is left to do: the adapter has compared and marked each."""

    async def _abandon(self, upload: dict[str, Any]) -> None:
        with contextlib.suppress(Exception):
            await within(self._call("abandon", upload, ABANDON_S), ABANDON_S)

    async def download(self, name: str, size_bytes: int) -> AsyncGenerator[bytes, None]:
        offset = 0
        while offset <= size_bytes:
            where = {"name": name, "offset": offset, "length": PART_BYTES}
            answer = await self._ask("read", where)
            data = _data(answer)
            if not data:
                return
            yield data
            offset += len(data)

    async def _ask(
        self, call: str, body: dict[str, Any], timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        """Repeating is safe: every call is idempotent."""

        async def attempt() -> dict[str, Any]:
            with _file_errors(call, _named(body)):
                return await self._call(call, body, timeout_s)

        return await retry(attempt, self._outage_s, least=2)


def _named(body: dict[str, Any]) -> str:
    """What a call is about."""
    return str(body.get("name", body.get("directory", ", ".join(body.get("names", ())))))


@contextlib.contextmanager
def _file_errors(call: str, name: str) -> Iterator[None]:
    """The adapter's refusals (docs/protocol.md, Errors) as what they mean for a file."""
    try:
        yield
    except PoolError as error:
        meaning = _meaning(error, call, name[:200])
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: PoolError, call: str, name: str) -> FileTransferError | None:
    match error.code:
        case "FileNotFound":
            return FileMissing(
                f"There is no {name!r} in the session.", fix="Run %files to see what is there."
            )
        case "NotAFile" if call == "list":
            return FileRefused(
                f"{name!r} in the session is a file, not a folder.",
                fix="%files lists folders; %download gets files.",
            )
        case "NotAFile":
            return FileRefused(f"What is called {name!r} in the session is not a regular file.")
        case "BadName":
            return FileRefused(
                f"{name!r} can't be the name of a file in the session.", cause=_said(error)
            )
        case "Unreadable":
            return FileTransferError(
                f"{name!r} can't be read in the session.",
                cause=_said(error),
                fix="Check its permissions in the session (`!ls -l`).",
            )
        case "ContentMismatch" | "OutOfOrder":
            return FileChanged(f"{name!r} arrived in the session with another content.")
        case "DiskFull":
            return SessionDiskFull(
                f"The session's disk is full: {name!r} was not stored.",
                cause="The session has no room for a file of this size.",
                fix="Remove files in the session (`import os; os.remove(NAME)`), or use a pool "
                "with more storage.",
            )
        case _:
            return None


def _said(error: PoolError) -> str:
    """The adapter's own sentence."""
    return error.reply.message if error.reply is not None else ""


def _fingerprint(item: dict[str, Any]) -> Fingerprint | Unfit | None:
    """Of one answer of ``stat``."""
    sha256, error = item.get("sha256"), item.get("error")
    if isinstance(sha256, str):
        return as_told(item.get("size"), sha256, item.get("executable"), item.get("mtime_ns"))
    if item.get("type") == "directory":
        return A_FOLDER
    if not isinstance(error, dict):
        return None
    match error.get("code"):
        case "NotAFile":
            return NOT_REGULAR
        case "BadName":
            return Unfit("it leads out of the working directory, or can't be a file's name")
        case _:
            said = "".join(filter(str.isprintable, short_text(error, "message", 200)))
            return Unfit(f"the session says: {said.rstrip('.')}")


def _session_file(item: dict[str, Any], top: str) -> SessionFile:
    parts = (top, item.get("directory"), item.get("name"))
    size = item.get("sizeInBytes")
    return SessionFile(
        name="/".join(part for part in parts if isinstance(part, str) and part),
        is_directory=short_text(item, "type").lower() == "directory",
        size_bytes=size if is_size(size) else 0,
        modified=short_text(item, "lastModifiedAt", 40),
    )


def _items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    value = answer.get("value")
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UnexpectedAnswer("The session's list of files can't be read.")
    return value


def _data(answer: dict[str, Any]) -> bytes:
    try:
        data = base64.b64decode(answer["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise UnexpectedAnswer("A piece of a file can't be read.") from None
    if len(data) > PART_BYTES:
        raise UnexpectedAnswer("A piece of a file is larger than was asked for.")
    return data
