"""The ZeroMQ side, typed: reads a front end's requests, publishes outputs, sends replies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

from ..interpreter.packing import pack
from ..wire import Message, WireError
from ..wire.zmq_messages import decode_frames
from .front_end import FrontEnd
from .iopub import IOPubStream
from .requests import Request

log = logging.getLogger(__name__)


class ZmqFrontEnd(FrontEnd):
    """A ``FrontEnd`` on the sockets of one kernel.

    :param streams: ``shell``, ``control`` and ``stdin``, which answers go back on.
    :param ident: the kernel's own id, the prefix of IOPub topics.
    """

    def __init__(
        self, session: Session, iopub: IOPubStream, streams: dict[str, ZMQStream], ident: str
    ) -> None:
        session.pack = pack
        self._session, self._iopub = session, iopub
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
        content: dict[str, Any] | bytes,
        parent_header: dict[str, Any] | None,
        *,
        metadata: dict[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        self._session.send(
            self._iopub,
            msg_type,
            content,  # type: ignore[arg-type]  # bytes are relayed as they are
            parent=parent_header,
            ident=f"kernel.{self._ident}.{msg_type}".encode(),
            buffers=list(buffers) or None,
            metadata=metadata,
        )

    async def drained(self) -> None:
        await self._iopub.drained()

    def send_reply(self, request: Request, reply: Message) -> None:
        self._session.send(
            self._streams[request.channel],
            reply.msg_type,
            dict(reply.content),
            parent=request.message.header,
            ident=request.idents,
            metadata=reply.metadata,
            buffers=list(reply.buffers) or None,
        )

    def ask(self, request: Request, content: dict[str, Any]) -> None:
        self._session.send(
            self._streams["stdin"],
            "input_request",
            content,
            parent=request.message.header,
            ident=request.idents,
        )
