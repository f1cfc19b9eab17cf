"""The interpreter's ZeroMQ sockets on the adapter's event loop.

They are read where something has come, without the futures that ``zmq.asyncio`` makes of each
message: these took a fifth of the adapter's time for a small cell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import zmq
from tornado.ioloop import IOLoop

from ..common.owned_tasks import OwnedTasks

log = logging.getLogger(__name__)

#: A flood of messages lets the HTTP loop have a turn this often.
_TURN_S: Final = 0.005
#: Without limit only answers come: one for each request (``boot.py``).
_CAN_WAIT: Final = ("iopub", "stdin")


class Channels:
    """Made, used and closed on one event loop.

    :param sockets: by channel. ZeroMQ queues without limit what is sent on them (SNDHWM 0).
    :param take: gets a channel and a message's frames.
    :param is_full: no output and no question can be taken; then the interpreter keeps what waits. A
        reply that waits there is dropped at its 1000.
    :param room: returns when one can be.
    """

    def __init__(
        self,
        sockets: dict[str, zmq.Socket[bytes]],
        take: Callable[[str, list[bytes]], None],
        is_full: Callable[[], bool],
        room: Callable[[], Awaitable[None]],
    ) -> None:
        self._sockets = sockets
        self._take, self._is_full, self._room = take, is_full, room
        self._loop = asyncio.get_running_loop()
        self._watch = IOLoop.current()  # asyncio's watches no sockets on Windows
        self._tasks = OwnedTasks(log)
        self._waiting: set[str] = set()
        for channel in sockets:
            self._begin(channel)

    def send(self, channel: str, frames: list[bytes]) -> None:
        """At once, to an interpreter that can be dead, or to none when they are closed.

        That can take the event that would have told of what has come, so this is read.
        """
        if (socket := self._sockets.get(channel)) is not None:
            socket.send_multipart(frames)
            self._loop.call_soon(self._read, channel)

    async def close(self) -> None:
        sockets, self._sockets = self._sockets, {}
        await self._tasks.aclose()
        for socket in sockets.values():
            self._watch.remove_handler(socket)
            socket.close(linger=0)

    def _begin(self, channel: str) -> None:
        def on_event(*_: Any) -> None:
            self._read(channel)

        self._watch.add_handler(self._sockets[channel], on_event, IOLoop.READ)
        self._loop.call_soon(self._read, channel)

    def _read(self, channel: str) -> None:
        """Everything that is there: the next event comes only for what comes after that."""
        socket = self._sockets.get(channel)
        until = time.monotonic() + _TURN_S
        while socket is not None and time.monotonic() < until:
            if channel in _CAN_WAIT and (channel in self._waiting or self._is_full()):
                self._wait_for_room(channel, socket)
                return
            if not self._take_one(channel, socket):
                return
            if channel == "iopub":
                # A reply was sent before its idle, and belongs before what comes after that.
                while time.monotonic() < until and self._take_one("shell", self._sockets["shell"]):
                    pass
        if socket is not None:
            self._loop.call_soon(self._read, channel)

    def _take_one(self, channel: str, socket: zmq.Socket[bytes]) -> bool:
        """False when nothing is there."""
        try:
            frames = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return False
        try:
            self._take(channel, frames)
        except Exception:
            log.exception("a message of %s can't be taken", channel)
        return True

    def _wait_for_room(self, channel: str, socket: zmq.Socket[bytes]) -> None:
        """Its events are not looked at meanwhile: nobody would take what they tell of."""

        async def wait() -> None:
            await self._room()
            self._waiting.discard(channel)
            self._begin(channel)

        if channel not in self._waiting:
            self._waiting.add(channel)
            self._watch.remove_handler(socket)
            self._tasks.start(wait())
