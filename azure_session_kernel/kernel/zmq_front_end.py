"""The ZeroMQ side, typed: reads a front end's requests, publishes outputs, sends replies."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from jupyter_client._version import protocol_version
from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

from ..interpreter.packing import pack
from ..wire import Message, WireError
from ..wire.json_text import dump_plain
from ..wire.zmq_messages import decode_frames, encode_frames
from .front_end import FrontEnd
from .iopub import IOPubStream, send_now
from .requests import Request

log = logging.getLogger(__name__)

_packed = partial(dump_plain, otherwise=pack)


class ZmqFrontEnd(FrontEnd):
    """A ``FrontEnd`` on the sockets of one kernel.

    :param streams: ``shell``, ``control`` and ``stdin``, which answers go back on.
    :param ident: the kernel's own id, the prefix of IOPub topics.
    """

    def __init__(
        self, session: Session, iopub: IOPubStream, streams: dict[str, ZMQStream], ident: str
    ) -> None:
        session.pack = _packed
        self._session, self._iopub = session, iopub
        # Looked up once: a trait takes as long as a message's signature.
        self._user = {"username": session.username, "session": session.session}
        self._sends_itself = session.adapt_version or session.debug
        self._copy_below_bytes = session.copy_threshold
        self._parent: tuple[dict[str, Any] | None, bytes] = (None, b"{}")
        self._streams, self._ident = streams, ident

    def start(self, take: Callable[[Request], None]) -> None:
        for channel, stream in self._streams.items():
            stream.on_recv(self._taking(channel, take))

    def _taking(
        self, channel: str, take: Callable[[Request], None]
    ) -> Callable[[list[bytes]], None]:
        def on_frames(frames: list[bytes]) -> None:
            request = self._read(channel, frames)
            if request is not None:
                take(request)

        return on_frames

    def _read(self, channel: str, frames: list[bytes]) -> Request | None:
        """The request in these frames; None, with a line in the log, when there is none."""
        try:
            idents, message = decode_frames(self._session, channel, frames)
        except WireError as error:
            log.warning("dropped an invalid message on %s: %s", channel, error)
            return None
        return Request(message, idents, channel)

    def take_arrived(self) -> None:
        self._streams["shell"].flush()

    def stop_taking(self) -> None:
        self._streams["shell"].stop_on_recv()

    def publish(
        self,
        msg_type: str,
        content: Mapping[str, Any] | bytes,
        parent_header: dict[str, Any] | None,
        *,
        metadata: Mapping[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        topic = f"kernel.{self._ident}.{msg_type}".encode()
        self._send(self._iopub, [topic], msg_type, content, parent_header, metadata, buffers)

    async def drained(self) -> None:
        await self._iopub.drained()

    def send_reply(self, request: Request, reply: Message) -> None:
        self._send(
            self._streams[request.channel],
            request.idents,
            reply.msg_type,
            reply.raw or reply.content,
            request.message.header,
            reply.metadata,
            reply.buffers,
        )

    def ask(self, request: Request, content: Mapping[str, Any]) -> None:
        stream, parent = self._streams["stdin"], request.message.header
        self._send(stream, request.idents, "input_request", content, parent, None, ())

    def _send(
        self,
        stream: ZMQStream,
        idents: list[bytes],
        msg_type: str,
        content: Mapping[str, Any] | bytes,
        parent: dict[str, Any] | None,
        metadata: Mapping[str, Any] | None,
        buffers: tuple[bytes, ...],
    ) -> None:
        """As ``Session.send``, which packs every part anew and lets the event loop send it.

        :raises Exception: it can't be packed.
        """
        session = self._session
        if self._sends_itself:
            told = dict(content) if not isinstance(content, bytes) else content
            session.send(stream, msg_type, told, parent, idents, list(buffers), metadata=metadata)  # type: ignore[arg-type]
            return
        headers = _packed(self._header(msg_type)), self._packed_parent(parent)
        frames = [*idents, *encode_frames(session, *headers, metadata or {}, content, buffers)]
        send_now(stream, frames, copy=max(map(len, frames)) < self._copy_below_bytes)

    def _header(self, msg_type: str) -> dict[str, Any]:
        """As ``Session.msg_header``."""
        user, number = self._user, self._session.message_count
        self._session.message_count += 1
        return {
            "msg_id": f"{user['session']}_{os.getpid()}_{number}",
            "msg_type": msg_type,
            **user,
            "date": datetime.now(timezone.utc),
            "version": protocol_version,
        }

    def _packed_parent(self, header: dict[str, Any] | None) -> bytes:
        """Many messages after each other have the same."""
        if header is not self._parent[0]:
            self._parent = header, _packed(header or {})
        return self._parent[1]
