"""Comm messages on their way to the session: in their order, and ahead of later requests.

Each request is an HTTP exchange of its own, and a later one can overtake. A cell that a student
runs after moving a slider must see the slider where it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from .requests import Request

log = logging.getLogger(__name__)

Send = Callable[[list[Request]], Awaitable[None]]


class CommQueue:
    """:param send: sends some at once; returns when that is done or failed."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: list[Request] = []
        self._taken = self._done = 0
        self._changed = asyncio.Condition()
        self._came = asyncio.Event()

    def put(self, request: Request) -> None:
        self._waiting.append(request)
        self._taken += 1
        self._came.set()

    @property
    def taken(self) -> int:
        """How many have come so far: what ``done`` takes."""
        return self._taken

    async def done(self, count: int) -> None:
        """Until the first ``count`` of them have been sent, or could not be."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._done >= count)

    async def run(self) -> None:
        """For ever: as many at once as have come meanwhile."""
        while True:
            await self._came.wait()
            self._came.clear()
            batch, self._waiting = self._waiting, []
            try:
                await self._send(batch)
            except Exception:
                log.exception("comm messages were not sent")
            finally:
                async with self._changed:
                    self._done += len(batch)
                    self._changed.notify_all()
