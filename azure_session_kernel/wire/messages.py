"""A Jupyter message and its channel, and its form in JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .json_text import WireError, bytes_from_base64, load_object, may_be_relayed, object_at

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
#: Of these nobody on the way looks into the content, so it travels as the JSON that it came as.
DISPLAYS: Final = frozenset({"display_data", "update_display_data", "execute_result"})
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


class Undecoded(Mapping[str, Any]):
    """An object that is decoded when somebody looks into it. :param raw: valid JSON of it."""

    __slots__ = ("_value", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._value: dict[str, Any] | None = None

    def _decoded(self) -> dict[str, Any]:
        if self._value is None:
            self._value = load_object(self.raw)
        return self._value

    def __getitem__(self, key: str) -> Any:
        return self._decoded()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())


@dataclass(frozen=True, slots=True)
class Message:
    """One Jupyter message and its channel.

    :ivar size_bytes: of the line that it came in, if it did.
    """

    channel: str
    header: dict[str, Any]
    content: Mapping[str, Any]
    parent_header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
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
        """Its content in one line of JSON, where nobody has had to decode it; b"" elsewhere."""
        return self.content.raw if isinstance(self.content, Undecoded) else b""


def undecoded(data: bytes) -> Undecoded | None:
    """:param data: valid JSON. None where it is no object, begins with a blank, or may not be
    relayed as it is.
    """
    return Undecoded(data) if data[:1] == b"{" and may_be_relayed(data) else None


def message_as_json(message: Message) -> dict[str, Any]:
    return {
        "channel": message.channel,
        "header": message.header,
        "parent_header": message.parent_header,
        "metadata": message.metadata,
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
