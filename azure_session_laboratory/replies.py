"""What web frameworks say by themselves: their 404 and 405 pages, and whole answers as data.

The texts tell the frameworks apart from outside (docs/azure.md 4.2 row 2). Standard library only:
the programs that use it have to start at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer of a program."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


#: The answer to a method and a path that the program does not have.
Unknown = Callable[[str, str], Reply]

_HTML = "text/html; charset=utf-8"
_EXPRESS = {"X-Powered-By": "Express"}


def json_reply(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(status, body, "application/json; charset=utf-8", headers or {})


def text_reply(status: int, text: str) -> Reply:
    return Reply(status, text.encode(), "text/plain; charset=utf-8")


def express_json(status: int, value: Any) -> Reply:
    return json_reply(status, value, _EXPRESS)


def express_unknown(method: str, path: str) -> Reply:
    """``finalhandler``'s page, which Express sends for 404."""
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<title>Error</title>\n</head>\n<body>\n"
        f"<pre>Cannot {method} {escape(path)}</pre>\n</body>\n</html>\n"
    )
    headers = {
        **_EXPRESS,
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return Reply(404, page.encode(), _HTML, headers)


def flask_unknown(method: str, path: str) -> Reply:
    """Werkzeug's page."""
    text = (
        "The requested URL was not found on the server. If you entered the URL manually "
        "please check your spelling and try again."
    )
    return _werkzeug(404, "Not Found", text)


def flask_wrong_method() -> Reply:
    text = "The method is not allowed for the requested URL."
    return _werkzeug(405, "Method Not Allowed", text)


def flask_failure(method: str, path: str) -> Reply:
    text = (
        "The server encountered an internal error and was unable to complete your request. Either "
        "the server is overloaded or there is an error in the application."
    )
    return _werkzeug(500, "Internal Server Error", text)


def _werkzeug(status: int, name: str, text: str) -> Reply:
    page = (
        f"<!doctype html>\n<html lang=en>\n<title>{status} {name}</title>\n"
        f"<h1>{name}</h1>\n<p>{text}</p>\n"
    )
    return Reply(status, page.encode(), _HTML)


def fastapi_unknown(method: str, path: str) -> Reply:
    return json_reply(404, {"detail": "Not Found"})


def go_unknown(method: str, path: str) -> Reply:
    """``http.NotFound`` of Go's standard library."""
    nosniff = {"X-Content-Type-Options": "nosniff"}
    return Reply(404, b"404 page not found\n", "text/plain; charset=utf-8", nosniff)


def piston_unknown(method: str, path: str) -> Reply:
    """Piston's last handler; the body is exactly this (docs/azure.md 4.2 row 1)."""
    return express_json(404, {"message": "Not Found"})


def our_refusal(status: int, code: str, message: str) -> Reply:
    """An error of our own adapter (docs/protocol.md, Errors)."""
    error = {"code": code, "message": message, "source": "azure-session-kernel"}
    return json_reply(status, {"error": error, "boot": ""}, {"x-ms-error-code": code})


def our_unknown(method: str, path: str) -> Reply:
    return our_refusal(404, "NoSuchRoute", f"This adapter has no {method} for that path.")
