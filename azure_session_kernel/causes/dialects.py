"""Whose way of answering an answer is: the dialects of 404 pages, greetings and error bodies.

Sources: Piston ``api/src/index.js`` (3.1.1); the default error pages of Express, Flask, FastAPI and
Go's ``net/http``; recordings and reports of session pools (docs/troubleshooting.md names them).
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from .evidence import ADAPTER, CONTAINER, FRONT, UNKNOWN

OUR_SOURCE: Final = "azure-session-kernel"

#: Statuses by which the front refuses, and a program in a container can.
REFUSALS: Final = (401, 403, 413, 429)
#: Codes of the service that users have reported, and those of ASP.NET's versioning.
_SERVICE_CODES: Final = re.compile(
    r"DynamicApisNotAllowed|Session(PropertiesMissing|RequestValidationFailed|NotFound|"
    r"RequestNotSupported|WithIdentifierNotFound|MCPServerNotEnabled)|SessionPool\w+|"
    r"(Unsupported|Invalid|Ambiguous)ApiVersion\w*|ApiVersionUnspecified"
)

#: Plain texts of the pool's own front (reported; the first two recorded word by word).
_FRONT_TEXTS: Final = (
    "failed to stop session, session not found",
    "stopped.",
    "missing required parameter 'identifier'",
    "error happened when allocating pod",
    "unauthenticated",
)
_TEXTS: Final = (
    ("unavailable-page", FRONT, re.compile(r"Azure Container App\s*-\s*Unavailable", re.I)),
    ("flask", CONTAINER, re.compile(r"<h1>Not Found</h1>\s*<p>The requested URL was not", re.I)),
    ("flask", CONTAINER, re.compile(r"<title>40[45] \w[\w ]*</title>\s*<h1>", re.I)),
    ("express", CONTAINER, re.compile(r"<pre>Cannot (GET|POST|PUT|DELETE|PATCH) /", re.I)),
    ("express", CONTAINER, re.compile(r"^\s*Cannot (GET|POST) /")),
    ("go", CONTAINER, re.compile(r"^404 page not found\s*$")),
)

#: What a pool's front says that has no place left, whatever the status.
FULL: Final = r"allocat|maxConcurrentSessions|maximum.*session"


class Voice(NamedTuple):
    """What an answer tells of who gave it."""

    form: str
    dialect: str
    who: str
    code: str = ""
    message: str = ""


def listen(status: int, body: str, *, builtin: bool = False) -> Voice:
    """Form, dialect and speaker of an answer.

    :param body: may be cut.
    :param builtin: the pool is a built-in one: the service itself answers, in its own form, which
        programs in containers have copied.
    """
    text = body.strip()
    if not text:
        silent = (*REFUSALS, 502, 503, 504)
        who = FRONT if status in silent or 300 <= status < 400 else UNKNOWN
        return Voice("empty", "", who)
    value = _json(text)
    if isinstance(value, (dict, list)):
        return _json_voice(status, value, builtin)
    return _text_voice(status, text)


def _json_voice(status: int, value: Any, builtin: bool) -> Voice:
    if isinstance(value, list):
        piston = bool(value) and all(
            isinstance(item, dict) and {"language", "version"} <= item.keys() for item in value
        )
        return Voice("json", "piston" if piston else "", CONTAINER)
    error = value.get("error")
    if isinstance(error, dict) and isinstance(error.get("code"), str):
        code, message = error["code"], _str(error.get("message"))
        if error.get("source") == OUR_SOURCE:
            return Voice("json", "adapter", ADAPTER, code, message)
        if builtin or "traceId" in error or _SERVICE_CODES.fullmatch(code):
            return Voice("json", "service", FRONT, code, message)
        return Voice("json", "envelope", _unknown_speaker(status), code, message)
    return Voice("json", *_plain_json_voice(status, value, builtin))


def _plain_json_voice(status: int, value: dict[str, Any], builtin: bool) -> tuple[str, str]:
    message = value.get("message")
    if value == {"message": "Not Found"}:
        return "piston-404", CONTAINER
    if isinstance(message, str) and re.match(r"Piston v\d", message):
        return "piston", CONTAINER
    if value == {"message": "healthy"}:
        return "base-image", CONTAINER
    if message == "Not Found" and "path" in value:
        return "other-adapter", CONTAINER
    if value.keys() == {"detail"}:
        return "fastapi", CONTAINER
    if {"protocol", "boot", "state"} <= value.keys():
        return "adapter", ADAPTER
    if value.get("$id") is not None or ("executionType" in value and "status" in value):
        return ("service", FRONT) if builtin else ("azure-api", CONTAINER)
    return "", _unknown_speaker(status)


def _text_voice(status: int, text: str) -> Voice:
    form = "html" if re.match(r"<(!doctype|html|title|head)", text, re.I) else "text"
    for dialect, who, pattern in _TEXTS:
        if pattern.search(text):
            return Voice(form, dialect, who)
    lower = text.lower()
    if any(known in lower for known in _FRONT_TEXTS):
        return Voice(form, "front-text", FRONT)
    return Voice(form, "", _unknown_speaker(status))


def _unknown_speaker(status: int) -> str:
    """Of words that nobody knows. What the front says with a refusal is not published, and
    containers refuse, too: for want of a key of their own, say.
    """
    if status in REFUSALS or 300 <= status < 400:
        return UNKNOWN
    return FRONT if status in (502, 504) else CONTAINER


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
