"""One request at a time for each shell, as in ipykernel; a subshell is a shell of its own.

Cells wait here and not in the session, so that what an error aborts (``stop_on_error``) does not
depend on the network: exactly the cells that had arrived by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .requests import Request

Handle = Callable[[Request], Awaitable[None]]
#: A channel, and the subshell that is asked.
Lane = tuple[str, str | None]


class Lanes:
    """Queues of requests. ``handle`` must not raise. A lane ends when nothing waits in it."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._queues: dict[Lane, asyncio.Queue[Request]] = {}
        self._tasks: dict[Lane, asyncio.Task[None]] = {}

    def put(self, request: Request) -> None:
        lane = _lane(request)
        if lane not in self._queues:
            self._queues[lane] = asyncio.Queue()
            self._tasks[lane] = asyncio.ensure_future(self._run(lane))
        self._queues[lane].put_nowait(request)

    async def _run(self, lane: Lane) -> None:
        queue = self._queues[lane]
        while not queue.empty():
            await self._handle(queue.get_nowait())
        del self._queues[lane], self._tasks[lane]

    def take_cells_behind(self, request: Request) -> list[Request]:
        """Remove the cells that wait behind ``request``; other requests keep their place."""
        queue = self._queues.get(_lane(request))
        if queue is None:
            return []
        waiting = [queue.get_nowait() for _ in range(queue.qsize())]
        for other in waiting:
            if not other.is_execute:
                queue.put_nowait(other)
        return [other for other in waiting if other.is_execute]


def _lane(request: Request) -> Lane:
    subshell = request.message.header.get("subshell_id")
    return request.channel, subshell if isinstance(subshell, str) else None
