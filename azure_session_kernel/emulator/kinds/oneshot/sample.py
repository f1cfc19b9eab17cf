"""Microsoft's plain sample of a custom container (docs/azure.md 3.6): Flask and a subprocess."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .body import NotAnObject, read_object
from .job import Limits, run_python

FLASK_404: Final = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>The requested URL was not found on the server. If you entered the URL manually please "
    "check your spelling and try again.</p>\n"
)


class Sample:
    """:param directory: where jobs have their directories."""

    def __init__(self, limits: Limits, directory: Path) -> None:
        self._limits, self._directory = replace(limits, output_bytes=None), directory

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/health", self._health, methods=["GET"]),
            Route("/execute", self._execute, methods=["POST"]),
            Route("/", self._execute, methods=["POST"]),
        ]

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "healthy"})

    async def _execute(self, request: Request) -> Response:
        try:
            body = await read_object(request)
        except NotAnObject:
            return JSONResponse({"error": "No JSON data provided"}, 400)
        asked = body.get("properties", body)
        code = asked.get("code") if isinstance(asked, dict) else None
        if not isinstance(code, str) or not code:
            return JSONResponse({"error": "No code or command provided"}, 400)
        language = asked.get("language", "python")
        if language != "python":
            return JSONResponse({"error": f"Unsupported language: {language}"}, 400)
        run = await run_python(code.encode(), b"", self._limits, self._directory)
        if run.status == "TO":
            return JSONResponse(_answer("Failed", "", "Execution timed out", -1), 408)
        # subprocess.run gives the number of a signal as a negative code.
        code = run.code if run.signal is None else -signal.Signals[run.signal]
        status = "Success" if code == 0 else "Failed"
        return JSONResponse(_answer(status, run.stdout, run.stderr, code))


def _answer(status: str, stdout: str, stderr: str, code: int | None) -> dict[str, Any]:
    result = {
        "status": status,
        "stdout": stdout,
        "stderr": stderr,
        "returnCode": code,
        "executionResult": "",
        "executionTimeInMilliseconds": 0,
    }
    return {"properties": result}


async def flask_404(_: Request, __: Exception) -> Response:
    return HTMLResponse(FLASK_404, 404)
