"""The front of a session pool, as Azure shows it (docs/azure.md 0, 2.4, 3).

``/.management/`` is answered here; every other path, method, query string and body goes to the
container of the session that ``identifier=`` names. A bearer token is needed for both. What differs
for a built-in pool is in ``builtin.py``.
"""

from __future__ import annotations

import time

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..sessions.process import SessionFailed
from ..sessions.sessions import PoolIsFull, SessionPool
from . import answers
from .builtin import BuiltinFront, PoolPath
from .connection import NotListening
from .forward import Unanswered, forward
from .front_token import FrontToken
from .management import management_routes
from .query import is_identifier, parameters
from .surface import Surface


def create_app(
    pool: SessionPool,
    token: FrontToken,
    surface: Surface,
) -> ASGIApp:
    """The front of ``pool``, which the caller starts and stops.

    :param token: the bearer token that every call must carry.
    """
    middleware = [Middleware(_BearerToken, token=token)]
    app, routes = _inside(pool)
    faults = surface.faults
    if faults is not None:
        middleware.insert(0, faults.middleware(pool, token))
        routes = [*faults.routes(), *routes]
    if pool.options.path:
        besides = None if faults is None else faults.control_path
        pool_path = Middleware(PoolPath, path=pool.options.path, besides=besides)
        middleware.insert(0, pool_path)
    app = _Answered(routes, otherwise=app)
    for wrap, args, named in reversed([*surface.in_front, *middleware]):
        app = wrap(app, *args, **named)
    return app


def _inside(pool: SessionPool) -> tuple[ASGIApp, list[Route]]:
    """What carries requests to sessions, and what is answered ahead of it."""
    forwarding = _Forwarding(pool)
    if pool.options.kind.builtin is not None:
        return BuiltinFront(pool, forwarding.carry), []
    return forwarding, management_routes(pool)


class _Answered:
    """Routes below a name that begins with a dot, as all those have which the front answers itself.

    Starlette sees nothing else: its layers took a fifth of the front's time.

    :param otherwise: gets every other request, also one of another method.
    """

    def __init__(self, routes: list[Route], otherwise: ASGIApp) -> None:
        self._routes = Starlette(routes=[*routes, Route("/{path:path}", otherwise)])
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._routes if scope["path"].startswith("/.") else self._otherwise
        await app(scope, receive, send)


class _BearerToken:
    """401 for everything without the token."""

    def __init__(self, app: ASGIApp, token: FrontToken) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._token.allows(scope):
            await answers.unauthorized()(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class _Forwarding:
    """Everything that is not management: any method, any path."""

    def __init__(self, pool: SessionPool) -> None:
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        identifier = parameters(scope["query_string"]).get("identifier", "")
        if not identifier:
            await answers.identifier_missing()(scope, receive, send)
        elif not is_identifier(identifier):
            await answers.identifier_invalid()(scope, receive, send)
        else:
            await self.carry(scope, receive, send)

    async def carry(self, scope: Scope, receive: Receive, send: Send) -> None:
        """With an identifier that has been checked."""
        answer = await self._forward(scope, receive, send)
        if answer is not None:
            await answer(scope, receive, send)

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """The pool's own answer, or None when the container's has been sent."""
        identifier = parameters(scope["query_string"])["identifier"]
        try:
            await self._to_session(identifier, scope, receive, send)
        except PoolIsFull:
            return answers.pool_is_full(identifier, self._pool.options.name)
        except (NotListening, SessionFailed, Unanswered):
            return answers.not_listening()
        return None

    async def _to_session(
        self, identifier: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        began = time.perf_counter()
        async with self._pool.use(identifier) as session:
            scope["session_guid"] = session.etag
            scope["allocation_s"] = time.perf_counter() - began
            try:
                await forward(session.process.upstream, scope, receive, send)
                return
            except NotListening:
                if not await session.process.has_ended():
                    raise
        # It had died and nothing was sent: a fresh session, without a word.
        async with self._pool.use(identifier) as session:
            await forward(session.process.upstream, scope, receive, send)
