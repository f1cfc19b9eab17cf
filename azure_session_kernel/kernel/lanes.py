"""One request at a time for each shell, as in ipykernel; a subshell is a shell of its own.

Cells wait here and not in the session, so that what an error aborts (``stop_on_error``) does not
depend on the network: exactly the cells that had arrived by then.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from ..common.errors import ExecutionUnknown, InternalError, Interrupted
from ..common.owned_tasks import OwnedTasks
from ..session.loss_errors import perhaps_begun
from .request_states import Event, State
from .requests import Request

log = logging.getLogger(__name__)

Handle = Callable[[Request], Coroutine[Any, Any, object]]
#: A channel, and the subshell that is asked.
Lane = tuple[str, str | None]
#: With one of these a cell ends that may have arrived in the session.
_PERHAPS_THERE = (ExecutionUnknown, Interrupted, InternalError)


class Lanes:
    """Queues of requests. A lane ends when nothing waits in it.

    :param handle: begins to answer a request when it is called, and has when it has been awaited;
        should either raise, the lane goes on with the next.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._queues: dict[Lane, deque[Request]] = {}
        self._tasks = OwnedTasks(log)

    def put(self, request: Request) -> None:
        lane = _lane(request)
        if lane in self._queues:
            self._queues[lane].append(request)
            return
        self._queues[lane] = deque((request,))
        self._tasks.start(self._run(lane, self._begun(request)))

    def _begun(self, request: Request) -> Coroutine[Any, Any, object]:
        try:
            return self._handle(request)
        except Exception as error:
            return _raise(error)

    async def _run(self, lane: Lane, first: Coroutine[Any, Any, object]) -> None:
        queue, handling = self._queues[lane], first
        while True:
            try:
                await handling
            except Exception:
                log.exception("a request was not answered")
            queue.popleft()
            if not queue:
                break
            handling = self._begun(queue[0])
        del self._queues[lane]

    def main(self) -> list[Request]:
        """The line of the main shell: the request whose turn it is, and those behind it."""
        return [one for one in self._queues.get(("shell", None), ()) if not one.over.is_set()]

    def abort_cells_behind(self, request: Request) -> None:
        """Mark the cells that wait behind ``request``. As in ipykernel, a cell that fails on the
        control channel aborts those of the shell channel.

        The session aborts those that were sent ahead, when it has ended the cell. Where the cell
        has ended here instead, nobody knows whether they run, unless it was refused there.
        """
        unsure = request.sent.is_set() or isinstance(request.ended_with, _PERHAPS_THERE)
        error = request.ended_with if unsure and request.state is not State.IDLE else None
        for other in self._queues.get(_lane(request, "shell"), ()):
            if other.is_execute and other.state in (State.WAITING, State.ABORTED):
                other.on(Event.ABORTED)
            elif other.is_ahead:
                other.expects_abort = True
                if error is not None:
                    other.doomed = other.doomed or perhaps_begun(error)

    def take_cells_behind(self, request: Request) -> list[Request]:
        """Remove the cells that wait behind ``request``; other requests keep their place."""
        queue = self._queues.get(_lane(request), deque())
        taken = [one for one in queue if one.is_execute and one.has_its_turn_to_come]
        for one in taken:
            queue.remove(one)
        return taken


async def _raise(error: Exception) -> None:
    raise error


def _lane(request: Request, channel: str = "") -> Lane:
    subshell = request.message.header.get("subshell_id")
    return channel or request.channel, subshell if isinstance(subshell, str) else None
