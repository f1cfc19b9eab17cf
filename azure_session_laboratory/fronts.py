"""What stands before a broken pool: ASGI middleware that answers in its place, or takes from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from fnmatch import fnmatchcase
from urllib.parse import parse_qsl, urlencode

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from azure_session_kernel.emulator.front import answers
from azure_session_kernel.emulator.front.query import parameters

#: The answer to a path; made anew each time, as it may carry a trace id.
Answer = Callable[[str], Response]


class _Answering:
    """Answers the paths of a shell pattern itself."""

    def __init__(self, app: ASGIApp, answer: Answer, path: str = "*") -> None:
        self._app, self._answer, self._path = app, answer, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and fnmatchcase(scope["path"], self._path):
            await self._answer(scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class _WithoutIdentifier:
    """A proxy that drops the query parameter ``identifier``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            kept = urlencode([pair for pair in pairs if pair[0].lower() != "identifier"])
            scope = {**scope, "query_string": kept.encode()}
        await self._app(scope, receive, send)


class _StrictIdentifiers:
    """The rule of api-versions before 2025-10: letters, digits, ``-`` and ``_``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = parameters(scope["query_string"]).get("identifier", "a")
        if scope["type"] == "http" and not given.replace("-", "").replace("_", "").isalnum():
            await answers.identifier_invalid()(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class _ClockAhead:
    """Writes another time in each answer's Date header."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(time.time() + self._seconds, usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app(scope, receive, dated)


class _FullAs404:
    """In place of a 429, a 404 without a body: nobody has published what Azure sends there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        replaced = False

        async def translated(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == 429:
                replaced = True
                await answers.text(404, "")(scope, receive, send)
            elif not replaced:
                await send(message)

        await self._app(scope, receive, translated)


def answering(answer: Answer, path: str = "*") -> Middleware:
    return Middleware(_Answering, answer=answer, path=path)


def clock_ahead(seconds: float) -> Middleware:
    return Middleware(_ClockAhead, seconds=seconds)


WITHOUT_IDENTIFIER = Middleware(_WithoutIdentifier)
STRICT_IDENTIFIERS = Middleware(_StrictIdentifiers)
FULL_AS_404 = Middleware(_FullAs404)
