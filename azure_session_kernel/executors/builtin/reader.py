"""Reads one boot's log from its numbered files and hands each line on, once, in order.

A file that is not there yet is asked for again: soon while something runs, slowly for a while after
that (a thread may print late), and then not at all, so that the pool's cooldown can end an
abandoned session.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from ...common.errors import CredentialError, PoolError, SessionKernelError, UnexpectedAnswer
from ...interpreter.log import LONGEST_WINDOW_S, WINDOW_S
from ...pool.retry import delays, jittered, patience_s
from ...wire import (
    Gap,
    LineSplitter,
    LineTooLong,
    LogLine,
    LogMessage,
    Message,
    Oversized,
    WireError,
    receivable,
)
from ..log_reader import Hole, decoded, lost, without_line

log = logging.getLogger(__name__)

#: Between two looks: while something runs, and for output that comes late.
FIRST_S: Final = 0.03
RUNNING_S: Final = 0.5
LATE_FIRST_S: Final = 0.1
LATE_S: Final = 2.0
#: How long after the last request or output late output is looked for.
LATE_FOR_S: Final = 60.0
_SLOWER: Final = 1.5
#: A file that must be there may be seen so much later, and so many round trips more.
VISIBLE_S: Final = 5.0
#: On a shorter way one file after the other, with a pause between them, is soon enough.
_NEAR_S: Final = 0.015
#: So many files are fetched at once, where a round trip takes longer than the next file.
AHEAD: Final = 8
_ROUND_TRIPS: Final = 4


@dataclass
class Position:
    """How far a log has been read.

    :ivar chunk: the last file. :ivar n: the last line. :ivar splitter: with the line that the last
        file has begun. :ivar waiting: lines of that file that have not been handed on, or what
        stands for them.
    """

    chunk: int
    n: int
    splitter: LineSplitter = field(default_factory=LineSplitter)
    waiting: deque[bytes | Oversized] = field(default_factory=deque)


class Takes(Protocol):
    """Who gets the lines."""

    def on_line(self, message: Message) -> None: ...

    def on_gap(self, gap: Gap | Oversized) -> None: ...

    async def drained(self) -> None:
        """See ``ExecutorEvents.drained``."""

    def on_unreadable(self, error: SessionKernelError) -> None:
        """Nothing more can be read."""


class MailboxReader:
    """:param fetch: the content of file number n, or None.
    :param is_there: whether the boot's own files still are.
    :param running: whether requests are under way.
    :param connected: whether the execution that carries them has a connection. A pool that then
        lets no file be read does one thing after the other; it is not out of reach.
    :ivar bytes_read: in all.
    """

    def __init__(
        self,
        fetch: Callable[[int], Awaitable[bytes | None]],
        takes: Takes,
        *,
        is_there: Callable[[], Awaitable[bool]],
        running: Callable[[], bool],
        connected: Callable[[], bool],
        position: Position,
        outage_s: float,
    ) -> None:
        self._fetch, self._takes, self._running = fetch, takes, running
        self._is_there, self._connected = is_there, connected
        self.position, self._outage_s = position, outage_s
        self.bytes_read = 0
        self._expected, self._window_s = 0, WINDOW_S
        self._trips_s: deque[float] = deque(maxlen=8)
        self._wake, self._wake_count = asyncio.Event(), 0
        self._closed = False
        self._active_at = time.monotonic()
        self._delay_s = FIRST_S
        self._task = asyncio.create_task(self._run())

    @property
    def chunk(self) -> int:
        return self.position.chunk

    @property
    def trip_s(self) -> float:
        """What one round trip takes."""
        return min(self._trips_s, default=0.0)

    def window_s(self) -> float:
        """How long the session's lines are to gather: there is no use in more than one file for
        each round trip.
        """
        self._window_s = max(WINDOW_S, min(self.trip_s, LONGEST_WINDOW_S))
        return self._window_s

    def kick(self) -> None:
        """A request is on its way: look soon, and often."""
        self._active_at, self._delay_s = time.monotonic(), FIRST_S
        self._wake_count += 1
        self._wake.set()

    def expect(self, chunk: int) -> None:
        """The session has said that it has written so many files."""
        self._expected = max(self._expected, chunk)
        self.kick()

    async def read_up_to(self, n: int) -> None:
        """Until line ``n`` has been handed on, or nothing more will be."""
        while self.position.n < n and not self._task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def drain(self) -> None:
        """Read what is still there, after the interpreter's end."""
        await self.aclose()
        with contextlib.suppress(PoolError, CredentialError, WireError):
            while (data := await self._fetch(self.chunk + 1)) is not None:
                await self._take(data)

    async def aclose(self) -> None:
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # -- the loop ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._take_waiting()
            while not self._closed:
                await self._pause()
                await self._read_what_is_there()
        except SessionKernelError as error:
            self._takes.on_unreadable(error)
        except WireError as error:
            self._takes.on_unreadable(_unreadable(error))
        except Exception as error:
            log.exception("reading the mailbox failed")
            text = f"Reading from the session failed ({type(error).__name__})."
            self._takes.on_unreadable(UnexpectedAnswer(text))

    async def _pause(self) -> None:
        """Until it is time to look again."""
        if self.chunk < self._expected:
            return
        if self._running():
            limit_s: float | None = jittered(min(self._delay_s, RUNNING_S))
        elif time.monotonic() - self._active_at < LATE_FOR_S:
            limit_s = jittered(min(max(self._delay_s, LATE_FIRST_S), LATE_S))
        else:
            limit_s = None
        self._delay_s *= _SLOWER
        if await self._woken(limit_s) and self.chunk >= self._expected:
            await self._woken(FIRST_S)  # by a request that has just been sent

    async def _woken(self, limit_s: float | None) -> bool:
        """Not with ``wait_for``, which before Python 3.12 may swallow a cancellation."""
        woken = self._wake_count
        alarm = None
        if limit_s is not None:
            alarm = asyncio.get_running_loop().call_later(limit_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if alarm is not None:
                alarm.cancel()
            self._wake.clear()
        return self._wake_count != woken

    async def _read_what_is_there(self) -> None:
        hits = 0
        while not self._closed:
            found = await self._fetch_some(hits)
            if not found and self.chunk < self._expected:
                found = await self._seen_late()
            if not found:
                return
            hits += 1
            for data in found:
                await self._take(data)
            self._active_at, self._delay_s = time.monotonic(), FIRST_S
            await asyncio.sleep(0)  # a flood of output must not keep the loop from all else
            await self._takes.drained()
            if len(found[-1]) < 1024 and self.chunk >= self._expected and self.trip_s < _NEAR_S:
                return  # so little was written just now: there is no more

    async def _fetch_some(self, hits: int) -> list[bytes]:
        """The next files, as many as are there of those that may be.

        :param hits: so many times in a row there was one: each round trip may bring more.
        """
        written = 1 + math.ceil(self.trip_s / self._window_s) if hits > 1 else 0
        count = max(1, min(AHEAD, max(self._expected - self.chunk, written)))
        if count == 1:
            data = await self._fetched(self.chunk + 1)
            return [] if data is None else [data]
        numbers = range(self.chunk + 1, self.chunk + 1 + count)
        tasks = [asyncio.create_task(self._fetched(number)) for number in numbers]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        there = itertools.takewhile(lambda data: data is not None, found)
        return [data for data in there if data is not None]

    async def _seen_late(self) -> list[bytes]:
        """The next file, of which the session has said that it has been written.

        :raises SessionLost: its session is gone. :raises WireError: the file is.
        """
        began, waits = time.monotonic(), delays(FIRST_S, RUNNING_S)
        while time.monotonic() - began < VISIBLE_S + _ROUND_TRIPS * self.trip_s:
            await asyncio.sleep(next(waits))
            data = await self._fetched(self.chunk + 1)
            if data is not None:
                return [data]
        if not await self._is_there():
            raise lost()
        raise WireError(f"file {self.chunk + 1} is not there")

    async def _fetched(self, number: int) -> bytes | None:
        """A failure may pass; the log is kept meanwhile."""
        broken_at: float | None = None
        for delay in delays():
            try:
                asked_at = time.monotonic()
                data = await self._fetch(number)
            except (PoolError, CredentialError) as error:
                now = time.monotonic()
                if broken_at is None or self._connected():
                    broken_at = now
                if now - broken_at > patience_s(error, self._outage_s):
                    raise
                log.info("the log can't be read (%s); trying again", type(error).__name__)
                await self._woken(delay)
            else:
                self._trips_s.append(time.monotonic() - asked_at)
                return data or None  # an empty one is none: each file has something to say
        raise AssertionError("unreachable")

    async def _take(self, data: bytes) -> None:
        """Cancelling it loses nothing: who reads on from this position takes what waits."""
        self.position.chunk += 1
        self.bytes_read += len(data)
        waiting = self.position.waiting
        while True:
            try:
                waiting.extend(self.position.splitter.feed(data))
                break
            except LineTooLong as error:
                try:
                    waiting.append(without_line(error, self.position.n + len(waiting) + 1))
                except LineTooLong:
                    await self._take_waiting()  # what came before it
                    raise
                data = b""  # what follows that line in the same file is still to come
        await self._take_waiting()

    async def _take_waiting(self) -> None:
        waiting = self.position.waiting
        while waiting:
            first = waiting[0]
            line = await decoded(first) if isinstance(first, bytes) else first
            waiting.popleft()
            self._take_line(line)

    def _take_line(self, line: LogLine) -> None:
        if not isinstance(line, LogMessage | Gap | Oversized):
            raise WireError("a line that no mailbox writes")
        if line.n != self.position.n + 1:
            raise Hole(f"number {line.n} after {self.position.n}")
        self.position.n = line.n
        if isinstance(line, Gap | Oversized):
            self._takes.on_gap(line)
        elif receivable(line.message):
            self._takes.on_line(line.message)
        else:
            log.warning("dropped a message of type %.40r", line.message.msg_type)


def _unreadable(error: WireError) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The session's log of messages can't be read ({error}).",
        cause="Code in the session has changed files below .ask in its data folder, or a proxy "
        "changes answers.",
        fix="Restart the kernel (Kernel > Restart Kernel).",
    )
