"""Comm messages on their way to the session: behind earlier requests, and ahead of later ones.

Each request is an HTTP exchange of its own, and a later one can overtake. A cell that a student
runs after moving a slider must see the slider where it is, and one before that where it was. What
runs lets them pass or not, as in ipykernel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import takewhile

from .requests import Request

log = logging.getLogger(__name__)

Send = Callable[[list[Request]], Awaitable[None]]


class CommQueue:
    """:param send: sends some at once; returns when that is done or failed.

    :ivar last: the newest.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: list[Request] = []
        self._taken = self._done = 0
        self.last: Request | None = None
        self._changed = asyncio.Condition()
        self._came = asyncio.Event()

    def put(self, request: Request, behind: Request | None = None) -> None:
        """:param behind: the request that has to be in the session, or over, before it."""
        request.behind, self.last = behind, request
        self._waiting.append(request)
        self._taken += 1
        self._came.set()

    @property
    def taken(self) -> int:
        """How many have come so far: what ``done`` takes."""
        return self._taken

    @property
    def sent(self) -> int:
        """How many have been sent, or could not be."""
        return self._done

    async def done(self, count: int) -> None:
        """Until the first ``count`` of them have been sent, or could not be."""
        if self._done < count:
            async with self._changed:
                await self._changed.wait_for(lambda: self._done >= count)

    async def run(self) -> None:
        """For ever: as many at once as have come meanwhile."""
        while True:
            await self._came.wait()
            await self._waiting[0].is_free()
            batch = list(takewhile(lambda one: one.has_free_way, self._waiting))
            del self._waiting[: len(batch)]
            if not self._waiting:
                self._came.clear()
            try:
                await self._send(batch)
            except Exception:
                log.exception("comm messages were not sent")
            finally:
                async with self._changed:
                    self._done += len(batch)
                    self._changed.notify_all()
