"""The interpreter's ZeroMQ sockets on the adapter's event loop.

They are read where something has come, without the futures that ``zmq.asyncio`` makes of each
message: these took a fifth of the adapter's time for a small cell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
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
#: How long a reply waits for its idle, and an idle for its reply; one of them may never come.
_FOR_EACH_OTHER_S: Final = 0.5


class Channels:
    """Made, used and closed on one event loop.

    :param sockets: by channel. ZeroMQ queues without limit what is sent on them (SNDHWM 0).
    :param take: gets a channel and a message's frames.
    :param is_full: no output and no question can be taken; then the interpreter keeps what waits. A
        reply that waits there is dropped at its 1000.
    :param room: returns when one can be.
    :param comes_early: gets a channel and a message's frames: it is a reply or an idle, and the
        other one of its request has not been taken.
    """

    def __init__(
        self,
        sockets: dict[str, zmq.Socket[bytes]],
        take: Callable[[str, list[bytes]], None],
        is_full: Callable[[], bool],
        room: Callable[[], Awaitable[None]],
        comes_early: Callable[[str, list[bytes]], bool],
    ) -> None:
        self._sockets = sockets
        self._take, self._is_full, self._room = take, is_full, room
        self._comes_early = comes_early
        self._loop = asyncio.get_running_loop()
        self._watch = IOLoop.current()  # asyncio's watches no sockets on Windows
        self._tasks = OwnedTasks(log)
        self._waiting: set[str] = set()
        #: Received, and not taken; and what takes them in the end.
        self._replies: deque[list[bytes]] = deque()
        self._idle: list[bytes] | None = None
        self._limit: asyncio.TimerHandle | None = None
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
        self._take_what_waits()
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
        """Everything that is there: the next event comes only for what comes after that.

        A reply comes by another way than IOPub, and from another thread. It belongs behind what was
        put out before it, and before its idle.
        """
        until = time.monotonic() + _TURN_S
        while (frames := self._received(channel)) is not None:
            if channel == "shell":
                self._replies.append(frames)
            elif channel == "iopub" and self._is_before_its_reply(frames, until):
                self._idle = frames
            else:
                self._take_one(channel, frames)
            if time.monotonic() > until:
                self._loop.call_soon(self._read, channel)
                return
        if channel == "shell" and self._replies:
            self._read("iopub")
        elif channel == "iopub":
            self._settle()

    def _is_before_its_reply(self, frames: list[bytes], until: float) -> bool:
        """Also once all replies that are there have been taken."""
        if not self._comes_early("iopub", frames):
            return False
        while time.monotonic() < until and (reply := self._received("shell")) is not None:
            self._replies.append(reply)
        self._take_replies()
        return self._comes_early("iopub", frames)

    def _settle(self) -> None:
        """Take what need not wait any longer."""
        ends_waiting = self._idle is not None or "iopub" in self._waiting
        if ends_waiting or not any(self._comes_early("shell", one) for one in self._replies):
            self._take_replies()
        if self._idle is not None and not self._comes_early("iopub", self._idle):
            self._take_idle()
        if self.holds and self._limit is None:
            self._limit = self._loop.call_later(_FOR_EACH_OTHER_S, self._take_what_waits)
        elif not self.holds and self._limit is not None:
            self._limit.cancel()
            self._limit = None

    @property
    def holds(self) -> bool:
        """Something has been received, and not taken."""
        return bool(self._replies) or self._idle is not None

    def _take_what_waits(self) -> None:
        self._limit = None
        self._take_replies()
        self._take_idle()

    def _take_replies(self) -> None:
        while self._replies:
            self._take_one("shell", self._replies.popleft())

    def _take_idle(self) -> None:
        if (frames := self._idle) is not None:
            self._idle = None
            self._take_one("iopub", frames)
            self._loop.call_soon(self._read, "iopub")

    def _received(self, channel: str) -> list[bytes] | None:
        """A message's frames; None when there is none, or no room for one.

        ``recv_multipart`` asks for an option between two frames, which takes as long as these.
        """
        socket = self._sockets.get(channel)
        if socket is None or (channel == "iopub" and self._idle is not None):
            return None
        if channel in _CAN_WAIT and self._has_no_room(channel, socket):
            return None
        frames, more = [], True
        try:
            while more:
                frame = socket.recv(zmq.NOBLOCK, copy=False)
                frames.append(frame.bytes)
                more = frame.more
        except zmq.Again:
            return None
        return frames

    def _take_one(self, channel: str, frames: list[bytes]) -> None:
        try:
            self._take(channel, frames)
        except Exception:
            log.exception("a message of %s can't be taken", channel)

    def _has_no_room(self, channel: str, socket: zmq.Socket[bytes]) -> bool:
        """Until there is some, nobody would take what its events tell of."""

        async def wait() -> None:
            await self._room()
            self._waiting.discard(channel)
            self._begin(channel)

        if channel not in self._waiting and self._is_full():
            self._waiting.add(channel)
            self._watch.remove_handler(socket)
            self._tasks.start(wait())
        return channel in self._waiting
