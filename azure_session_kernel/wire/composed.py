"""Messages that are not an interpreter's own: made here under the request that they answer.

As ipykernel makes them (Jupyter message spec 5.5, "General message format").
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any, Final

from .limits import JUPYTER_PROTOCOL
from .messages import Message

_ENGINE: Final = str(uuid.uuid4())


def status(request: Message, state: str) -> Message:
    return output(request, "status", {"execution_state": state})


def output(request: Message, msg_type: str, content: dict[str, Any]) -> Message:
    """Something published under ``request``."""
    return Message("iopub", header(msg_type), content, request.header)


def reply(request: Message, content: dict[str, Any]) -> Message:
    """The answer to ``request``, on its own channel."""
    msg_type = request.msg_type.removesuffix("_request") + "_reply"
    return Message(request.channel, header(msg_type), content, request.header)


def question(request: Message, prompt: str, *, password: bool = False) -> Message:
    """An ``input_request`` to the front end that sent the cell ``request``."""
    content = {"prompt": prompt, "password": password}
    return Message("stdin", header("input_request"), content, request.header)


def answer(question: Message, value: str) -> Message:
    """The ``input_reply`` to an ``input_request``."""
    return Message("stdin", header("input_reply"), {"value": value}, question.header)


def header(msg_type: str) -> dict[str, Any]:
    """Of a message of ours, with an id of its own."""
    return {
        "msg_id": uuid.uuid4().hex,
        "msg_type": msg_type,
        "session": "azure-session-kernel",
        "username": "",
        "date": datetime.now(timezone.utc).isoformat(),
        "version": JUPYTER_PROTOCOL,
    }


def reply_metadata(content: dict[str, Any]) -> dict[str, Any]:
    """What ipykernel adds to a reply, for ipyparallel."""
    return {
        "started": datetime.now(timezone.utc).isoformat(),
        "dependencies_met": True,
        "engine": _ENGINE,
        "status": content["status"],
    }
