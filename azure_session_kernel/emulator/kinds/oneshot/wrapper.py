"""``POST /python/execute``: the adapter in front of Piston that this project grew from.

Shapes, and its slip with the exit code: docs/azure.md 7 and the end of 4.2.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import habits as others
from .body import NotAnObject, read_object
from .job import Limits, run_python

LANGUAGES: Final = ("python",)


class Wrapper:
    """:param directory: where jobs have their directories. :param habits: of other adapters."""

    def __init__(self, limits: Limits, directory: Path, habits: Collection[str] = ()) -> None:
        self._limits, self._directory, self._habits = limits, directory, habits

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/health", self._health, methods=["GET"]),
            Route("/{language:str}/execute", self._execute, methods=["POST"]),
        ]

    async def _health(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def _execute(self, request: Request) -> Response:
        if request.path_params["language"] not in LANGUAGES:
            said = {"message": "Not Found", "path": request.url.path}
            return JSONResponse({**said, "supportedLanguages": list(LANGUAGES)}, 404)
        try:
            body = await read_object(request)
            if refusal := others.wanted_fields(body, self._habits):
                return JSONResponse(refusal, 422)
            code, stdin = _job(body if "code" not in body else {"properties": body})
        except NotAnObject as error:
            failure = {"code": "InternalServerError", "message": str(error)}
            return JSONResponse({"error": failure}, 500)
        run = await run_python(code, stdin, self._limits, self._directory)
        if self._habits:
            return JSONResponse(*others.answer(run, self._limits, self._habits))
        answer = {
            "status": "Success" if run.code == 0 else "Failed",
            "stdout": run.stdout,
            "stderr": run.stderr,
            "exitCode": run.code or 1,
        }
        return JSONResponse({"properties": answer})


def _job(body: dict[str, Any]) -> tuple[bytes, bytes]:
    """:raises NotAnObject:"""
    properties = body.get("properties")
    code = properties.get("code") if isinstance(properties, dict) else None
    if not isinstance(properties, dict) or not isinstance(code, str):
        raise NotAnObject("Cannot destructure property 'code'")
    stdin = str(properties.get("stdin") or "")
    return code.encode(), (stdin if stdin.endswith("\n") or not stdin else f"{stdin}\n").encode()
