"""What a kernel needs of its front ends: their requests, and where its answers go.

ZeroMQ's is in ``zmq_front_end.py``; kernels that share a process with their client have another one
(``batch/front_end.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from ..wire import Message
from .requests import Request


class FrontEnd(ABC):
    """Everything that goes to, or comes from, the front ends of one kernel."""

    @abstractmethod
    def start(self, take: Callable[[Request], None]) -> None:
        """Called once. From now on ``take`` gets each request, in the order of its channel."""

    @abstractmethod
    def take_arrived(self) -> None:
        """Let the kernel have what front ends have sent on the shell channel by now."""

    @abstractmethod
    def stop_taking(self) -> None:
        """What comes on the shell channel from now on is not answered: the kernel ends."""

    @abstractmethod
    def publish(
        self,
        msg_type: str,
        content: Mapping[str, Any] | bytes,
        parent_header: dict[str, Any] | None,
        *,
        metadata: Mapping[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        """On IOPub, to every front end. :param content: as JSON where it is bytes."""

    @abstractmethod
    async def drained(self) -> None:
        """Until the front ends have taken most of what was published."""

    @abstractmethod
    def send_reply(self, request: Request, reply: Message) -> None:
        """To the front end that asked, on the channel on which it asked."""

    @abstractmethod
    def ask(self, request: Request, content: Mapping[str, Any]) -> None:
        """An ``input_request`` to the front end whose cell asks."""

    def pass_on(self, message: Message, parent_header: dict[str, Any] | None) -> None:
        """An output as the session sent it."""
        self.publish(
            message.msg_type,
            message.raw or message.content,
            parent_header,
            metadata=message.metadata,
            buffers=message.buffers,
        )

    def busy(self, request: Request) -> None:
        self.publish("status", {"execution_state": "busy"}, request.message.header)

    def idle(self, request: Request) -> None:
        self.publish("status", {"execution_state": "idle"}, request.message.header)

    def reply(self, request: Request, reply: Message | dict[str, Any]) -> None:
        """:param reply: the message, or its content."""
        if not isinstance(reply, Message):
            reply = Message(request.channel, {"msg_type": request.reply_type}, reply)
        self.send_reply(request, reply)
