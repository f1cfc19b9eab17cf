"""Waiting for a place in a full pool: who waits, how long, and what they are told meanwhile.

One task opens the session, whoever asks for it (``session.py``). While the pool is full it tries
again for as long as somebody waits; each of those has a limit of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from ..common.duration import duration
from ..common.errors import PoolError, PoolFull, SessionKernelError
from ..common.within import known, within
from ..pool.failures import full_by_404
from ..pool.local_record import RecordToken
from ..pool.retry import delays
from .opening import Opening
from .settings import OPEN_TIMEOUT

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Nobody has asked for the session yet: so long it is tried all the same, ahead of the first cell.
UNASKED_S: Final = 60.0
#: Between two tries, at first and at most; each is shortened by chance (``pool/retry.py``).
FIRST_S: Final = 0.5
LONGEST_S: Final = 5.0
#: A pool may wish for a longer pause, but not for one like this.
LONGEST_WISH_S: Final = 30.0
#: Who waits is told so often. Nobody is told of less than that.
TELL_S: Final = 1.0
#: A try that is under way when the time is up is waited for, and looked at so often.
_LAST_TRY_S: Final = 0.1
#: How many sessions are in use is asked so often, and the answer awaited so long.
COUNT_EVERY_S: Final = 15.0
COUNT_WITHIN_S: Final = 3.0


@dataclass(frozen=True)
class Occupancy:
    """:ivar in_use: sessions of the pool, whoever uses them; None where it does not tell.
    :ivar maximum: what it can have; None where that is not known.
    """

    in_use: int | None = None
    maximum: int | None = None

    def __str__(self) -> str:
        if self.in_use is None:
            return "all are in use, or none is ready yet"
        of = f" of {self.maximum}" if self.maximum else ""
        others = ", the others are just starting or ending" if self.is_moving else ""
        return f"{self.in_use}{of} {'is' if self.in_use == 1 else 'are'} in use{others}"

    @property
    def is_moving(self) -> bool:
        """A pool that is full, and has fewer sessions than it may: so it can't be for long."""
        return self.in_use is not None and self.in_use < (self.maximum or 0)


@dataclass(frozen=True)
class Wait:
    """One request's. :ivar since: seconds since 1970."""

    since: float
    waited_s: float
    limit_s: float
    occupancy: Occupancy


@dataclass(frozen=True)
class Waiter:
    """Who waits with a request.

    :ivar limit_s: how long, in seconds.
    :ivar show: called about once a second meanwhile. :ivar hide: once it is over, however it ends.
    """

    limit_s: Callable[[Opening], float]
    show: Callable[[Wait], None] = lambda wait: None
    hide: Callable[[], None] = lambda: None


#: A completion, say: what it would be worth later nobody knows, and cells queue behind it.
NOBODY: Final = Waiter(lambda opening: 0.0)
#: Of the request that a task works on.
WAITER: ContextVar[Waiter] = ContextVar("waiter", default=NOBODY)


