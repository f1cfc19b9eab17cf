"""Azure's own file routes, as its code interpreter has them (docs/azure.md 1.2, 1.3, 2, 6.7).

Shapes of all its api-versions. The query parameters are optional, because a pool may not pass them
on: without ``path`` it is the working directory, without ``api-version`` it is the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive

from ...azure_api.answers import json_answer
from ...azure_api.content import content_answer
from ...azure_api.versions import ACCEPTED, API_VERSIONS, LATEST, WRAPPED, version_of, with_ids
from ..files.store import DiskFull, FileStore, NoSuchFile
from .names import FileRules

#: Azure's limit for one file (docs/azure.md 6.7).
MAX_UPLOAD_BYTES: Final = 128 * 1024 * 1024
#: What multipart wraps around a file.
_WRAPPING_BYTES: Final = 64 * 1024


class _TooLarge(Exception):
    """An upload beyond ``MAX_UPLOAD_BYTES``."""


class _NoFile(Exception):
    """A body that is no upload; the text says why."""


Handler = Callable[[FileStore, FileRules, Request], Awaitable[Response]]


def azure_file_routes(store: FileStore, rules: FileRules | None = None) -> list[Route]:
    """In both generations of paths; ``rules``: those of our container by default."""
    rules = rules or FileRules()
    routes: list[tuple[str, str, Handler]] = [
        ("/files", "GET", _list),
        ("/files", "POST", _upload),
        ("/files/upload", "POST", _upload),
        ("/files/content/{name:path}", "GET", _content),
        ("/files/{name:path}/content", "GET", _content),
        ("/files/{name:path}", "GET", _get),
        ("/files/{name:path}", "DELETE", _delete),
    ]
    return [
        Route(path, _endpoint(store, rules, handler), methods=[method])
        for path, method, handler in routes
    ]


def _endpoint(
    store: FileStore, rules: FileRules, handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(store, rules, request)
        except _TooLarge:
            said = f"A file may have at most {MAX_UPLOAD_BYTES // 1024**2} MB."
            return rules.refuse(413, "FileTooLarge", said)
        except _NoFile as error:
            return rules.refuse(400, "InvalidRequest", str(error))
        except tuple(rules.refusals) as error:
            return rules.answer(error)
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody

    return endpoint


async def _list(store: FileStore, rules: FileRules, request: Request) -> Response:
    version = version_of(request.query_params, API_VERSIONS)
    recursive = request.query_params.get("recursive", "").lower() == "true"
    folder = rules.folder(store, request)
    found, _ = await asyncio.to_thread(store.list, folder, recursive=recursive)
    # The older shape can't say that something is a folder.
    shown = [e for e in found if version not in WRAPPED or e["type"] == "file"]
    return json_answer(with_ids(version, {"value": [_entry(version, e) for e in shown]}))


async def _get(store: FileStore, rules: FileRules, request: Request) -> Response:
    version = version_of(request.query_params, API_VERSIONS)
    entry = await asyncio.to_thread(store.describe, _name(store, rules, request))
    return json_answer(with_ids(version, _entry(version, entry)))


async def _content(store: FileStore, rules: FileRules, request: Request) -> Response:
    path = await asyncio.to_thread(store.regular, _name(store, rules, request))
    try:
        return await content_answer(path, request.headers.get("range", ""))
    except OSError as error:
        raise NoSuchFile(path.name) from error


async def _delete(store: FileStore, rules: FileRules, request: Request) -> Response:
    await asyncio.to_thread(store.delete, _name(store, rules, request))
    return Response(status_code=204)


async def _upload(store: FileStore, rules: FileRules, request: Request) -> Response:
    wrapped = request.url.path.endswith("/files/upload")
    version = version_of(request.query_params, WRAPPED if wrapped else API_VERSIONS)
    async with _uploaded(request) as file:
        name = rules.name(store, request, file.filename or "")
        await asyncio.to_thread(store.put, name, file.file)
    entry = _entry(version, await asyncio.to_thread(store.describe, name))
    if version == ACCEPTED:
        entry |= {"type": "", "contentType": ""}  # recorded
    return json_answer(with_ids(version, {"value": [entry]} if version in WRAPPED else entry))


@asynccontextmanager
async def _uploaded(request: Request) -> AsyncIterator[UploadFile]:
    """The file of a multipart body. :raises _NoFile: :raises _TooLarge: :raises DiskFull:"""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_UPLOAD_BYTES + _WRAPPING_BYTES:
        raise _TooLarge
    try:
        form = await Request(request.scope, _bounded(request.receive)).form(
            max_files=1, max_fields=10
        )
    except (MultiPartException, HTTPException):
        raise _NoFile("The body is not multipart/form-data.") from None
    except OSError as error:
        raise DiskFull from error  # where large bodies wait
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise _NoFile("A multipart body with a field 'file' is needed.")
        if (file.size or 0) > MAX_UPLOAD_BYTES:
            raise _TooLarge
        yield file
    finally:
        await form.close()


def _bounded(receive: Receive) -> Receive:
    """A body without a length is not taken beyond what a file may have either."""
    left = MAX_UPLOAD_BYTES + _WRAPPING_BYTES

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _TooLarge
        return message

    return receiving


def _entry(version: str, entry: dict[str, Any]) -> dict[str, Any]:
    """One file in the shape of ``version`` (docs/azure.md 2.1, 2.2, 1.3)."""
    if version in WRAPPED:
        return {
            "properties": {
                "filename": entry["name"],
                "size": entry["sizeInBytes"],
                "lastModifiedTime": entry["lastModifiedAt"],
            }
        }
    text = entry["contentType"].startswith("text/")
    shown = {**entry, "contentType": entry["contentType"] + ("; charset=utf-8" if text else "")}
    return {k: v for k, v in shown.items() if k != "directory" or version == LATEST}


def _name(store: FileStore, rules: FileRules, request: Request) -> str:
    return rules.name(store, request, str(request.path_params["name"]))
