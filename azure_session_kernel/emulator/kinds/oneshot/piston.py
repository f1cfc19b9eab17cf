"""Piston's own API, version 2 (docs/azure.md 7)."""

from __future__ import annotations

import base64
import binascii
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .body import NotAnObject, read_object
from .job import Limits, run_python

VERSION: Final = platform.python_version()
ALIASES: Final = ("py", "py3", "python3")
NOT_FOUND: Final = {"message": "Not Found"}


class Refused(Exception):
    """400, with this message."""


class Piston:
    """The routes. :param directory: where jobs have their directories."""

    def __init__(self, limits: Limits, directory: Path) -> None:
        self._limits, self._directory = limits, directory

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/", self._greeting, methods=["GET"]),
            Route("/api/v2/runtimes", self._runtimes, methods=["GET"]),
            Route("/api/v2/execute", self._execute, methods=["POST"]),
        ]

    async def _greeting(self, _: Request) -> Response:
        return JSONResponse({"message": "Piston v3.1.1"})

    async def _runtimes(self, _: Request) -> Response:
        runtime = {"language": "python", "version": VERSION, "aliases": list(ALIASES)}
        return JSONResponse([runtime])

    async def _execute(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            said = {"message": "requests must be of type application/json"}
            return JSONResponse(said, 415)
        try:
            body = await read_object(request)
            code, stdin, limits = self._job(body)
        except NotAnObject as error:
            return JSONResponse({"stack": f"SyntaxError: {error}\n    at JSON.parse"}, 400)
        except Refused as error:
            return JSONResponse({"message": str(error)}, 400)
        stage = await run_python(code, stdin, limits, self._directory)
        answer = {"language": "python", "version": VERSION, "run": stage.as_json()}
        return JSONResponse(answer)

    def _job(self, body: dict[str, Any]) -> tuple[bytes, bytes, Limits]:
        """Code, standard input and limits. :raises Refused:"""
        for name in ("language", "version"):
            if not isinstance(body.get(name), str):
                raise Refused(f"{name} is required as a string")
        files = body.get("files")
        if not isinstance(files, list):
            raise Refused("files is required as an array")
        for index, file in enumerate(files):
            if not isinstance(file, dict) or not isinstance(file.get("content"), str):
                raise Refused(f"files[{index}].content is required as a string")
        language, version = body["language"], body["version"]
        if language not in ("python", *ALIASES) or not _matches(version):
            raise Refused(f"{language}-{version} runtime is unknown")
        stdin = body.get("stdin") or ""
        if stdin and not stdin.endswith("\n"):
            stdin += "\n"
        return _content(files[0]), stdin.encode(), self._within(body.get("run_timeout"))

    def _within(self, run_timeout: Any) -> Limits:
        if run_timeout is None:
            return self._limits
        if run_timeout > self._limits.run_s * 1000:
            limit = round(self._limits.run_s * 1000)
            raise Refused(f"run_timeout cannot exceed the configured limit of {limit}")
        return replace(self._limits, run_s=run_timeout / 1000)


def _content(file: dict[str, Any]) -> bytes:
    content: str = file["content"]
    if file.get("encoding") == "base64":
        try:
            return base64.b64decode(content)
        except (binascii.Error, ValueError):
            raise Refused("files[0].content is required as a string") from None
    return content.encode()


def _matches(wanted: str) -> bool:
    """A semver range, as far as clients write one: all of it, or its first numbers, or ``*``."""
    wanted = wanted.removesuffix(".x").removesuffix(".*")
    return wanted == "*" or f"{VERSION}.".startswith(f"{wanted}.")
