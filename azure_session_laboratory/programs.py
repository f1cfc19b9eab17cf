"""The programs that play what may sit in a container in place of our adapter, as tables of routes.

Sources: Piston: docs/azure.md 7. Microsoft's base image: 3.5. The Piston wrapper that
``/python/execute`` comes from ("seed"): 7 and 4.2. The Express, Flask, FastAPI and Go programs are
what somebody writes in an afternoon; only their 404 matters, which is real.
"""

from __future__ import annotations

import contextlib
import io
import json
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .replies import (
    Reply,
    Unknown,
    express_json,
    express_unknown,
    fastapi_unknown,
    flask_failure,
    flask_unknown,
    flask_wrong_method,
    go_unknown,
    json_reply,
    our_unknown,
    piston_unknown,
    text_reply,
)

#: A route's answer, or what makes it from the request's body.
Answer = Reply | Callable[[bytes], Reply]


@dataclass(frozen=True)
class Program:
    """A web program: its routes by (method, path), and what it says of all others.

    :ivar wrong_method: for a path that has a route of another method; None: as ``unknown``.
    """

    routes: Mapping[tuple[str, str], Answer]
    unknown: Unknown
    wrong_method: Reply | None = None

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        route = self.routes.get((method, path))
        if route is not None:
            return route(body) if callable(route) else route
        if self.wrong_method is not None and path in {path for _, path in self.routes}:
            return self.wrong_method
        return self.unknown(method, path)


