"""Many notebooks, as the pool has places: who is next, what is tried again, and when it is over."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..common.duration import duration
from ..pool.retry import jittered
from .opening import NotOpened
from .places import Places
from .plan import Task
from .record import Record

#: So often a session is asked for, where something else than a full pool is in the way.
ATTEMPTS: Final = 3
FIRST_PAUSE_S: Final = 1.0
#: So many notebooks in a row that get no session, and the others aren't tried.
IN_A_ROW: Final = 3


class Runner(Protocol):
    async def __call__(self, task: Task, opened: Callable[[], None]) -> Record:
        """Runs it. Cancelled, it still returns what became of it.

        :param opened: called when it has its session.
        :raises NotOpened: nothing of it has run.
        :raises OSError: its result could not be written.
        """


@dataclass
class _Try:
    """One notebook on its way. :ivar at: not before; by the event loop's clock."""

    task: Task
    failures: int = 0
    at: float = 0.0


class RunQueue:
    """:param tell: called with each record, when it is final or the notebook is given up.

    :param open_timeout_s: how long a pool may refuse everything.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        run: Runner,
        places: Places,
        open_timeout_s: float,
        tell: Callable[[Record], None],
    ) -> None:
        self._waiting = deque(_Try(task) for task in tasks)
        self._run, self._places, self._tell = run, places, tell
        self._open_timeout_s = open_timeout_s
        self._running: dict[asyncio.Task[Record], _Try] = {}
        self._wake = asyncio.Event()
        self._unopened = 0
        #: Why nothing more is started; "" while something is.
        self.early = ""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    # -- from outside -----------------------------------------------------------------------------

    def drain(self, why: str) -> None:
        """Start nothing more; what runs is finished."""
        self.early = self.early or why
        self._wake.set()

    def stop(self, why: str) -> None:
        """Likewise, and what runs is stopped."""
        self.drain(why)
        for running in self._running:
            running.cancel()

    async def run(self) -> None:
        """Returns when all is done, or given up: then each notebook has been told of."""
        while self._running or (self._waiting and not self.early):
            self._places.grow()
            self._start_some()
            await self._something()
            for done in [one for one in self._running if one.done()]:
                self._end(done, self._running.pop(done))
            if self._waiting and self._places.shut_s() > self._open_timeout_s:
                waited = duration(self._open_timeout_s)
                self.drain(f"the pool was full for {waited} (AZURE_SESSION_OPEN_TIMEOUT)")
        for left in self._waiting:
            self._tell(Record(left.task.name, "not run", left.task.sha256, reason=self.early))
        self._waiting.clear()

    # -- one turn ---------------------------------------------------------------------------------

    def _start_some(self) -> None:
        while not self.early and (one := self._next()) is not None and self._places.has_room():
            self._waiting.remove(one)
            self._places.take(one.task.name)
            self._running[asyncio.ensure_future(self._attempt(one))] = one

    def _next(self) -> _Try | None:
        now = time.monotonic()
        return next((one for one in self._waiting if one.at <= now), None)

    async def _attempt(self, one: _Try) -> Record:
        return await self._run(one.task, lambda: self._opened(one))

    def _opened(self, one: _Try) -> None:
        self._unopened = 0
        self._places.opened(one.task.name)
        self._wake.set()

    async def _something(self) -> None:
        """Until one has ended, or one more may begin."""
        self._wake.clear()
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait(
                {woken, *self._running},
                timeout=None if self.early else self._next_chance_s(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            woken.cancel()

    def _next_chance_s(self) -> float | None:
        if not self._waiting:
            return None
        ready_s = max(0.0, min(one.at for one in self._waiting) - time.monotonic())
        room_s = 0.0 if self._places.has_room() else self._places.room_in_s()
        return None if room_s is None else max(ready_s, room_s, 0.01)

    def _end(self, done: asyncio.Task[Record], one: _Try) -> None:
        if done.cancelled():  # before it had begun
            self._places.release(one.task.name)
            self._waiting.append(one)
            return
        try:
            record = done.result()
        except NotOpened as error:
            self._not_opened(one, error)
            return
        except OSError as error:
            why = f"results can't be written: {error.strerror}"
            record = Record(one.task.name, "cut off", one.task.sha256, reason=why)
            self.stop(why)
        self._places.release(one.task.name)
        self._tell(record)

    def _not_opened(self, one: _Try, error: NotOpened) -> None:
        if error.is_full:
            self._places.refused(one.task.name)
            self._waiting.appendleft(one)
            return
        self._places.release(one.task.name)
        one.failures += 1
        if error.may_pass and one.failures < ATTEMPTS and not self.early:
            one.at = time.monotonic() + jittered(FIRST_PAUSE_S * 2**one.failures)
            self._waiting.append(one)
            return
        reason = f"{error.ename}: {error}"
        self._tell(Record(one.task.name, "not run", one.task.sha256, reason=reason))
        self._unopened += error.may_pass
        if error.is_for_all or self._unopened >= IN_A_ROW:
            self.drain(f"no session can be had: {reason}")
