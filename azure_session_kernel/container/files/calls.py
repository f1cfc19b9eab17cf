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
#: Names in one ``stat``.
MAX_NAMES: Final = 100

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

    @property
    def handlers(self) -> dict[str, Handler]:
        calls = {
            "list": self._list,
            "stat": self._stat,
            "read": self._read,
            "write": self._write,
            "commit": self._commit,
            "abandon": self._abandon,
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
        names = items(body, "names")
        if len(names) > MAX_NAMES or not all(isinstance(name, str) for name in names):
            raise WireError(f"names must be at most {MAX_NAMES} texts")
        found = [await asyncio.to_thread(self._fingerprint, name) for name in names]
        return json_answer({"value": [item for item in found if item is not None]})

    def _fingerprint(self, name: str) -> dict[str, Any] | None:
        """One name that can't be used says so for itself: the others are answered."""
        try:
            return self.store.fingerprint(name)
        except tuple(FILE_REFUSALS) as error:
            _, code, message = FILE_REFUSALS[type(error)]
            return {"name": name, "error": {"code": code, "message": message.format(error)}}

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
