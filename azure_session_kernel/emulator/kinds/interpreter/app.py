"""The routes of a built-in session's proxy: executions and files."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ....azure_api.answers import json_answer
from ....azure_api.executions import ExecutionRules, Executions, azure_error
from ....container.azure_routes.files import azure_file_routes
from ....container.azure_routes.names import FileRules
from ....container.files.calls import FILE_REFUSALS
from ....container.files.store import FileStore, NoSuchFile, NotAFile
from ....container.files.workdir import BadName
from .others import NodeRunner, shell_routes
from .runner import KernelRunner

#: Of a stream, when the request does not say (docs/azure.md 6.5).
OUTPUT_LIMIT_BYTES: Final = 1024
#: A missing file's text is the image's; which codes the service has is unknown.
FILE_RULES: Final = FileRules(
    strict=True,
    refuse=azure_error,
    refusals={
        **FILE_REFUSALS,
        BadName: (400, "SessionRequestValidationFailed", "{}"),
        NoSuchFile: (404, "FileNotFound", "ERR_FILE_NOT_FOUND: File not found"),
        NotAFile: (400, "SessionRequestValidationFailed", "What has that name is not a file."),
    },
)


@dataclass(frozen=True)
class SessionOptions:
    """What the pool says about its sessions.

    :ivar data: ``/mnt/data`` or the folder that stands for it: the kernel's working directory.
    :ivar limit_s: the ceiling of one execution, in seconds.
    :ivar decode_names: names of files are decoded twice.
    :ivar health_check_s: how often the kernel is asked what 1+1 is; 0: never.
    """

    data: Path
    limit_s: float = 220.0
    container_type: str = "PythonLTS"
    decode_names: bool = False
    health_check_s: float = 0.0


def create_app(options: SessionOptions) -> Starlette:
    """The ASGI application; its lifespan owns the kernels.

    ``app.state.end_kernels()`` is for the server to call when it begins to end.
    """
    sockets = Path(tempfile.mkdtemp(prefix="k-"))
    python = options.container_type == "PythonLTS"
    rules = replace(FILE_RULES, decode=options.decode_names)
    check_s = options.health_check_s
    runner = KernelRunner(sockets, options.data, check_s) if python else NodeRunner()
    executions = Executions(runner, ExecutionRules(options.limit_s, OUTPUT_LIMIT_BYTES, True))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await runner.ready()
        try:
            yield
        finally:
            await runner.close()
            await executions.close()
            shutil.rmtree(sockets, ignore_errors=True)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/health", _health),
            *(shell_routes() if options.container_type == "Shell" else executions.routes),
            *azure_file_routes(FileStore(options.data), rules),
        ],
        exception_handlers={404: _no_route, 405: _no_route},
    )
    app.router.redirect_slashes = False
    app.state.end_kernels = runner.close
    return app


async def _health(_: Request) -> Response:
    return json_answer({"message": "healthy"})


async def _no_route(_: Request, error: Exception) -> Response:
    """Which body Azure gives here is unknown."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return azure_error(status, "ResourceNotFound", "There is no such resource.")
