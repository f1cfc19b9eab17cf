"""ZeroMQ frames into messages, and back, as the Jupyter spec's "wire protocol" section has them.

``jupyter_client.Session.deserialize`` also turns dates into objects, which costs as much as the
rest and is undone again for the wire; so frames are read here, with the same signature check, and
with the same U+FFFD for what is no UTF-8.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from jupyter_client.session import DELIM, Session

from .json_text import WireError, read_object
from .messages import ContentUnreadable, Message, object_from, raw_of


def decode_frames(
    session: Session,
    channel: str,
    frames: list[bytes],
    limit_bytes: int | None = None,
    *,
    verify: bool = True,
) -> tuple[list[bytes], Message]:
    """The routing prefix and the message.

    :param limit_bytes: of all but a stream's message, whose text can be carried in pieces.
    :param verify: the signature. It tells nothing where only who has the key reaches the socket.
    :raises WireError: not a message, or not signed with this connection's key.
    :raises ContentUnreadable: a message all the same, whose reason is "" when it is too large.
    """
    try:
        start = frames.index(DELIM) + 1
    except ValueError as error:
        raise WireError("no delimiter") from error
    signature, *parts = frames[start : start + 5]
    if len(parts) != 4:
        raise WireError("too few frames")
    verify = verify and session.auth is not None
    if verify and not hmac.compare_digest(session.sign(parts), signature):
        raise WireError("wrong signature")
    header, parent_header = (read_object(part, errors="replace") for part in parts[:2])
    for key in ("msg_id", "msg_type"):
        if not isinstance(header.get(key), str):
            raise WireError(f"a header without {key}")
    is_stream = header["msg_type"] == "stream"
    if limit_bytes is not None and not is_stream and sum(map(len, frames)) > limit_bytes:
        raise ContentUnreadable(Message(channel, header, {}, parent_header), "")
    try:
        metadata = object_from(parts[2], errors="replace")
        content = object_from(parts[3], errors="replace", any_text=is_stream)
    except WireError as error:
        without = Message(channel, header, {}, parent_header)
        raise ContentUnreadable(without, str(error)) from error
    buffers = tuple(map(bytes, frames[start + 5 :]))
    return frames[: start - 1], Message(channel, header, content, parent_header, metadata, buffers)


def parent_id_of(frames: list[bytes]) -> str:
    """Whoever signed them; "" where it can't be read."""
    try:
        parent = read_object(frames[frames.index(DELIM) + 3], errors="replace")
    except (ValueError, IndexError):
        return ""
    msg_id = parent.get("msg_id")
    return msg_id if isinstance(msg_id, str) else ""


def encode_frames(
    session: Session,
    header: bytes,
    parent_header: bytes,
    metadata: Mapping[str, Any],
    content: Mapping[str, Any] | bytes,
    buffers: tuple[bytes, ...],
) -> list[bytes]:
    """A signed message, without a routing prefix. What has not been decoded goes as it came.

    :raises Exception: it can't be packed.
    """

    def packed(part: Mapping[str, Any]) -> bytes:
        return raw_of(part) or session.pack(dict(part))

    body = content if isinstance(content, bytes) else packed(content)
    parts = [header, parent_header, packed(metadata) if metadata else b"{}", body]
    return [DELIM, session.sign(parts), *parts, *buffers]
