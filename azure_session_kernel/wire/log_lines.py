"""The lines of a boot's log: numbered messages and events, and remarks without a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from .decoded_size import why_not
from .frames import Entry, as_line, encode_entry, entries, entry_of, fits, line_around, message_of
from .json_text import (
    NOT_DECODED,
    BeyondDecoder,
    WireError,
    dump,
    dump_plain,
    load,
    object_at,
    short_text,
)
from .limits import MAX_LINE_BYTES
from .messages import (
    ContentUnreadable,
    Message,
    as_json_bytes,
    checked_channel,
    message_from_json,
    undecoded,
)
from .words import END_REASONS, EndReason, word


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A numbered message of the log."""

    n: int
    message: Message


@dataclass(frozen=True, slots=True)
class BootEnded:
    """The interpreter of this boot is gone; nothing follows."""

    n: int
    reason: EndReason
    cause: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Stream text that the adapter could not keep: how many characters of which stream."""

    n: int
    parent_header: dict[str, Any]
    name: str
    missing_chars: int


@dataclass(frozen=True, slots=True)
class Oversized:
    """In place of a message whose line would have had ``size_bytes``, above ``limit_bytes``.

    In JSON it is a ``gap`` with more fields, which a reader that does not know them can do without.

    :ivar channel: of the message, and "" when nothing of it is known but its number; then there is
        no ``parent_header`` either.
    :ivar reason: why it is missing, where that is not its size: a clause.
    """

    n: int
    parent_header: dict[str, Any]
    channel: str
    msg_type: str
    size_bytes: int
    limit_bytes: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Nothing to say; the connection lives."""


@dataclass(frozen=True, slots=True)
class EndOfRead:
    """The read ended because its time was over, not because the connection broke."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer kernel has claimed the session; this reader gets nothing more."""


LogLine = LogMessage | BootEnded | Gap | Oversized | KeepAlive | EndOfRead | Superseded


def encode_line(line: LogLine) -> bytes:
    """One log line with its newline."""
    if isinstance(line, LogMessage):
        message = line.message
        head = {
            "n": line.n,
            "channel": message.channel,
            "header": message.header,
            "parent_header": message.parent_header,
        }
        parts = as_json_bytes(message.metadata), as_json_bytes(message.content)
        return line_around(dump_plain(head), *parts, message.buffers)
    return dump(_line_as_json(line)) + b"\n"


def encode_framed(line: LogMessage) -> bytes:
    """The same with its parts as they are (``frames.py``), if it is not of too many."""
    return encode_entry(line.n, line.message) if fits(line.message) else encode_line(line)


def as_lines(data: bytes, limit_bytes: int = MAX_LINE_BYTES) -> bytes:
    """A log that is written here, for who knows ordinary lines only. One too large is named."""
    return b"".join([_as_line(one, limit_bytes) for one in entries(data)])


def _as_line(data: bytes, limit_bytes: int) -> bytes:
    entry = entry_of(data)
    if entry is None:
        return data + b"\n"
    size = len(data) + sum(map(len, entry.parts[2:])) // 3
    line = as_line(entry) if size <= limit_bytes else b""
    if line and len(line) - 1 <= limit_bytes:
        return line
    size = max(size, len(line) - 1)
    return encode_line(_instead_of(entry.n, message_of(entry, len(data)), size, limit_bytes))


def _line_as_json(
    line: BootEnded | Gap | Oversized | KeepAlive | EndOfRead | Superseded,
) -> dict[str, Any]:
    match line:
        case BootEnded(n, reason, cause):
            return {"n": n, "event": "ended", "reason": reason, "cause": cause}
        case Gap(n, parent_header, name, missing):
            return {
                "n": n,
                "event": "gap",
                "parent_header": parent_header,
                "name": name,
                "missing_chars": missing,
            }
        case Oversized(n, parent_header, channel, msg_type, size, limit, reason):
            value = {
                "n": n,
                "event": "gap",
                "parent_header": parent_header,
                "name": msg_type,
                "missing_chars": size,
                "channel": channel,
                "limit_bytes": limit,
            }
            return {**value, "reason": reason} if reason else value
        case KeepAlive():
            return {"event": "keepalive"}
        case EndOfRead():
            return {"event": "end_of_read"}
        case Superseded():
            return {"event": "superseded"}


