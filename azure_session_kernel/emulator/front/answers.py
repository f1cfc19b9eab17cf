"""What the pool itself answers: Azure's texts, error envelopes and headers.

Sources: docs/azure.md 2.4 (recorded), 3.3 and 4.1 (documented, reported). Where only the status is
known, the body here is a guess that no client should read (docs/azure.md 8).
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone

from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..sessions.sessions import Session, SessionPool

#: Every answer carries it, a container's too (recorded for an answer of each kind).
SERVER = {"server": "Kestrel"}


def text(status: int, body: str) -> Response:
    return PlainTextResponse(body, status, SERVER)


def envelope(status: int, code: str, message: str) -> Response:
    """The service's error body; ``traceId`` tells it from a container's (docs/azure.md 4.2)."""
    error = {"code": code, "message": message, "traceId": uuid.uuid4().hex}
    return JSONResponse({"error": error}, status, {**SERVER, "x-ms-error-code": code})


def unauthorized() -> Response:
    """401: the body is unknown (docs/azure.md 8)."""
    return Response(status_code=401, headers={**SERVER, "www-authenticate": "Bearer"})


def identifier_missing() -> Response:
    return text(400, "Missing required parameter 'identifier'")


def identifier_invalid() -> Response:
    return envelope(
        400,
        "SessionRequestValidationFailed",
        "The identifier must have 4 to 128 characters of letters, digits and common symbols.",
    )


def pool_is_full(identifier: str, pool: str) -> Response:
    return text(
        429, f"Error happened when allocating pod for identifier {identifier} in pool {pool}"
    )


def not_listening() -> Response:
    """502: the body is unknown (docs/azure.md 8)."""
    return text(502, "Bad Gateway: the container is not listening on the target port.")


def session_view(pool: SessionPool, session: Session) -> dict[str, str]:
    """``SessionView`` of the custom-container documentation: getSession, listSessions."""
    return {
        "identifier": session.identifier,
        "etag": session.etag,
        "createdAt": _timestamp(session.created_at),
        "lastAccessedAt": _timestamp(session.last_accessed_at),
        "expiresAt": _timestamp(pool.expires_at(session)),
    }


def _timestamp(moment: datetime) -> str:
    moment = moment.astimezone(timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
