"""Messages between a client and a kernel of one process: as ZeroMQ would have brought them.

Everything is packed and read once, so neither side holds what the other may change, and what can't
be packed fails here as it does there (docs/design.md rule 4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jupyter_client.jsonutil import extract_dates

from ..interpreter.packing import pack
from ..wire import Message
from ..wire.messages import CHANNELS

#: As a client of jupyter_client gets it: header, parent_header, metadata, content, buffers.
JupyterMessage = dict[str, Any]


def from_client(channel: str, message: Mapping[str, Any]) -> Message:
    """What a kernel reads of what a client sends. :param message: as ``Session.msg`` makes it."""
    assert channel in CHANNELS  # noqa: S101
    return Message(
        channel,
        _copied(message["header"]),
        _copied(message.get("content")),
        _copied(message.get("parent_header")),
        _copied(message.get("metadata")),
        tuple(bytes(buffer) for buffer in message.get("buffers") or ()),
    )


def for_client(
    header: dict[str, Any],
    parent_header: Mapping[str, Any] | None,
    content: Mapping[str, Any] | bytes,
    metadata: Mapping[str, Any] | None = None,
    buffers: tuple[bytes, ...] = (),
) -> tuple[JupyterMessage, int]:
    """What a client reads, and how large it is in bytes. :param content: as JSON where it is bytes.

    :raises Exception: it can't be packed, as ``Session.send``.
    """
    packed = content if isinstance(content, bytes) else pack(dict(content))
    return {
        "header": header,
        "msg_id": header["msg_id"],
        "msg_type": header["msg_type"],
        "parent_header": extract_dates(dict(parent_header or {})),
        "metadata": _copied(metadata),
        "content": _read(packed),
        "buffers": [memoryview(buffer) for buffer in buffers],
    }, len(packed) + sum(map(len, buffers))


def _copied(part: Mapping[str, Any] | None) -> dict[str, Any]:
    return _read(pack(dict(part))) if part else {}


def _read(part: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(part.decode("utf-8", "replace"))
    return value
