"""What a pool in trouble answers: as recorded, documented or reported (docs/azure.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import HTMLResponse, Response

from azure_session_kernel.emulator.front import answers


def fault_answer(status: int, retry_after: int | None) -> Response:
    response = _BODIES[status]()
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    return response


def _gateway(status: int, text: str) -> Response:
    """An ingress proxy in front of the pool speaks HTML."""
    return _page(status, f"{status} {text}")


def _page(status: int, title: str) -> Response:
    page = f"<html><head><title>{title}</title></head><body>{title}</body></html>"
    return HTMLResponse(page, status)


_BODIES: Final[Mapping[int, Callable[[], Response]]] = {
    400: lambda: answers.envelope(400, "SessionRequestValidationFailed", "The request is invalid."),
    401: answers.unauthorized,
    403: lambda: answers.text(403, ""),
    404: lambda: _page(404, "Azure Container App - Unavailable"),
    409: lambda: answers.envelope(409, "Conflict", "The session is being changed. Try again."),
    413: lambda: _gateway(413, "Request Entity Too Large"),
    429: lambda: answers.pool_is_full("(identifier)", "local-pool"),
    500: lambda: answers.envelope(500, "InternalServerError", "An internal error occurred."),
    502: lambda: _gateway(502, "Bad Gateway"),
    503: lambda: answers.text(503, "upstream connect error or disconnect/reset before headers"),
    504: lambda: answers.text(504, "stream timeout"),
    507: lambda: answers.envelope(507, "InsufficientStorage", "The session is out of storage."),
}
