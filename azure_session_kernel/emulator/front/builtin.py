"""The front of a built-in pool: its path, its headers, and the calls that it answers itself.

Sources: docs/azure.md 0 (the two families), 1.2, 2.1 to 2.3, 3.3. The forms of its refusals are
those of the library behind the recorded ``api-supported-versions`` header (ASP.NET API versioning).
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...azure_api.versions import FLAT, LATEST, WITH_SESSIONS, WRAPPED
from ..sessions.sessions import NoSuchSession, SessionPool
from . import answers
from .management import PAGE_SIZE
from .query import is_identifier, parameters

#: Recorded on every answer of a built-in pool (docs/azure.md 0).
_SERVER: Final = {"server": "Microsoft-IIS/10.0", "x-powered-by": "ASP.NET"}
#: The identifiers of the versions before ``LATEST`` (docs/azure.md 1.1).
_OLDER_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
#: Routes that only one generation has; others are in both or are unknown to the service.
_ONLY_WRAPPED: Final = re.compile(r"/(code/execute|files/upload|files/content/.*)")
_ONLY_FLAT: Final = re.compile(r"/(executions(/.*)?|files/.+/content)")
_EXECUTE: Final = ("/executions", "/code/execute")

Call = Callable[[Request], Awaitable[Response]]
Carry = Callable[[Scope, Receive, Send], Awaitable[None]]


class PoolPath:
    """ASGI middleware, outermost: a pool below a path of the host, with a built-in pool's headers.

    Inside, paths are those below the pool's management endpoint.

    :param besides: what is not the pool's, and passed on as it is.
    """

    def __init__(self, app: ASGIApp, path: str, besides: str | None) -> None:
        self._app, self._path, self._besides = app, path, besides

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        besides = self._besides is not None and scope["path"].startswith(self._besides)
        if scope["type"] != "http" or besides:
            await self._app(scope, receive, send)
            return
        inner = self._stripped(scope)
        if inner is None:
            answer = answers.envelope(404, "ResourceNotFound", "There is no such session pool.")
            await answer(scope, receive, _as_builtin(send))
        else:
            await self._app(inner, receive, _as_builtin(send))

    def _stripped(self, scope: Scope) -> Scope | None:
        """Azure does not mind the case of the path's names."""
        path, raw, length = str(scope["path"]), bytes(scope["raw_path"]), len(self._path)
        ours = path[:length].lower() == self._path.lower()
        if not ours or path[length : length + 1] not in ("", "/"):
            return None
        return {**scope, "path": path[length:] or "/", "raw_path": raw[length:] or b"/"}


