"""The ZeroMQ side, typed: reads a front end's requests, publishes outputs, sends replies."""

from __future__ import annotations

import logging
from typing import Any

from jupyter_client.session import Session

from ..interpreter.packing import pack
from ..wire import Message, WireError
from ..wire.zmq_messages import decode_frames
from .requests import Request

log = logging.getLogger(__name__)


class FrontEnd:
    """Everything that goes to, or comes from, the front ends of one kernel.

    :param streams: the ``shell`` and ``control`` streams, which replies go back on.
    :param ident: the kernel's own id, the prefix of IOPub topics.
    """

    def __init__(
        self, session: Session, iopub: Any, streams: dict[str, Any], stdin: Any, ident: str
    ) -> None:
        session.pack = pack
        self._session, self._iopub, self._stdin = session, iopub, stdin
        self._streams, self._ident = streams, ident

    def read(self, channel: str, frames: list[bytes]) -> Request | None:
        """The request in these frames; None, with a line in the log, when there is none."""
        try:
            idents, message = decode_frames(self._session, channel, frames)
        except WireError as error:
            log.warning("dropped an invalid message on %s: %s", channel, error)
            return None
        return Request(message, idents, channel)

    def publish(
        self,
        msg_type: str,
        content: dict[str, Any] | bytes,
        parent_header: dict[str, Any] | None,
        *,
        metadata: dict[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        """On IOPub, to every front end. :param content: as JSON where it is bytes."""
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
        """Until the front ends have taken most of what was published."""
        await self._iopub.drained()

    def pass_on(self, message: Message, parent_header: dict[str, Any] | None) -> None:
        """An output as the session sent it."""
        self.publish(
            message.msg_type,
            message.raw or dict(message.content),
            parent_header,
            metadata=message.metadata,
            buffers=message.buffers,
        )

    def busy(self, request: Request) -> None:
        self.publish("status", {"execution_state": "busy"}, request.message.header)

    def idle(self, request: Request) -> None:
        self.publish("status", {"execution_state": "idle"}, request.message.header)

    def reply(self, request: Request, reply: Message | dict[str, Any]) -> None:
        """To the front end that asked, on the channel on which it asked."""
        if not isinstance(reply, Message):
            reply = Message(request.channel, {"msg_type": request.reply_type}, reply)
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
        """An ``input_request`` to the front end whose cell asks."""
        self._session.send(
            self._stdin,
            "input_request",
            content,
            parent=request.message.header,
            ident=request.idents,
        )
