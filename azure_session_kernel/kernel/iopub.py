"""The kernel's sockets. IOPub's drops nothing, and tells how much front ends have not taken yet.

ZeroMQ keeps for each front end what that has not read. Without a limit nothing is lost
(docs/design.md rule 4), but a front end that has stopped reading would let this process grow for
ever; so the session's log is not read on meanwhile, and keeps it instead.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, Final

import zmq
from zmq.eventloop.zmqstream import ZMQStream

log = logging.getLogger(__name__)

#: So much may wait for a front end.
LIMIT_BYTES: Final = 64 * 1024 * 1024
#: One that takes nothing for so long holds up the others no more, until so much waits for it.
PATIENCE_S: Final = 60.0
MOST_BYTES: Final = 1024 * 1024 * 1024
#: Whether a message has left this process is asked of one in so many bytes.
_MARK_BYTES: Final = 1024 * 1024
_LOOK_S: Final = 0.02
#: As numbers: what enumerations make of them for each frame takes as long as the rest.
_MORE: Final = int(zmq.SNDMORE)
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
_RCVMORE, _NOBLOCK = int(zmq.RCVMORE), int(zmq.NOBLOCK)
#: Requests that are taken before anything else has its turn.
_MOST_REQUESTS: Final = 100
#: What its subclasses add in Python takes longer than sending a frame does.
_Socket: Final = zmq.backend.Socket


def send_now(stream: ZMQStream, frames: list[Any], *, copy: bool) -> None:
    """What a stream would do in a few turns of the event loop.

    A socket of a kernel never makes its sender wait. Using it can take the event that would wake
    its stream, so that is looked for here.
    """
    if stream.closed():
        return
    if stream.sending():  # what ipykernel itself answers is before it
        stream.send_multipart(frames, copy=copy)
        return
    frames = stream.marked(frames) if isinstance(stream, IOPubStream) else frames
    socket, last = stream.socket, len(frames) - 1
    try:
        for n, frame in enumerate(frames):
            _Socket.send(socket, frame, _MORE if n < last else 0, copy)
        missed = int(_Socket.get(socket, _EVENTS)) & _POLLIN
    except zmq.ZMQError as error:
        log.error("a message was not sent: %s", error)
        missed = _POLLIN
    if missed:
        stream._update_handler(zmq.POLLIN)  # type: ignore[no-untyped-call]


class RequestStream(ZMQStream):
    """Takes in one turn of the event loop what has come: a stream takes a turn or two for each."""

    def _handle_events(self, fd: Any, events: int) -> None:
        if self.closed() or self.sending() or not self.receiving():
            super()._handle_events(fd, events)  # type: ignore[no-untyped-call]
            return
        more = True
        try:
            for _ in range(_MOST_REQUESTS):
                take = self._recv_callback
                if take is None or (frames := self._came()) is None:
                    more = False
                    break
                self._run_callback(take, frames)
        except zmq.ZMQError as error:
            log.error("a message was not received: %s", error)
        finally:
            if more:
                self._update_handler(zmq.POLLIN)  # type: ignore[no-untyped-call]

    def _came(self) -> list[bytes] | None:
        """The frames of a message, if there is one."""
        socket = self.socket
        try:
            frames = [_Socket.recv(socket, _NOBLOCK)]
        except zmq.Again:
            return None
        while _Socket.get(socket, _RCVMORE):
            frames.append(_Socket.recv(socket))
        return frames


class IOPubStream(ZMQStream):
    """``drained`` waits for the slowest front end."""

    def __init__(self, socket: zmq.Socket[Any]) -> None:
        super().__init__(socket)
        self._subscriptions: Counter[bytes] = Counter()
        self._unmarked = 0
        #: Of each marked message: whether ZeroMQ still holds it, and the bytes since the last one.
        self._marks: deque[tuple[zmq.MessageTracker, int]] = deque()

    def subscribed(self, frames: Sequence[bytes]) -> bytes | None:
        """Take note of what a front end says; the topic, when nobody had subscribed to it."""
        joins, topic = frames[0][:1] == b"\x01", frames[0][1:]
        self._subscriptions[topic] += 1 if joins else -1
        return topic if joins and self._subscriptions[topic] == 1 else None

    def marked(self, msg: list[Any]) -> list[Any]:
        """The same frames; of some messages it is known later whether they have left."""
        sizes = [memoryview(part).nbytes for part in msg]
        self._unmarked += sum(sizes)
        if self._unmarked >= _MARK_BYTES:
            msg = list(msg)
            largest = sizes.index(max(sizes))
            frame = zmq.Frame(msg[largest], track=True, copy=False, copy_threshold=0)
            assert frame.tracker is not None  # noqa: S101
            self._marks.append((frame.tracker, self._unmarked))
            msg[largest], self._unmarked = frame, 0
        return msg

    def send_multipart(self, msg: Sequence[Any], *args: Any, **options: Any) -> None:
        super().send_multipart(self.marked(list(msg)), *args, **options)

    @property
    def waiting_bytes(self) -> int:
        """What the slowest front end has not taken, to the nearest MiB."""
        while self._marks and self._marks[0][0].done:
            self._marks.popleft()
        return sum(size for _, size in self._marks)

    async def drained(self) -> None:
        """Until there is room for more."""
        least, taken_at, told = self.waiting_bytes, time.monotonic(), False
        while (waiting := self.waiting_bytes) > LIMIT_BYTES:
            if waiting < least:
                least, taken_at = waiting, time.monotonic()
            if time.monotonic() - taken_at > PATIENCE_S:
                if not told:
                    log.warning("a front end has read nothing for %.0f s", PATIENCE_S)
                    told = True
                if self._subscriptions.total() > 1 and waiting < MOST_BYTES:
                    return
            await asyncio.sleep(_LOOK_S)
