"""Requests that a built-in pool can't carry, answered here at once, each in one sentence."""

from __future__ import annotations

from typing import Any, Final

from ...wire import Message
from ...wire.composed import reply, status
from ..plain_requests import refusal

NO_DEBUGGER: Final = (
    "A built-in pool has no debugger: it runs one thing at a time, and a stopped cell would "
    "block all else. A pool with a container of your own has one."
)
NO_SUBSHELLS: Final = (
    "A built-in pool has no subshells: it runs one thing at a time. "
    "A pool with a container of your own has them."
)


def refused(request: Message) -> list[Message] | None:
    """What is said to it, from busy to idle; None for a request that can be carried."""
    content = _content(request)
    if content is None:
        return None
    return [status(request, "busy"), reply(request, content), status(request, "idle")]


def _content(request: Message) -> dict[str, Any] | None:
    if request.msg_type == "debug_request":
        asked = request.content
        response = {"type": "response", "success": False, "message": NO_DEBUGGER}
        about = {"command": asked.get("command", ""), "request_seq": asked.get("seq", 0)}
        return {**refusal(NO_DEBUGGER), **response, **about}
    if request.msg_type.endswith("_subshell_request") or request.header.get("subshell_id"):
        return refusal(NO_SUBSHELLS)
    return None