def _as_builtin(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            headers.update(_SERVER)
            if headers.get("content-type") == "application/json":
                headers["content-type"] = "application/json; charset=utf-8"
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending


class BuiltinFront:
    """The ASGI application below the pool's path.

    :param carry: brings a request to the session of a checked identifier, and its answer back.
    """

    def __init__(self, pool: SessionPool, carry: Carry) -> None:
        self._pool, self._carry = pool, carry
        self._options = pool.options.kind.builtin
        self._created = datetime.now(timezone.utc)
        self._calls: dict[tuple[str, str], Call] = {
            ("GET", "/session"): self._get_session,
            ("DELETE", "/session"): self._delete_session,
            ("GET", "/listSessions"): self._list_sessions,
            ("GET", "/metadata"): self._metadata,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        version = parameters(scope["query_string"]).get("api-version", "")
        send = self._with_headers(scope, version, send)
        refused = self._refuse(scope, version)
        call = self._calls.get((scope["method"], scope["path"]))
        if refused is not None:
            await refused(scope, receive, send)
        elif call is not None:
            await (await call(Request(scope, receive)))(scope, receive, send)
        else:
            await self._carry(scope, receive, send)

    # -- what every call needs --------------------------------------------------------------------

    def _refuse(self, scope: Scope, version: str) -> Response | None:
        path = scope["path"]
        if not version:
            return answers.envelope(
                400, "ApiVersionUnspecified", "An API version is required, but was not specified."
            )
        if version not in self._versions(path):
            return answers.envelope(
                400,
                "UnsupportedApiVersion",
                f"The HTTP resource that matches the request URI '{path}' does not support the "
                f"API version '{version[:100]}'.",
            )
        if path in ("/listSessions", "/metadata"):
            return None
        identifier = parameters(scope["query_string"]).get("identifier", "")
        if not identifier:
            return answers.envelope(
                400, "SessionRequestValidationFailed", "Missing required parameter 'identifier'"
            )
        older = version != LATEST and _OLDER_IDENTIFIER.fullmatch(identifier) is not None
        latest = version == LATEST and is_identifier(identifier)
        return None if older or latest else answers.identifier_invalid()

    def _versions(self, path: str) -> tuple[str, ...]:
        """The api-versions in which the pool has this path."""
        assert self._options is not None  # noqa: S101
        supported: tuple[str, ...] = self._options.api_versions
        if path in {path for _, path in self._calls}:
            return tuple(version for version in supported if version in WITH_SESSIONS)
        if _ONLY_WRAPPED.fullmatch(path):
            return tuple(version for version in supported if version in WRAPPED)
        if _ONLY_FLAT.fullmatch(path):
            return tuple(version for version in supported if version in FLAT)
        return supported

    def _with_headers(self, scope: Scope, version: str, send: Send) -> Send:
        """``api-supported-versions``, and on executions the times (docs/azure.md 2.3), in ms."""
        began = time.perf_counter()
        timed = scope["method"] == "POST" and scope["path"] in _EXECUTE

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                headers["api-supported-versions"] = ", ".join(self._versions(scope["path"]))
                if timed and message["status"] < 300:
                    where = f"{self._endpoint(Request(scope))}{headers['operation-location']}"
                    headers["operation-location"] = where
                    headers.update(self._times(scope, headers, time.perf_counter() - began))
                message = {**message, "headers": headers.raw}
            await send(message)

        return sending

    def _times(self, scope: Scope, headers: MutableHeaders, total_s: float) -> dict[str, str]:
        allocation_ms = scope.get("allocation_s", 0.0) * 1000
        run_ms = float(headers.get("x-ms-container-execution-duration", "0"))
        overall_ms = total_s * 1000 - allocation_ms
        assert self._options is not None  # noqa: S101
        python = self._options.container_type == "PythonLTS"
        return {
            "x-ms-session-guid": str(scope.get("session_guid")) if python else "nodelts",
            "x-ms-allocation-time": f"{allocation_ms:.4f}",
            "x-ms-allocation-retries": "0",
            "x-ms-preparation-time": f"{max(0.0, overall_ms - run_ms):.4f}",
            "x-ms-execution-request-time": f"{run_ms:.0f}",
            "x-ms-execution-read-response-time": "0.05",
            "x-ms-overall-execution-time": f"{overall_ms:.4f}",
            "x-ms-total-execution-service-time": f"{total_s * 1000:.4f}",
        }

    def _endpoint(self, request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}{self._pool.options.path}"

    # -- what the front answers -------------------------------------------------------------------

    async def _get_session(self, request: Request) -> Response:
        try:
            session = self._pool.get(_identifier(request))
        except NoSuchSession:
            return _no_such_session()
        return JSONResponse(_session(answers.session_view(self._pool, session)))

    async def _delete_session(self, request: Request) -> Response:
        try:
            await self._pool.end(_identifier(request))
        except NoSuchSession:
            return _no_such_session()
        return Response(status_code=204)

    async def _list_sessions(self, request: Request) -> Response:
        query = parameters(request.scope["query_string"])
        skip = query.get("skip", "0")
        if not (skip.isascii() and skip.isdigit()):
            return answers.envelope(
                400, "SessionRequestValidationFailed", "skip must be a number from 0."
            )
        sessions, after = self._pool.all(), int(skip) + PAGE_SIZE
        views = [answers.session_view(self._pool, s) for s in sessions[int(skip) : after]]
        body: dict[str, Any] = {"sessions": [_session(view) for view in views]}
        if len(sessions) > after:
            following = urlencode({"skip": after, "api-version": query["api-version"]})
            body["nextLink"] = f"{self._endpoint(request)}/listSessions?{following}"
        return JSONResponse(body)

    async def _metadata(self, request: Request) -> Response:
        created = self._created.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        times = {"createdAt": created, "lastUpdatedAt": created}
        assert self._options is not None  # noqa: S101
        return JSONResponse({**_contents(self._options.container_type), **times})


def _identifier(request: Request) -> str:
    return parameters(request.scope["query_string"])["identifier"]


def _no_such_session() -> Response:
    """What Azure answers here is not known; the code is getSession's (docs/azure.md 4.1)."""
    return answers.envelope(
        400, "SessionWithIdentifierNotFound", "There is no session with that identifier."
    )


def _session(view: dict[str, str]) -> dict[str, str]:
    """The data plane spells it ``expireAt`` (docs/azure.md 1.3)."""
    return {"expireAt" if name == "expiresAt" else name: text for name, text in view.items()}


def _contents(container_type: str) -> dict[str, Any]:
    """What ``/metadata`` says is in a session."""
    if container_type == "PythonLTS":
        installed = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
        python = {"name": "python", "version": platform.python_version()}
        return {
            "runtimes": [python],
            "preInstalledPackages": [
                {"name": name, "version": version} for name, version in sorted(installed.items())
            ],
            "jupyterKernel": {
                "name": "ipykernel",
                "version": installed.get("ipykernel", ""),
                "projectUrl": "https://github.com/ipython/ipykernel",
                "description": "Python kernel of a session of the local pool",
            },
        }
    return _OTHER_CONTENTS[container_type]


#: After the specification's example (azure/openapi, SessionPoolMetadata_Get).
_NODE: Final[dict[str, Any]] = {
    "runtimes": [{"name": "node", "version": "20.2.4"}],
    "preInstalledPackages": [{"name": "axios", "version": "1.21.2"}],
    "jupyterKernel": {
        "name": "IJavascript",
        "version": "5.2.1",
        "projectUrl": "https://github.com/n-riesco/ijavascript",
        "description": "Provides sync and async kernel for javascript code executions",
    },
}
_SHELL: Final[dict[str, Any]] = {
    "runtimes": [{"name": "bash", "version": "5.2"}],
    "preInstalledPackages": [],
    "jupyterKernel": {"name": "", "version": "", "projectUrl": "", "description": ""},
}
_OTHER_CONTENTS: Final = {"NodeLTS": _NODE, "Shell": _SHELL}
