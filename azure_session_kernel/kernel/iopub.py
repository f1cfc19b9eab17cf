"""The IOPub socket: it drops nothing, and tells how much of it front ends have not taken yet.

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
#: As a number: what enumerations make of it for each frame takes as long as the rest.
_MORE: Final = int(zmq.SNDMORE)


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
    try:
        *first, last = frames
        for frame in first:
            stream.socket.send(frame, _MORE, copy=copy)
        stream.socket.send(last, copy=copy)
    except zmq.ZMQError as error:
        log.error("a message was not sent: %s", error)
    stream._update_handler(zmq.POLLIN)  # type: ignore[no-untyped-call]


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
