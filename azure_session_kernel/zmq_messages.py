"""ZeroMQ frames into messages, as the Jupyter spec's "wire protocol" section has them.

``jupyter_client.Session.deserialize`` also turns dates into objects, which costs as much as the
rest and is undone again for the wire; so frames are read here, with the same signature check.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from jupyter_client.jsonutil import json_default
from jupyter_client.session import DELIM, Session, json_packer

from .wire import Message, WireError, load


def decode_frames(
    session: Session, channel: str, frames: list[bytes]
) -> tuple[list[bytes], Message]:
    """The routing prefix and the message.

    :raises WireError: not a message, or not signed with this connection's key.
    """
    try:
        start = frames.index(DELIM) + 1
    except ValueError as error:
        raise WireError("no delimiter") from error
    signature, *parts = frames[start : start + 5]
    if len(parts) != 4:
        raise WireError("too few frames")
    if session.auth is not None and not hmac.compare_digest(session.sign(parts), signature):
        raise WireError("wrong signature")
    header, parent_header, metadata, content = (_object(part) for part in parts)
    for key in ("msg_id", "msg_type"):
        if not isinstance(header.get(key), str):
            raise WireError(f"a header without {key}")
    buffers = tuple(bytes(frame) for frame in frames[start + 5 :])
    return frames[: start - 1], Message(channel, header, content, parent_header, metadata, buffers)


def _object(frame: bytes) -> dict[str, Any]:
    value = load(frame)
    if not isinstance(value, dict):
        raise WireError("a part is not an object")
    return value


def pack(value: Any) -> bytes:
    """As ``Session.pack``, which raises for lone surrogates: they travel as JSON escapes."""
    try:
        return json_packer(value)
    except UnicodeEncodeError:
        return json.dumps(value, default=json_default).encode()
