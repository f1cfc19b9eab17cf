"""Trying again what may pass: one policy for every call that is safe to repeat."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Container, Iterator
from typing import Final, TypeVar

from ..common.errors import PoolError, PoolFull, PoolUnavailable, PoolUnreachable

T = TypeVar("T")

FIRST_DELAY_S: Final = 0.1
MAX_DELAY_S: Final = 5.0
#: A pool that refuses a cell as full has ended its session; so long it may be a mistake.
FULL_S: Final = 2.0
#: A local pool that has ended takes its sessions with it, so it is not waited for as others are.
GONE_S: Final = 5.0

#: What may pass by itself: no free session yet, a container that is starting, a broken network.
PASSING: Final = (PoolFull, PoolUnavailable, PoolUnreachable)


def delays(first_s: float = FIRST_DELAY_S, longest_s: float = MAX_DELAY_S) -> Iterator[float]:
    """0.1 s doubling to 5 s, each shortened by up to a half: clients must not march in step."""
    delay = first_s
    while True:
        yield jittered(delay)
        delay = min(delay * 2, longest_s)


def jittered(delay_s: float) -> float:
    """Shortened by up to a half."""
    return delay_s * (0.5 + random.random() / 2)  # noqa: S311


def patience_s(error: Exception, whole_s: float) -> float:
    """How long such failures may go on, where others may for ``whole_s``."""
    return min(whole_s, GONE_S) if getattr(error, "gone", False) else whole_s


async def retry(
    call: Callable[[], Awaitable[T]],
    budget_s: float,
    *,
    unreachable_s: float | None = None,
    full_s: float | None = None,
    least: int = 1,
    also: Container[int] = (),
) -> T:
    """Call until it succeeds, fails with what does not pass, or ``budget_s`` seconds are over.

    :param unreachable_s: a shorter budget for a pool that can't be reached at all.
    :param full_s: likewise for one that is full, where the caller waits for a place itself.
    :param least: so many attempts are made however long they take.
    :param also: statuses that may pass as well.
    :raises PoolError: the last failure. ``sent`` stays True once any attempt may have arrived.
    """
    begun = time.monotonic()
    sent = False
    for attempt, delay in enumerate(delays(), 1):
        try:
            return await call()
        except PoolError as error:
            if not isinstance(error, PASSING) and error.status not in also:
                raise
            sent = sent or getattr(error, "sent", False)
            wait = max(delay, error.retry_after_s or 0.0)
            shorter = {PoolUnreachable: unreachable_s, PoolFull: full_s}.get(type(error))
            limit = patience_s(error, budget_s if shorter is None else shorter)
            if attempt >= least and time.monotonic() - begun + wait > limit:
                if isinstance(error, PoolUnreachable):
                    error.sent = sent
                raise
            await asyncio.sleep(wait)
    raise AssertionError("unreachable")