_REMARKS: Final[Mapping[str, KeepAlive | EndOfRead | Superseded]] = {
    "keepalive": KeepAlive(),
    "end_of_read": EndOfRead(),
    "superseded": Superseded(),
}


#: Of a line, in which its headers are looked for.
_HEAD_BYTES: Final = 1024 * 1024
_BEHIND_HEADERS: Final = re.compile(rb',\s*"metadata"\s*:')


class _MessageLine(msgspec.Struct):
    """A line with a message, whose content is not decoded."""

    n: int
    channel: str
    header: dict[str, Any]
    content: msgspec.Raw
    parent_header: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    buffers: tuple[bytes, ...] = ()
    event: Any = None


_MESSAGE_LINE: Final = msgspec.json.Decoder(_MessageLine)


def _message_line(data: bytes) -> LogMessage | None:
    """The quick way for what is as it should be; None leaves the line to the careful one."""
    try:
        line = _MESSAGE_LINE.decode(data)
        if line.n < 1 or line.event is not None:
            return None
        checked_channel(line.header, line.channel)
        content = undecoded(bytes(line.content))
        if content is None:
            return None
    except NOT_DECODED:
        return None
    message = Message(
        line.channel,
        line.header,
        content,
        line.parent_header,
        line.metadata,
        line.buffers,
        size_bytes=len(data),
    )
    return LogMessage(line.n, message)


def decode_line(data: bytes) -> LogLine:
    """One line, or a message with its parts, without its newline.

    :raises WireError: when it is not a log line of protocol v1.
    """
    if (entry := entry_of(data)) is not None:
        return _framed(entry, len(data))
    if reason := why_not(data):
        return _in_place_of(data, reason)
    if (line := _message_line(data)) is not None:
        return line
    try:
        value = load(data)
    except BeyondDecoder as error:
        return _in_place_of(data, str(error))
    if not isinstance(value, dict):
        raise WireError("a log line must be an object")
    event = value.get("event")
    if isinstance(event, str) and event in _REMARKS:
        return _REMARKS[event]
    n = value.get("n")
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise WireError("a log line needs a positive number")
    if event == "ended":
        reason = word(value.get("reason"), END_REASONS, "exited")
        return BootEnded(n, reason, short_text(value, "cause"))
    if event == "gap":
        return _gap(n, value)
    if event is not None:
        raise WireError("an unknown event")
    return LogMessage(n, message_from_json(value, len(data)))


def _framed(entry: Entry, size: int) -> LogMessage | Oversized:
    try:
        return LogMessage(entry.n, message_of(entry, size))
    except ContentUnreadable as error:
        return _instead_of(entry.n, error.message, size, reason=str(error))


def _in_place_of(data: bytes, reason: str) -> Oversized:
    """What stands for a message whose metadata or content is beyond this kernel.

    :raises WireError: what comes before these does not read as a message either.
    """
    found = _BEHIND_HEADERS.search(data, 0, _HEAD_BYTES)
    line = decode_line(data[: found.start()] + b"}") if found else None
    if not isinstance(line, LogMessage):
        raise WireError("a log line that can't be read")
    return _instead_of(line.n, line.message, len(data), reason=reason)


def _instead_of(
    n: int, of: Message, size: int, limit_bytes: int = MAX_LINE_BYTES, reason: str = ""
) -> Oversized:
    return Oversized(n, of.parent_header, of.channel, of.msg_type, size, limit_bytes, reason)


def _gap(n: int, value: dict[str, Any]) -> Gap | Oversized:
    missing = _size(value, "missing_chars")
    parent_header, name = object_at(value, "parent_header"), short_text(value, "name")
    if "limit_bytes" not in value:
        return Gap(n, parent_header, name, missing)
    channel, limit = short_text(value, "channel", 40), _size(value, "limit_bytes")
    reason = short_text(value, "reason", 200)
    return Oversized(n, parent_header, channel, name, missing, limit, reason)


def _size(value: dict[str, Any], key: str) -> int:
    size = value.get(key)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise WireError(f"a gap needs {key}")
    return size
