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
from ..file_batches import MOST, SMALL_BYTES, answered, as_item, from_item, in_batches
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
    is_size,
    is_time,
    too_many,
)

#: ``call(name, body, timeout_s)``: one exchange with the adapter, boot and reader added.
Call = Callable[[str, dict[str, Any], float], Awaitable[dict[str, Any]]]

#: One piece on a slow line (100 kB/s), and one hash of a large file.
TIMEOUT_S: Final = 20.0
HASHED_BYTES_PER_S: Final = 20_000_000
#: Names in one ``stat`` of an adapter that answers for all of them, whatever their hashes take.
NAMES: Final = 20
#: Of the body of many files: it must not have to be sent in parts.
BATCH_BYTES: Final = 900 * 1024
#: How long an interrupted upload may take to be removed; the adapter removes the rest by itself.
ABANDON_S: Final = 0.5


class AdapterFiles:
    """:param outage_s: how long the pool may be out of reach before a transfer fails.

    :param batches: whether the adapter takes and gives many files in one call.
    """

    largest_bytes = None

    def __init__(self, call: Call, outage_s: float, *, batches: bool = False) -> None:
        self._call, self._outage_s, self._batches = call, outage_s, batches

    @property
    def batch_bytes(self) -> int:
        return SMALL_BYTES if self._batches else 0

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
        left, most = list(names), MOST if self._batches else NAMES
        partly = {"partly": True} if self._batches else {}
        while left:
            asked = set(left[:most])
            answer = await self._ask("stat", {"names": left[:most], **partly}, TIMEOUT_S * 3)
            for item in _items(answer):
                value = _fingerprint(item)
                name = item.get("name")
                if value is not None and isinstance(name, str) and name in asked:
                    found[name] = value
            left = left[answered(answer.get("answered"), len(left[:most])) :]
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

    async def upload_batch(
        self, files: Sequence[SmallFile], stored: Callable[[SmallFile], None]
    ) -> None:
        for batch in in_batches(files, BATCH_BYTES):
            body = {"id": secrets.token_hex(16), "files": [as_item(file) for file in batch]}
            told = _items(await self._ask("put", body, TIMEOUT_S * 3))
            for file, item in zip(batch, told, strict=False):
                if "error" in item:
                    raise _refused(item["error"], file.name)
                stored(file)
            if len(told) < len(batch):
                raise UnexpectedAnswer("The session did not say whether it has the files.")

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

    async def download_batch(self, names: Sequence[str]) -> AsyncGenerator[SmallFile, None]:
        left = list(names)
        while left:
            asked = left[:MOST]
            answer = await self._ask("get", {"names": asked})
            for item in _items(answer)[:MOST]:
                file = from_item(item)
                if file is not None and file.name in asked:
                    yield file
            left = left[answered(answer.get("answered"), len(asked)) :]

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
    names = body.get("names", [file["name"] for file in body.get("files", ())])
    return str(body.get("name", body.get("directory", ", ".join(names[:5]))))


@contextlib.contextmanager
def _file_errors(call: str, name: str) -> Iterator[None]:
    """The adapter's refusals (docs/protocol.md, Errors) as what they mean for a file."""
    try:
        yield
    except PoolError as error:
        meaning = _meaning(error.code, _said(error), call, name[:200])
        if meaning is None:
            raise
        raise meaning from error


def _refused(error: Any, name: str) -> Exception:
    """What the adapter says of one file of many."""
    told = error if isinstance(error, dict) else {}
    code, said = short_text(told, "code", 40), short_text(told, "message", 200)
    said = "".join(filter(str.isprintable, said))
    return _meaning(code, said, "put", name[:200]) or UnexpectedAnswer(
        f"The session refused {name[:200]!r} and did not say why."
    )


def _meaning(code: str, said: str, call: str, name: str) -> FileTransferError | None:
    """Of a refusal; ``said``: the adapter's own sentence."""
    match code:
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
            return FileRefused(f"{name!r} can't be the name of a file in the session.", cause=said)
        case "Unreadable":
            return FileTransferError(
                f"{name!r} can't be read in the session.",
                cause=said,
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