class FullPool:
    """Between the task that opens the session, and the requests that wait for it."""

    def __init__(self) -> None:
        self.is_full = asyncio.Event()
        self._refusal = PoolFull("The session pool has no free session.")
        self._seats: set[object] = set()
        #: One more waits, for whom it is tried at once.
        self._asked = asyncio.Event()
        self._trying = False
        self._given_up = False
        self._occupancy, self._counted_at = Occupancy(), 0.0

    # -- the task that opens ----------------------------------------------------------------------

    async def let_in(self, opening: Opening, start: Callable[[], Awaitable[T]]) -> T:
        """What ``start`` returns, called again while the pool is full and somebody waits.

        :raises PoolError: as ``start``.
        """
        begun, told = time.monotonic(), False
        try:
            for delay_s in delays(FIRST_S, LONGEST_S):
                self._trying = True
                try:
                    return await start()
                except PoolError as error:
                    refusal = await _as_full(error, opening)
                finally:
                    self._trying = False
                if self._given_up or (not self._seats and time.monotonic() - begun > UNASKED_S):
                    raise refusal
                self._refusal = refusal
                await self._count(opening)
                if self.is_full.is_set() and not told:  # once more, so it does not pass at once
                    told = True
                    self._log(opening)
                self.is_full.set()
                pause_s = max(delay_s, min(refusal.retry_after_s or 0, LONGEST_WISH_S))
                with contextlib.suppress(asyncio.TimeoutError):
                    await within(self._asked.wait(), pause_s)
                self._asked.clear()
                if self._given_up:
                    raise refusal
            raise AssertionError("unreachable")
        finally:
            self.is_full.clear()
            self._counted_at = 0.0

    def give_up(self) -> None:
        """Nobody wants a place any more: the try that is under way is the last."""
        self._given_up = True
        self._asked.set()

    def _log(self, opening: Opening) -> None:
        limit_s = opening.settings.open_timeout_of(person=opening.scope.kind == "notebook")
        log.warning(
            "the pool has no free session: %s. Waiting for one; a cell waits up to %g s (%s)",
            self._occupancy,
            limit_s,
            OPEN_TIMEOUT,
        )

    async def _count(self, opening: Opening) -> None:
        lately = self._counted_at and time.monotonic() - self._counted_at < COUNT_EVERY_S
        if lately and not self._occupancy.is_moving:
            return
        self._counted_at = time.monotonic()
        record = opening.tokens.record if isinstance(opening.tokens, RecordToken) else None
        sessions = await known(opening.client.list_sessions(), COUNT_WITHIN_S)
        in_use = len(sessions) if sessions is not None else None
        self._occupancy = Occupancy(in_use, (record and record.max_sessions) or None)

    # -- the requests -----------------------------------------------------------------------------

    async def wait_for(self, task: asyncio.Task[T], opening: Callable[[], Opening | None]) -> T:
        """What the ``task`` that opens returns; cancelling does not stop it.

        :param opening: None as long as there is none: then no pool has been asked yet.
        :raises PoolFull: the request's time is up.
        """
        waiter, begun, since = WAITER.get(), time.monotonic(), time.time()
        seat = object()
        self._seats.add(seat)
        try:
            await _either(task, self.is_full)
            known = opening()
            limit_s = waiter.limit_s(known) if known is not None else 0.0
            if limit_s:
                self._asked.set()
            while not task.done():
                left_s = begun + limit_s - time.monotonic()
                if left_s <= 0 and not self._trying:
                    raise self._too_long(since, limit_s)
                if limit_s - left_s >= TELL_S:
                    waiter.show(Wait(since, limit_s - left_s, limit_s, self._occupancy))
                await asyncio.wait({task}, timeout=min(TELL_S, max(left_s, _LAST_TRY_S)))
        finally:
            self._seats.discard(seat)
            waiter.hide()
        return await task

    def _too_long(self, since: float, limit_s: float) -> PoolFull:
        if not limit_s:
            return self._refusal
        error = copy.copy(self._refusal)
        error.what = (
            f"{error.what.rstrip('.')}: {self._occupancy}. This cell waited for one since "
            f"{clock(since)}, for {duration(limit_s)}. It has not run."
        )
        error.fix = f"{error.fix}\nTo wait longer, set {OPEN_TIMEOUT} to more seconds."
        return error


def clock(moment_s: float) -> str:
    """Of this machine. :param moment_s: seconds since 1970."""
    return time.strftime("%H:%M:%S", time.localtime(moment_s))


async def _either(task: asyncio.Task[T], event: asyncio.Event) -> None:
    if task.done() or event.is_set():
        return
    happened = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, happened}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happened.cancel()


async def _as_full(error: PoolError, opening: Opening) -> PoolFull:
    """:raises PoolError: ``error``, which does not mean a full pool.

    A 404 without a body is what Microsoft documents (docs/azure.md 4.1), and what a program in a
    container may say: then there is a session, which the pool knows.
    """
    if isinstance(error, PoolFull):
        return error
    if error.status != 404 or error.body.strip():
        raise error
    try:
        session = await within(opening.client.get_session(), COUNT_WITHIN_S)
    except (SessionKernelError, asyncio.TimeoutError):
        raise error from None
    if session is not None:
        raise error
    return full_by_404(opening.endpoint)
