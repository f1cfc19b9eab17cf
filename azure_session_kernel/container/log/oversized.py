"""What takes the place of a message that can't travel, as one whose line would be too large.

A text of a stream travels in pieces. Everything else is named with its size and left out, so that
the user sees what is missing and the session goes on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ...wire import Message, Oversized, dump, message_as_json

#: A parent header is repeated in what stands for a message; a larger one is cut to its ``msg_id``.
_PARENT_BYTES: Final = 16 * 1024
_ID_CHARS: Final = 1000


def halves(message: Message, limit_bytes: int) -> list[Message]:
    """The same stream text in two messages; none when that would not help."""
    text = message.content.get("text")
    if message.msg_type != "stream" or message.buffers:
        return []
    if not isinstance(text, str) or len(text) < 2:
        return []
    around = replace(message, content={**message.content, "text": ""})
    if len(dump(message_as_json(around))) > limit_bytes // 2:
        return []
    middle = len(text) // 2
    parts = (text[:middle], text[middle:])
    return [replace(message, content={**message.content, "text": part}) for part in parts]


def in_place_of(
    message: Message, n: int, size_bytes: int, limit_bytes: int, reason: str = ""
) -> Oversized:
    """:param size_bytes: of its line. :param reason: why it is missing, where not for its size."""
    parent = short_parent(message.parent_header)
    name = message.msg_type[:100]
    return Oversized(n, parent, message.channel, name, size_bytes, limit_bytes, reason)


def short_parent(parent_header: dict[str, Any], limit_bytes: int = _PARENT_BYTES) -> dict[str, Any]:
    """As it is, or cut to its ``msg_id`` where it is larger."""
    if len(dump(parent_header)) <= limit_bytes:
        return parent_header
    return {"msg_id": str(parent_header.get("msg_id", ""))[:_ID_CHARS]}
