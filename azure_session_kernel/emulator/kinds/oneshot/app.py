"""Which routes a one-shot session has."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .job import Limits
from .piston import NOT_FOUND, Piston
from .sample import Sample, flask_404
from .wrapper import Wrapper


def create_app(
    program: str, limits: Limits, directory: Path, habits: Collection[str] = ()
) -> Starlette:
    """:param program: and ``habits``: as in ``kinds.OneShot``."""
    if program == "sample":
        routes, not_found = Sample(limits, directory).routes, flask_404
    elif habits:
        routes, not_found = Wrapper(limits, directory, habits).routes, _fastapi_404
    else:
        routes, not_found = Piston(limits, directory).routes, _piston_404
        if program == "adapter":
            routes += Wrapper(limits, directory).routes
    app = Starlette(routes=routes, exception_handlers={404: not_found, 405: not_found})
    app.router.redirect_slashes = False
    return app


async def _fastapi_404(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": "Not Found"}, 404)


async def _piston_404(_: Request, __: Exception) -> Response:
    return JSONResponse(NOT_FOUND, 404)
