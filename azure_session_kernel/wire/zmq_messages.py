"""ZeroMQ frames into messages, as the Jupyter spec's "wire protocol" section has them.

``jupyter_client.Session.deserialize`` also turns dates into objects, which costs as much as the
rest and is undone again for the wire; so frames are read here, with the same signature check, and
with the same U+FFFD for what is no UTF-8.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_client.session import DELIM, Session

from . import BeyondDecoder, Message, WireError
from .decoded_size import why_not
from .json_text import is_valid, load_object
from .messages import DISPLAYS, Undecoded, undecoded


class ContentUnreadable(WireError):
    """Its metadata or content. :ivar message: without them."""

    def __init__(self, message: Message, reason: str) -> None:
        super().__init__(reason)
        self.message = message


def decode_frames(
    session: Session,
    channel: str,
    frames: list[bytes],
    limit_bytes: int | None = None,
    *,
    raw: bool = False,
) -> tuple[list[bytes], Message]:
    """The routing prefix and the message.

    :param raw: leave the content of displays undecoded.
    :param limit_bytes: of all but a stream's message, whose text can be carried in pieces.
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
    if session.auth is not None and not hmac.compare_digest(session.sign(parts), signature):
        raise WireError("wrong signature")
    header, parent_header = (load_object(part, errors="replace") for part in parts[:2])
    for key in ("msg_id", "msg_type"):
        if not isinstance(header.get(key), str):
            raise WireError(f"a header without {key}")
    is_stream = header["msg_type"] == "stream"
    if limit_bytes is not None and not is_stream and sum(map(len, frames)) > limit_bytes:
        raise ContentUnreadable(Message(channel, header, {}, parent_header), "")
    message = Message(channel, header, {}, parent_header)
    try:
        metadata = load_object(parts[2], errors="replace")
        content: Mapping[str, Any] | None = None
        if raw and channel == "iopub" and header["msg_type"] in DISPLAYS:
            content = _undecoded(parts[3])
        if content is None:
            content = load_object(parts[3], errors="replace", any_text=is_stream)
    except WireError as error:
        raise ContentUnreadable(message, str(error)) from error
    buffers = tuple(bytes(frame) for frame in frames[start + 5 :])
    return frames[: start - 1], replace(
        message, content=content, metadata=metadata, buffers=buffers
    )


def _undecoded(content: bytes) -> Undecoded | None:
    """:raises BeyondDecoder: as ``load``, which then need not look at it again."""
    if reason := why_not(content):
        raise BeyondDecoder(reason)
    return undecoded(content) if is_valid(content) else None
