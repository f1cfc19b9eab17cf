"""The adapter's JSON answers, and its errors in the protocol's shape (docs/protocol.md, Errors)."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ..wire import dump

SOURCE: Final = "azure-session-kernel"


def json_answer(value: Any, status: int = 200) -> Response:
    return Response(dump(value), status, media_type="application/json")


def refusal(status: int, code: str, message: str, boot: str, **more: Any) -> Response:
    error = {"code": code, "message": message, "source": SOURCE}
    answer = json_answer({"error": error, "boot": boot, **more}, status)
    answer.headers["x-ms-error-code"] = code
    return answer
