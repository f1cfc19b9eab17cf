"""Waits that end: each has a limit, and asks again as often as Azure says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from ..common.errors import SetupTookTooLong

T = TypeVar("T")
#: Where an answer does not say when to ask again.
EVERY_S: Final = 5.0
_LONGEST_S: Final = 60.0
#: The longest that is reported of making a pool is 20 minutes (docs/azure.md 3.2).
MAKING_S: Final = 2400.0
#: A role is effective after some minutes; Microsoft says up to ten.
ROLE_S: Final = 900.0


class Clock(Protocol):
    """Seconds that pass. Tests have one whose seconds pass at once."""

    def now_s(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class RealClock:
    def now_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def until(
    clock: Clock,
    look: Callable[[], Awaitable[T | None]],
    what: str,
    limit_s: float,
    every_s: Callable[[], float] = lambda: EVERY_S,
) -> T:
    """What ``look`` finds, once that is not None.

    :param what: the subject of the error's sentence, such as ``The pool``.
    :param every_s: how long to wait before the next look.
    :raises SetupTookTooLong:
    """
    ends_s = clock.now_s() + limit_s
    while True:
        found = await look()
        if found is not None:
            return found
        if clock.now_s() >= ends_s:
            raise SetupTookTooLong(
                f"{what} is not ready after {limit_s / 60:.0f} minutes.",
                cause="Azure is still at work, or is stuck.",
                fix="Run the same command again: it goes on waiting where this one stopped.",
            )
        await clock.sleep(min(max(every_s(), 0.0), _LONGEST_S))
