"""``/.management/``: the calls that the pool answers itself (docs/azure.md 3.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..sessions.sessions import NoSuchSession, SessionPool
from . import answers
from .query import API_VERSIONS, is_identifier, parameters

#: Sessions in one answer of listSessions.
PAGE_SIZE = 300

Call = Callable[[SessionPool, Request], Awaitable[Response]]


def management_routes(pool: SessionPool) -> list[Route]:
    """The routes of a custom-container pool's management calls."""
    calls: dict[str, Call] = {
        "stopSession": _with_identifier(stop_session),
        "getSession": _with_identifier(get_session),
        "listSessions": list_sessions,
    }
    routes = [
        Route(f"/.management/{name}", _versioned(pool, call), methods=["POST"])
        for name, call in calls.items()
    ]
    return [*routes, Route("/.management/{rest:path}", _no_such_call, methods=["GET", "POST"])]


async def stop_session(pool: SessionPool, request: Request) -> Response:
    """Recorded: not idempotent, and its error is plain text (docs/azure.md 2.4)."""
    identifier = parameters(request.scope["query_string"])["identifier"]
    try:
        await pool.end(identifier)
    except NoSuchSession:
        return answers.text(400, "Failed to stop session, session not found.")
    return answers.text(200, f"Session {identifier} in session pool {pool.options.name} stopped.")


async def get_session(pool: SessionPool, request: Request) -> Response:
    identifier = parameters(request.scope["query_string"])["identifier"]
    try:
        session = pool.get(identifier)
    except NoSuchSession:
        return answers.envelope(
            400, "SessionWithIdentifierNotFound", f"Session {identifier} was not found."
        )
    return JSONResponse(answers.session_view(pool, session), headers=answers.SERVER)


async def list_sessions(pool: SessionPool, request: Request) -> Response:
    """Pages by ``skip``; ``nextLink`` is a whole URL, or null on the last page."""
    query = parameters(request.scope["query_string"])
    skip = query.get("skip", "0")
    if not (skip.isascii() and skip.isdigit()):
        return answers.envelope(
            400, "SessionRequestValidationFailed", "skip must be a number from 0."
        )
    sessions = pool.all()
    page = sessions[int(skip) : int(skip) + PAGE_SIZE]
    after = int(skip) + PAGE_SIZE
    following = urlencode({"skip": after, "api-version": query["api-version"]})
    link = str(request.url.replace(query=following)) if len(sessions) > after else None
    views = [answers.session_view(pool, session) for session in page]
    body = {"value": views, "count": len(views), "nextLink": link}
    return JSONResponse(body, headers=answers.SERVER)


def _versioned(pool: SessionPool, call: Call) -> Callable[[Request], Awaitable[Response]]:
    """``api-version`` is needed, and named in the answer (recorded for one version)."""

    async def endpoint(request: Request) -> Response:
        version = parameters(request.scope["query_string"]).get("api-version", "")
        if version not in API_VERSIONS:
            response = answers.envelope(
                400,
                "SessionRequestValidationFailed",
                f"api-version must be one of {', '.join(API_VERSIONS)}.",
            )
            response.headers["api-supported-versions"] = ", ".join(API_VERSIONS)
            return response
        response = await call(pool, request)
        response.headers["api-supported-versions"] = version
        return response

    return endpoint


def _with_identifier(call: Call) -> Call:
    async def checked(pool: SessionPool, request: Request) -> Response:
        identifier = parameters(request.scope["query_string"]).get("identifier", "")
        if not identifier:
            return answers.identifier_missing()
        if not is_identifier(identifier):
            return answers.identifier_invalid()
        return await call(pool, request)

    return checked


async def _no_such_call(request: Request) -> Response:
    """Which body Azure gives here is unknown."""
    return answers.text(404, "")
