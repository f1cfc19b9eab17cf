"""The adapter's routes: JSON in, calls to the host, JSON or NDJSON out. No state here."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..azure_api.answers import json_answer as _json
from ..azure_api.answers import refusal as _refusal
from ..azure_api.executions import ExecutionRules, Executions
from ..azure_api.outputs import MAX_STREAM_BYTES
from ..wire import (
    FRAMES,
    MAX_BODY_BYTES,
    MAX_READ_S,
    RESTART_REASONS,
    WireError,
    load_body,
    word,
)
from .azure_routes.files import azure_file_routes
from .azure_routes.python import python_route
from .azure_routes.runner import AdapterRunner
from .deliveries import Deliveries
from .fields import arguments as _arguments
from .fields import folder as _folder
from .fields import seconds as _number
from .fields import text as _text
from .fields import variables as _variables
from .files.calls import FILE_REFUSALS, FileCalls
from .interpreter_host import (
    BootMismatch,
    InterpreterFailed,
    InterpreterHost,
    InterpreterStarting,
    Superseded,
)
from .launched import Launched

MAX_HELLO_WAIT_S: Final = 30.0
#: Of Azure's own execution routes: Azure's ceiling for one, and no cut of its own (docs/azure.md
#: 6.3, 6.5).
EXECUTION_RULES: Final = ExecutionRules(limit_s=220.0, output_limit_bytes=MAX_STREAM_BYTES)

#: Base64 makes a part a third larger, and its wrapping needs some room.
_BODY_LIMIT: Final = MAX_BODY_BYTES + 1024

_REFUSALS: Final[dict[type[Exception], tuple[int, str, str]]] = {
    WireError: (400, "InvalidRequest", "The request is not of protocol v1: {}"),
    BootMismatch: (409, "BootMismatch", "That boot is not running. Nothing was done."),
    Superseded: (409, "Superseded", "A newer kernel has claimed this session. Nothing was done."),
    InterpreterStarting: (503, "InterpreterStarting", "The interpreter is still starting."),
    InterpreterFailed: (500, "InterpreterFailed", "{}"),
    **FILE_REFUSALS,
}

Handler = Callable[[InterpreterHost, dict[str, Any]], Awaitable[Response]]


def create_app(
    workdir: Path, python: str = sys.executable, first: Launched | None = None
) -> Starlette:
    """The ASGI application; its lifespan owns the interpreter.

    :param first: an interpreter that runs already.

    ``app.state.end_reads()`` is for the server to call when it begins to end.
    """
    host = InterpreterHost(workdir, python, first)
    files = FileCalls(workdir)
    runner = AdapterRunner(host)
    executions = Executions(runner, EXECUTION_RULES)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await host.start()
        async with contextlib.AsyncExitStack() as stack:
            # In reverse; whatever fails, the interpreter is ended.
            stack.push_async_callback(host.close)
            stack.push_async_callback(files.close)
            stack.push_async_callback(executions.close)
            yield

    async def no_route(request: Request, _: Exception) -> Response:
        text = f"This adapter has no {request.method} for that path."
        return _refusal(404, "NoSuchRoute", text, host.boot_id)

    routes = {
        "/jupyter/send": Deliveries().send,
        "/jupyter/read": _read,
        "/jupyter/hello": _hello,
        "/jupyter/interrupt": _interrupt,
        "/jupyter/reaction": _reaction,
        "/jupyter/restart": _restart,
        **files.handlers,
    }
    app = Starlette(
        lifespan=lifespan,
        routes=[
            *(Route(p, _Endpoint(host, h), methods=["POST"]) for p, h in routes.items()),
            Route("/health", _health, methods=["GET"]),
            *executions.routes,
            python_route(runner, EXECUTION_RULES),
            *azure_file_routes(files.store),
        ],
        exception_handlers={404: no_route, 405: no_route},
    )
    app.router.redirect_slashes = False  # a pool's client doesn't follow redirects
    app.state.end_reads = host.end_reads
    return app


class _Endpoint:
    """Reads the body, calls the handler, turns what it raises into the protocol's errors.

    An ASGI application: Starlette's ``Request`` and what comes with it are not needed for that.
    """

    def __init__(self, host: InterpreterHost, handler: Handler) -> None:
        self._host, self._handler = host, handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):
            answer = await self._answer(receive)
            await answer(scope, receive, send)

    async def _answer(self, receive: Receive) -> Response:
        try:
            body = await _body(receive)
            if body is None:
                text = f"More than {MAX_BODY_BYTES} bytes: send it in parts."
                return _refusal(413, "BodyTooLarge", text, self._host.boot_id)
            return await self._handler(self._host, body)
        except tuple(_REFUSALS) as error:
            kind = next(kind for kind in type(error).__mro__ if kind in _REFUSALS)
            status, code, text = _REFUSALS[kind]
            return _refusal(status, code, text.format(error), self._host.boot_id)


async def _body(receive: Receive) -> dict[str, Any] | None:
    """The JSON object of the body, and what is behind it; None when that is too large.

    :raises ClientDisconnect:
    """
    pieces, size, more = list[bytes](), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message.get("more_body", False)
        if size > _BODY_LIMIT:
            return None
    return load_body(b"".join(pieces))


async def _health(_: Request) -> Response:
    return _json({"status": "ok"})


async def _hello(host: InterpreterHost, body: dict[str, Any]) -> Response:
    hello = await host.hello(
        _text(body, "reader"),
        _number(body, "wait_s", MAX_HELLO_WAIT_S),
        _variables(body, "env") if "env" in body else None,
        _arguments(body, "arguments") if "arguments" in body else None,
        _folder(body, "folder") if "folder" in body else None,
    )
    return _json(hello.as_json())


async def _read(host: InterpreterHost, body: dict[str, Any]) -> Response:
    after = body.get("after")
    if not isinstance(after, int) or isinstance(after, bool) or after < 0:
        raise WireError("after must be a number")
    lines = host.read(
        _text(body, "boot"),
        _text(body, "reader"),
        after,
        _number(body, "wait_s", MAX_READ_S),
        once=body.get("once") is True,
        framed=body.get(FRAMES) is True,
    )
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _interrupt(host: InterpreterHost, body: dict[str, Any]) -> Response:
    claim = _text(body, "boot"), _text(body, "reader")
    return _json(await host.interrupt(*claim, _msg_id(body)))


async def _reaction(host: InterpreterHost, body: dict[str, Any]) -> Response:
    claim = _text(body, "boot"), _text(body, "reader")
    return _json(await host.reaction(*claim, _msg_id(body)))


def _msg_id(body: dict[str, Any]) -> str | None:
    msg_id = body.get("msg_id")
    if msg_id is not None and not isinstance(msg_id, str):
        raise WireError("msg_id must be text")
    return msg_id


async def _restart(host: InterpreterHost, body: dict[str, Any]) -> Response:
    asked = _text(body, "reason")
    if asked not in RESTART_REASONS:
        raise WireError("reason must be restart or interrupt")
    hello = await host.restart(
        _text(body, "boot"),
        _text(body, "reader"),
        word(asked, RESTART_REASONS, "restart"),
        _number(body, "wait_s", MAX_HELLO_WAIT_S),
    )
    return _json(hello.as_json())
