"""How sessions are stopped, looked up and listed: rules of Azure's API as data (docs/azure.md 3.3).

Custom-container pools answer below ``/.management/`` and forward every other path to the
container; built-in pools have ``/session`` and ``/listSessions``.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

from ..common.errors import PoolError, UnexpectedAnswer

#: The api-versions that have these calls; the first is the recorded one.
VERSIONS: Final = ("2025-02-02-preview", "2025-10-02-preview")
_ABOUT_VERSION: Final = re.compile(r"version", re.IGNORECASE)

_BUILTIN: Final = {
    "stop": ("DELETE", "/session"),
    "get": ("GET", "/session"),
    "list": ("GET", "/listSessions"),
    "metadata": ("GET", "/metadata"),
}
_CUSTOM: Final = {
    "stop": ("POST", "/.management/stopSession"),
    "get": ("POST", "/.management/getSession"),
    "list": ("POST", "/.management/listSessions"),
}


def route(kind: str, action: str) -> tuple[str, str]:
    """Method and path. ``kind`` as in ``Endpoint``; ``action`` is stop, get or list, and for
    built-in pools also metadata.
    """
    return (_BUILTIN if kind == "builtin" else _CUSTOM)[action]


def refuses_version(error: PoolError) -> bool:
    """The pool does not know the api-version, and has done nothing."""
    said = f"{error.code} {error.body}"
    return error.status == 400 and _ABOUT_VERSION.search(said) is not None


def is_gone(error: PoolError) -> bool:
    """The session does not exist: as text (recorded) or as a code (docs/azure.md 4.1)."""
    if error.code in ("SessionNotFound", "SessionWithIdentifierNotFound"):
        return error.status in (400, 404)
    return error.status == 400 and "session not found" in error.body.lower()


def sessions_of(page: Any) -> list[dict[str, Any]]:
    """The sessions of one page: a list, or an object with ``sessions`` or ``value``.

    :raises UnexpectedAnswer: none of these.
    """
    found = page
    if isinstance(page, dict):
        found = page["sessions"] if "sessions" in page else page.get("value")
    if not isinstance(found, list):
        raise UnexpectedAnswer("The answer of the session pool is not a list of sessions.")
    return [item for item in found if isinstance(item, dict)]


def next_query(page: Any, endpoint_url: str) -> dict[str, str] | None:
    """The query of the page that ``nextLink`` names, or None after the last one.

    Only its query is used: the token stays on the endpoint and on the path that lists sessions.

    :raises UnexpectedAnswer: ``nextLink`` is not a link on the endpoint's own origin.
    """
    link = page.get("nextLink") if isinstance(page, dict) else None
    if not link:
        return None
    if isinstance(link, str) and _origin(endpoint_url, link) == _origin(endpoint_url):
        return dict(parse_qsl(urlsplit(link).query))
    raise UnexpectedAnswer(
        "The session pool's list goes on at another host, which gets no token.",
        cause="nextLink is not on the endpoint's own origin.",
    )


def _origin(base: str, link: str = "") -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(urljoin(base, link))
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, (parts.hostname or "").lower(), port
