"""The ``FrontEnd`` of a kernel whose clients are in the same process: queues instead of sockets.

It outlives the kernel, as the ports of a kernel process do: the next one, after a restart, has the
same clients.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from jupyter_client.session import msg_header

from ..kernel.front_end import FrontEnd
from ..kernel.requests import Request
from ..wire import Message
from .channels import Channel
from .messages import for_client, from_client

log = logging.getLogger(__name__)

#: So much may wait for a client: it is read on this very loop, so it never has to wait long.
LIMIT_BYTES: Final = 8 * 1024 * 1024
_USER: Final = "kernel"


@dataclass(eq=False)
class Place:
    """One client's: the ends of its channels. :ivar ident: known by it, as a ZeroMQ identity."""

    channels: dict[str, Channel]
    ident: bytes = field(default_factory=lambda: uuid.uuid4().bytes)
    has_heard: bool = False


class LocalFrontEnd(FrontEnd):
    """Made on the event loop that kernel and clients share."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._places: dict[bytes, Place] = {}
        self._take: Callable[[Request], None] | None = None
        self._takes_shell = False
        self._arrived: deque[Request] = deque()
        self._taken = asyncio.Event()
        self._session, self._numbers = uuid.uuid4().hex, itertools.count()

    # -- clients ----------------------------------------------------------------------------------

    def join(self) -> Place:
        """A new client."""
        place = Place({})
        for name in ("shell", "control", "stdin", "iopub"):
            place.channels[name] = Channel(
                partial(self._from_client, place, name),
                self._taken.set,
                partial(self._changed, place),
            )
        return place

    def _changed(self, place: Place) -> None:
        running = any(channel.is_alive() for channel in place.channels.values())
        if not running:
            self._places.pop(place.ident, None)
        else:
            self._places[place.ident] = place
        self._taken.set()
        if place.channels["iopub"].is_alive() and not place.has_heard:
            place.has_heard = True
            self._put(place.channels["iopub"], "iopub_welcome", {"subscription": ""}, None)

    def _from_client(self, place: Place, channel: str, message: Mapping[str, Any]) -> None:
        if channel != "iopub":
            self.receive(channel, message, [place.ident])

    def receive(
        self, channel: str, message: Mapping[str, Any], idents: list[bytes] | None = None
    ) -> None:
        """Of a client, or without ``idents`` of the manager, who waits for no reply. From any
        thread: the kernel gets it on its event loop, in order.
        """
        read = from_client(channel, message)
        self._arrived.append(Request(read, idents or [], channel))
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        call = self._loop.call_soon if here else self._loop.call_soon_threadsafe
        call(self._deliver)

    def _deliver(self) -> None:
        while self._arrived:
            request = self._arrived.popleft()
            if self._take is not None and (self._takes_shell or request.channel != "shell"):
                self._take(request)

    # -- the kernel -------------------------------------------------------------------------------

    def start(self, take: Callable[[Request], None]) -> None:
        self._take, self._takes_shell = take, True

    def stop(self) -> None:
        """The kernel has ended: what comes now is lost."""
        self._take = None

    def take_arrived(self) -> None:
        """In one process all of it is there, in one queue."""
        self._deliver()

    def stop_taking(self) -> None:
        self._takes_shell = False

    def publish(
        self,
        msg_type: str,
        content: Mapping[str, Any] | bytes,
        parent_header: dict[str, Any] | None,
        *,
        metadata: Mapping[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        for place in self._places.values():
            iopub = place.channels["iopub"]
            if iopub.is_alive():
                self._put(iopub, msg_type, content, parent_header, metadata, buffers)

    async def drained(self) -> None:
        while any(p.channels["iopub"].waiting_bytes > LIMIT_BYTES for p in self._places.values()):
            self._taken.clear()
            await self._taken.wait()

    def send_reply(self, request: Request, reply: Message) -> None:
        self._send(request, request.channel, reply.msg_type, reply)

    def ask(self, request: Request, content: Mapping[str, Any]) -> None:
        self._send(request, "stdin", "input_request", Message("stdin", {}, content))

    def _send(self, request: Request, channel: str, msg_type: str, message: Message) -> None:
        place = self._places.get(request.idents[0]) if request.idents else None
        if place is not None:
            self._put(
                place.channels[channel],
                msg_type,
                message.raw or message.content,
                request.message.header,
                message.metadata,
                message.buffers,
            )

    def _put(
        self,
        channel: Channel,
        msg_type: str,
        content: Mapping[str, Any] | bytes,
        parent_header: Mapping[str, Any] | None,
        metadata: Mapping[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        msg_id = f"{self._session}_{next(self._numbers)}"
        header = msg_header(msg_id, msg_type, _USER, self._session)
        channel.put(*for_client(header, parent_header, content, metadata, buffers))
