"""A Jupyter message and its channel, and its form in JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .decoded_size import why_not
from .json_text import (
    BeyondDecoder,
    WireError,
    bytes_from_base64,
    dump_plain,
    is_valid,
    load_object,
    may_be_relayed,
    object_at,
    read_object,
)

CHANNELS: Final = frozenset({"shell", "control", "stdin", "iopub"})
#: Channels that a kernel may send on.
SENDABLE: Final = frozenset({"shell", "control", "stdin"})

_REPLIES: Final = frozenset(
    {
        "execute_reply",
        "inspect_reply",
        "complete_reply",
        "history_reply",
        "is_complete_reply",
        "comm_info_reply",
        "kernel_info_reply",
        "connect_reply",
    }
)
#: Message types of the Jupyter spec (protocol 5.5) that a session may send, by channel. The control
#: channel takes all requests of the shell channel, and some of its own.
RECEIVABLE: Final[Mapping[str, frozenset[str]]] = {
    "iopub": frozenset(
        {
            "stream",
            "display_data",
            "update_display_data",
            "execute_input",
            "execute_result",
            "error",
            "status",
            "clear_output",
            "debug_event",
            "comm_open",
            "comm_msg",
            "comm_close",
        }
    ),
    "shell": _REPLIES,
    "control": _REPLIES
    | frozenset(
        {
            "debug_reply",
            "usage_reply",
            "create_subshell_reply",
            "delete_subshell_reply",
            "list_subshell_reply",
        }
    ),
    "stdin": frozenset({"input_request"}),
}


class ContentUnreadable(WireError):
    """A message's metadata or content. :ivar message: without them."""

    def __init__(self, message: Message, reason: str) -> None:
        super().__init__(reason)
        self.message = message


class Undecoded(Mapping[str, Any]):
    """An object that is decoded when somebody looks into it.

    :param raw: JSON of it that may be relayed, and decoded.
    """

    __slots__ = ("_value", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._value: dict[str, Any] | None = None

    def _decoded(self) -> dict[str, Any]:
        if self._value is None:
            self._value = read_object(self.raw, any_text=True)
        return self._value

    def __getitem__(self, key: str) -> Any:
        return self._decoded()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def __repr__(self) -> str:
        return repr(self._decoded())


@dataclass(frozen=True, slots=True)
class Message:
    """One Jupyter message and its channel.

    :ivar size_bytes: of the line that it came in, if it did.
    """

    channel: str
    header: dict[str, Any]
    content: Mapping[str, Any]
    parent_header: dict[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()
    size_bytes: int = field(default=0, compare=False)

    @property
    def msg_id(self) -> str:
        return str(self.header.get("msg_id", ""))

    @property
    def msg_type(self) -> str:
        return str(self.header.get("msg_type", ""))

    @property
    def parent_id(self) -> str:
        return str(self.parent_header.get("msg_id", ""))

    @property
    def raw(self) -> bytes:
        """Its content as the JSON that it came as, where that may be relayed; b"" elsewhere."""
        return raw_of(self.content)


def undecoded(data: bytes) -> Undecoded | None:
    """:param data: valid JSON that ``why_not`` lets pass. None where it is no object, begins with a
    blank, or may not be relayed as it is.
    """
    return Undecoded(data) if data[:1] == b"{" and may_be_relayed(data) else None


def object_from(
    data: bytes, *, errors: str = "strict", any_text: bool = False, checked: bool = False
) -> Mapping[str, Any]:
    """Metadata or content: undecoded where it may be relayed, else as ``load_object`` reads it.

    :param checked: ``why_not`` has been asked.
    :raises WireError: :raises BeyondDecoder:
    """
    if data == b"{}":
        return {}
    if not checked and (reason := why_not(data, any_text=any_text)):
        raise BeyondDecoder(reason)
    if is_valid(data) and (found := undecoded(data)) is not None:
        return found
    return load_object(data, errors=errors, any_text=any_text)


def raw_of(part: Mapping[str, Any]) -> bytes:
    """Metadata or content as the JSON that it came as, where that may be relayed; b"" elsewhere."""
    return part.raw if isinstance(part, Undecoded) else b""


def as_json_bytes(part: Mapping[str, Any]) -> bytes:
    return raw_of(part) or dump_plain(dict(part))


def message_as_json(message: Message) -> dict[str, Any]:
    return {
        "channel": message.channel,
        "header": message.header,
        "parent_header": message.parent_header,
        "metadata": dict(message.metadata),
        "buffers": [base64.b64encode(buffer).decode("ascii") for buffer in message.buffers],
        "content": dict(message.content),
    }


def checked_channel(header: Mapping[str, Any], channel: object) -> str:
    """``channel`` of a message with this header. :raises WireError: either can't be one's."""
    for key in ("msg_id", "msg_type"):
        if not isinstance(header.get(key), str) or not header[key]:
            raise WireError(f"a message header needs a {key}")
    if not isinstance(channel, str) or channel not in CHANNELS:
        raise WireError("a message needs a known channel")
    return channel


def message_from_json(value: Any, size_bytes: int = 0) -> Message:
    """:raises WireError: when a part is missing or of the wrong type."""
    if not isinstance(value, dict):
        raise WireError("a message must be an object")
    header = object_at(value, "header")
    return Message(
        channel=checked_channel(header, value.get("channel")),
        header=header,
        content=object_at(value, "content"),
        parent_header=object_at(value, "parent_header"),
        metadata=object_at(value, "metadata"),
        buffers=bytes_from_base64(value.get("buffers", [])),
        size_bytes=size_bytes,
    )


def receivable(message: Message) -> bool:
    """Whether a session may send this message (docs/design.md rule 10)."""
    return message.msg_type in RECEIVABLE.get(message.channel, frozenset())
