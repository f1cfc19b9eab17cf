"""``POST /jupyter/files/*``: files in numbered pieces, for kernels (docs/protocol.md, Files).

Only POST with everything in the body, because nothing else is known to reach a custom container.
Each call names the boot, so that files never go into a session that was replaced unnoticed.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from starlette.responses import Response

from ...azure_api.answers import json_answer, refusal
from ...wire import PART_BYTES, WireError
from ..fields import data, flag, items, text, whole
from ..interpreter_host import InterpreterHost
from .store import (
    ContentMismatch,
    DiskFull,
    FileStore,
    NoSuchFile,
    NotAFile,
    OutOfOrder,
    Unreadable,
    Upload,
)
from .workdir import BadName

#: An upload that has had no piece for so long is removed.
ABANDONED_S: Final = 600.0
#: Names, or files, in one call.
MAX_NAMES: Final = 1000
#: A ``stat`` that may be answered in part ends after so much was hashed.
MAX_HASHED_BYTES: Final = 64 * 1024 * 1024
#: A file up to this size may be had with many others, and so much is given at a time.
SMALL_BYTES: Final = 256 * 1024
GIVEN_BYTES: Final = PART_BYTES
#: Batches whose answers are remembered: a repeat comes soon after the first.
_REMEMBERED: Final = 100

FILE_REFUSALS: Final[dict[type[Exception], tuple[int, str, str]]] = {
    BadName: (400, "BadName", "{}"),
    NoSuchFile: (404, "FileNotFound", "Nothing of that name is in the working directory."),
    NotAFile: (409, "NotAFile", "What has that name is not a regular file."),
    Unreadable: (409, "Unreadable", "It can't be read: {}."),
    ContentMismatch: (409, "ContentMismatch", "Not what was announced arrived; it was removed."),
    DiskFull: (507, "DiskFull", "The session's disk is full. The unfinished file was removed."),
}

Handler = Callable[[InterpreterHost, dict[str, Any]], Awaitable[Response]]


class FileCalls:
    """The calls over one store. One upload's pieces are handled one after the other."""

    def __init__(self, root: Path) -> None:
        self.store = FileStore(root)
        self._writing = asyncio.Lock()
        self._timers: dict[Upload, asyncio.TimerHandle] = {}
        self._batches: dict[str, list[dict[str, Any]]] = {}

    @property
    def handlers(self) -> dict[str, Handler]:
        calls = {
            "list": self._list,
            "stat": self._stat,
            "read": self._read,
            "write": self._write,
            "commit": self._commit,
            "abandon": self._abandon,
            "put": self._put,
            "get": self._get,
        }
        return {f"/jupyter/files/{name}": _claimed(call) for name, call in calls.items()}

    async def close(self) -> None:
        """Remove unfinished uploads."""
        for upload in list(self._timers):
            self._forget(upload)
            await asyncio.to_thread(self.store.abandon, upload)

    async def _list(self, body: dict[str, Any]) -> Response:
        found, more = await asyncio.to_thread(
            self.store.list, text(body, "directory"), recursive=flag(body, "recursive")
        )
        return json_answer({"value": found, "truncated": more})

    async def _stat(self, body: dict[str, Any]) -> Response:
        limit = MAX_HASHED_BYTES if flag(body, "partly") else None
        return await asyncio.to_thread(_told_of, _names(body), self.store.fingerprint, limit)

    async def _get(self, body: dict[str, Any]) -> Response:
        def whole_file(name: str) -> dict[str, Any]:
            return self.store.whole(name, SMALL_BYTES)

        return await asyncio.to_thread(_told_of, _names(body), whole_file, GIVEN_BYTES)

    async def _put(self, body: dict[str, Any]) -> Response:
        """Those behind one that is refused are not stored."""
        batch, files = text(body, "id"), items(body, "files")
        if len(files) > MAX_NAMES or not all(isinstance(file, dict) for file in files):
            raise WireError(f"files must be at most {MAX_NAMES} objects")
        wholes = [_whole_file(file) for file in files]
        async with self._writing:
            if batch not in self._batches:
                self._batches[batch] = await asyncio.to_thread(self._store, wholes)
                if len(self._batches) > _REMEMBERED:
                    del self._batches[next(iter(self._batches))]
            return json_answer({"value": self._batches[batch]})

    def _store(self, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
        told = []
        for file in files:
            try:
                self.store.put_whole(**file)
                told.append({"name": file["name"]})
            except tuple(FILE_REFUSALS) as error:
                return [*told, _refused(file["name"], error)]
        return told

    async def _read(self, body: dict[str, Any]) -> Response:
        length = min(whole(body, "length"), PART_BYTES)
        offset = whole(body, "offset")
        piece = await asyncio.to_thread(self.store.read, text(body, "name"), offset, length)
        return json_answer({"offset": offset, "data": base64.b64encode(piece).decode("ascii")})

    async def _write(self, body: dict[str, Any]) -> Response:
        upload, piece = _upload(body), data(body, "data")
        if len(piece) > PART_BYTES:
            raise WireError(f"a piece has at most {PART_BYTES} bytes")
        async with self._writing:
            received = await asyncio.to_thread(
                self.store.write,
                upload,
                whole(body, "offset"),
                piece,
                executable=flag(body, "executable"),
            )
            self._watch(upload)
        return json_answer({"received": received})

    async def _commit(self, body: dict[str, Any]) -> Response:
        upload = _upload(body)
        size, sha256 = whole(body, "size"), text(body, "sha256")
        mtime_ns = whole(body, "mtime_ns") if "mtime_ns" in body else None
        async with self._writing:
            await asyncio.to_thread(self.store.commit, upload, size, sha256, mtime_ns)
        self._forget(upload)
        return json_answer({"received": size})

    async def _abandon(self, body: dict[str, Any]) -> Response:
        upload = _upload(body)
        async with self._writing:
            await asyncio.to_thread(self.store.abandon, upload)
        self._forget(upload)
        return json_answer({})

    def _watch(self, upload: Upload) -> None:
        self._forget(upload)
        loop = asyncio.get_running_loop()
        self._timers[upload] = loop.call_later(ABANDONED_S, self._give_up, upload)

    def _give_up(self, upload: Upload) -> None:
        self._forget(upload)
        asyncio.get_running_loop().run_in_executor(None, self.store.abandon, upload)

    def _forget(self, upload: Upload) -> None:
        timer = self._timers.pop(upload, None)
        if timer is not None:
            timer.cancel()


def _names(body: dict[str, Any]) -> list[str]:
    names = items(body, "names")
    if len(names) > MAX_NAMES or not all(isinstance(name, str) for name in names):
        raise WireError(f"names must be at most {MAX_NAMES} texts")
    return names


def _told_of(
    names: list[str], look: Callable[[str], dict[str, Any] | None], limit_bytes: int | None
) -> Response:
    """What is told of each. One that can't be used says so for itself: the others are answered.

    :param limit_bytes: once the files before have so many, no more are looked at.
    """
    found, size, done = [], 0, 0
    for name in names:
        if limit_bytes is not None and size > limit_bytes:
            break
        done += 1
        try:
            item = look(name)
        except tuple(FILE_REFUSALS) as error:
            item = _refused(name, error)
        if item is not None:
            found.append(item)
            size += item["size"] if "sha256" in item else 0
    return json_answer({"value": found, "answered": done})


def _refused(name: str, error: Exception) -> dict[str, Any]:
    _, code, message = FILE_REFUSALS[type(error)]
    return {"name": name, "error": {"code": code, "message": message.format(error)}}


def _whole_file(file: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``FileStore.put_whole``."""
    content = data(file, "data")
    if len(content) != whole(file, "size"):
        raise WireError("a file has not the size that it says")
    found = {"name": text(file, "name"), "data": content, "sha256": text(file, "sha256")}
    mtime_ns = whole(file, "mtime_ns") if "mtime_ns" in file else None
    return {**found, "executable": flag(file, "executable"), "mtime_ns": mtime_ns}


def _upload(body: dict[str, Any]) -> Upload:
    return Upload(text(body, "id"), text(body, "name"))


def _claimed(call: Callable[[dict[str, Any]], Awaitable[Response]]) -> Handler:
    """Only for the kernel that has claimed the session, and only in the boot it knows."""

    async def handler(host: InterpreterHost, body: dict[str, Any]) -> Response:
        host.refuse_unless_claimed(text(body, "boot"), text(body, "reader"))
        try:
            return await call(body)
        except OutOfOrder as error:
            said = "The piece before this one is not here, or the upload is over."
            return refusal(
                409, "OutOfOrder", said, host.boot_id, received=max(0, error.received_bytes)
            )

    return handler
