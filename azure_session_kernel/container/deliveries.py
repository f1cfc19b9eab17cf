"""``/jupyter/send``: messages that come whole or in parts, delivered once, acknowledged each time.

The last part of a body is repeated when its answer was lost. By then the body has been handed on
and forgotten, so what became of it is remembered: the repeat is not the first part of a new body.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from starlette.responses import Response

from ..azure_api.answers import json_answer
from ..wire import (
    BEHIND,
    SENDABLE,
    LineSplitter,
    LogMessage,
    Message,
    PartAssembler,
    WireError,
    decode_line,
    load_body,
    message_from_json,
)
from .fields import items, text
from .interpreter_host import InterpreterHost

#: Repeats come within a minute or so.
REMEMBERED_BODIES: Final = 100

_Body = tuple[str, str, str]


class Deliveries:
    """The messages that are on their way into one session."""

    def __init__(self) -> None:
        self._parts = PartAssembler()
        #: By boot, reader and id: the msg_ids that were delivered, or why they can't be.
        self._outcomes: dict[_Body, list[str] | WireError] = {}

    async def send(self, host: InterpreterHost, body: dict[str, Any]) -> Response:
        """:raises WireError: nothing was delivered. :raises BootMismatch: :raises Superseded:"""
        if "part" in body:
            return json_answer(self._send_part(host, body))
        return json_answer(_deliver(host, body))

    def _send_part(self, host: InterpreterHost, body: dict[str, Any]) -> dict[str, Any]:
        boot, reader, part = text(body, "boot"), text(body, "reader"), body["part"]
        host.refuse_unless_claimed(boot, reader)
        key = (boot, reader, _id(part))
        outcome = self._outcomes.get(key)
        if isinstance(outcome, WireError):
            raise outcome
        if outcome is not None:
            return {"boot": boot, "accepted": [], "repeated": outcome}
        whole = self._parts.add(part, body[BEHIND])
        if whole is None:
            return {"boot": boot, "received": part["index"]}
        return self._finish(host, key, whole)

    def _finish(self, host: InterpreterHost, key: _Body, whole: bytes) -> dict[str, Any]:
        try:
            answer = _deliver(host, load_body(whole))
        except WireError as error:
            self._remember(key, WireError(str(error)))
            raise
        self._remember(key, [*answer["accepted"], *answer["repeated"]])
        return answer

    def _remember(self, key: _Body, outcome: list[str] | WireError) -> None:
        self._outcomes[key] = outcome
        if len(self._outcomes) > REMEMBERED_BODIES:
            del self._outcomes[next(iter(self._outcomes))]


def _id(part: Any) -> str:
    """Nothing for what is refused in a moment."""
    value = part.get("id") if isinstance(part, dict) else None
    return value if isinstance(value, str) else ""


def _deliver(host: InterpreterHost, body: dict[str, Any]) -> dict[str, Any]:
    behind: bytes | None = body[BEHIND]
    if behind is None:
        messages = [message_from_json(item) for item in items(body, "messages")]
    else:
        messages = list(_framed(behind))
    for message in messages:
        if message.channel not in SENDABLE:
            raise WireError(f"nothing can be sent on {message.channel}")
    return host.send(text(body, "boot"), text(body, "reader"), messages)


def _framed(data: bytes) -> Iterator[Message]:
    """:raises WireError: something in it is no message, or not whole."""
    splitter = LineSplitter()
    for entry in splitter.feed(data):
        line = decode_line(entry)
        if not isinstance(line, LogMessage):
            raise WireError("something that is sent is no message, or can't be decoded")
        yield line.message
    if not splitter.between_lines:
        raise WireError("the last message is not whole")