def _fields(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, or of its ``properties``; empty when it is something else."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    value = value.get("properties", value) if isinstance(value, dict) else {}
    return value if isinstance(value, dict) else {}


# -- Piston ---------------------------------------------------------------------------------------


def _piston(languages: Sequence[Mapping[str, Any]]) -> Program:
    """Without languages, as it starts; or with some, which it can't run without privileges."""
    return Program(
        routes={
            ("GET", "/"): express_json(200, {"message": "Piston v3.1.1"}),
            ("GET", "/api/v2/runtimes"): express_json(200, languages),
            ("GET", "/api/v2/packages"): express_json(200, []),
            ("POST", "/api/v2/execute"): lambda body: _piston_execute(body, languages),
        },
        unknown=piston_unknown,
    )


def _piston_execute(body: bytes, languages: Sequence[Mapping[str, Any]]) -> Reply:
    asked = _fields(body)
    for name, kind, what in (
        ("language", str, "a string"),
        ("version", str, "a string"),
        ("files", list, "an array"),
    ):
        if not isinstance(asked.get(name), kind):
            return express_json(400, {"message": f"{name} is required as {what}"})
    if any(asked["language"] in (known["language"], *known["aliases"]) for known in languages):
        return Reply(500, b"", "text/plain", {"X-Powered-By": "Express"})
    name = f"{asked['language']}-{asked['version']}"
    return express_json(400, {"message": f"{name} runtime is unknown"})


_PYTHON = {"language": "python", "version": "3.10.0", "aliases": ["py", "py3", "python3"]}

PISTON: Final = _piston([_PYTHON])
PISTON_WITHOUT_LANGUAGES: Final = _piston([])

# -- adapters of other people ---------------------------------------------------------------------

_SEED_LANGUAGES = ["javascript", "java", "cpp", "c"]


def _seed_unknown(method: str, path: str) -> Reply:
    more = {"path": path, "supportedLanguages": _SEED_LANGUAGES}
    return express_json(404, {"message": "Not Found", **more})


SEED: Final = Program(
    routes={
        ("GET", "/"): express_json(
            200, {"status": "running", "service": "adapter", "port": 2000, "pistonPort": 2001}
        ),
        ("GET", "/health"): text_reply(200, "ok"),
        ("GET", "/ready"): text_reply(200, "ready"),
    },
    unknown=_seed_unknown,
)


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": message}})


def _strict_execute(body: bytes) -> Reply:
    """Runs code, and has words of its own for what is none."""
    if not _fields(body).get("code"):
        return _error(400, "BadRequest", "code is required")
    return _code_execute(body)


#: The wrapper, which takes code and does not reach its Piston.
_RELAY_DOWN: Final = _error(500, "InternalServerError", "connect ECONNREFUSED 127.0.0.1:2001")
SEED_BROKEN: Final = Program(
    {**SEED.routes, ("POST", "/python/execute"): _RELAY_DOWN}, _seed_unknown
)

_PAGE: Final = "<!doctype html>\n<title>My app</title>\n<div id=root></div>\n"
_ANY: Final = Reply(200, _PAGE.encode(), "text/html; charset=utf-8")
#: A single-page application answers every path with its page.
PAGE: Final = Program(routes={}, unknown=lambda method, path: _ANY)

EXPRESS: Final = Program(
    routes={
        ("GET", "/health"): express_json(200, {"status": "ok"}),
        ("POST", "/run"): express_json(400, {"error": "code is required"}),
    },
    unknown=express_unknown,
)


FLASK: Final = Program(
    routes={
        ("GET", "/health"): json_reply(200, {"status": "healthy"}),
        ("POST", "/run"): json_reply(400, {"error": "No JSON data provided"}),
    },
    unknown=flask_unknown,
    wrong_method=flask_wrong_method(),
)

FAILING: Final = Program(routes={}, unknown=flask_failure)

_FIELD_REQUIRED = {"type": "missing", "loc": ["body", "code"], "msg": "Field required"}

FASTAPI: Final = Program(
    routes={
        ("GET", "/health"): json_reply(200, {"status": "ok"}),
        ("GET", "/openapi.json"): json_reply(
            200, {"openapi": "3.1.0", "info": {"title": "FastAPI"}, "paths": {"/run": {}}}
        ),
        ("POST", "/run"): json_reply(422, {"detail": [_FIELD_REQUIRED]}),
    },
    unknown=fastapi_unknown,
    wrong_method=json_reply(405, {"detail": "Method Not Allowed"}),
)

GO: Final = Program(
    routes={("GET", "/healthz"): text_reply(200, "ok"), ("POST", "/run"): text_reply(400, "EOF")},
    unknown=go_unknown,
)

# -- Microsoft's base image -----------------------------------------------------------------------

_NAMESPACE: dict[str, Any] = {"__name__": "__main__"}


def _run(body: bytes) -> tuple[str, str, str]:
    """``status``, ``stdout`` and ``stderr`` of the code, which runs here and now."""
    stdout, error = io.StringIO(), ""
    with contextlib.redirect_stdout(stdout):
        try:
            exec(str(_fields(body).get("code", "")), _NAMESPACE)  # noqa: S102 - its purpose
        except BaseException:
            error = traceback.format_exc(limit=0)
    return "Failed" if error else "Succeeded", stdout.getvalue(), error


def _executions(body: bytes) -> Reply:
    status, stdout, stderr = _run(body)
    result = {
        "stdout": stdout,
        "stderr": stderr,
        "executionResult": "",
        "executionTimeInMilliseconds": 1,
    }
    value = {"id": str(uuid.uuid4()), "executionType": "synchronous", "status": status}
    return json_reply(202, {**value, "result": result})


def _code_execute(body: bytes) -> Reply:
    status, stdout, stderr = _run(body)
    status = "Failure" if stderr else "Success"
    value = {"status": status, "stdout": stdout, "stderr": stderr, "result": ""}
    return json_reply(200, {"properties": {**value, "executionTimeInMilliseconds": 1}})


BASE_IMAGE: Final = Program(
    routes={
        ("GET", "/health"): json_reply(200, {"message": "healthy"}),
        ("POST", "/executions"): _executions,
        ("POST", "/code/execute"): _code_execute,
        ("GET", "/files"): json_reply(200, {"value": []}),
    },
    unknown=go_unknown,
)

#: It wants a key of its own.
KEY: Final = Program(
    routes={("GET", "/health"): json_reply(200, {"status": "ok"})},
    unknown=lambda method, path: json_reply(401, {"error": "missing api key"}),
)

STRICT: Final = Program(
    routes={("POST", "/python/execute"): _strict_execute}, unknown=fastapi_unknown
)

# -- our adapter, without an interpreter ----------------------------------------------------------


def _hello(body: bytes) -> Reply:
    """The hello of a future version: whatever else changes, these fields stay."""
    value = {
        "protocol": 2,
        "adapter": "2.0.0",
        "boot": "b-of-the-future",
        "state": "idle",
        "execution_count": 0,
        "next": 1,
        "first": 1,
        "info": {},
        "features": ["interrupt", "restart"],
        "running": [],
    }
    return json_reply(200, value)


NEWER_ADAPTER: Final = Program(
    routes={
        ("GET", "/health"): json_reply(200, {"status": "ok"}),
        ("POST", "/jupyter/hello"): _hello,
    },
    unknown=our_unknown,
)

PROGRAMS: Final[Mapping[str, Program]] = {
    "piston": PISTON,
    "piston-without-languages": PISTON_WITHOUT_LANGUAGES,
    "seed": SEED,
    "seed-broken": SEED_BROKEN,
    "page": PAGE,
    "strict": STRICT,
    "key": KEY,
    "express": EXPRESS,
    "flask": FLASK,
    "failing": FAILING,
    "fastapi": FASTAPI,
    "go": GO,
    "base-image": BASE_IMAGE,
    "newer-adapter": NEWER_ADAPTER,
}
