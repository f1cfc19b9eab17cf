"""Which requests an interpreter works on, and from when on a signal reaches each."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from ..common.owned_tasks import OwnedTasks
from ..wire import InterruptOutcome, Message

log = logging.getLogger(__name__)

#: A cell is interrupted this long after its start, at the earliest. Python notices a signal between
#: bytecodes only, and ipykernel's threads make it wait there while the cell starts: a signal at
#: that moment is seen after the cell's first blocking call, ``time.sleep(600)`` for instance.
SETTLE_S: Final = 0.05


class RunningRequests:
    """Requests and comm messages that were delivered and have not ended, in their order.

    :param signal: sends SIGINT to the interpreter, and says whether that was possible.
    :param ignores: whether the interpreter ignores SIGINT at this moment.
    :ivar execution_count: the newest that the interpreter has named.
    """

    def __init__(
        self,
        signal: Callable[[], Coroutine[Any, Any, bool]],
        ignores: Callable[[], bool] = lambda: False,
    ) -> None:
        self.execution_count = 0
        self._signal, self._ignores = signal, ignores
        self._signals = OwnedTasks(log)
        #: From when on a signal reaches each, on the loop's clock.
        self._starts_at: dict[str, float] = {}
        self._on_other_threads: set[str] = set()
        self._interrupt_when_started: set[str] = set()

    def __len__(self) -> int:
        return len(self._starts_at)

    def __contains__(self, msg_id: str) -> bool:
        return msg_id in self._starts_at

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts_at)

    def add(self, msg_id: str, *, main_thread: bool = True) -> None:
        """:param main_thread: it runs there, and Python shows signals to no other."""
        self._starts_at[msg_id] = math.inf
        if not main_thread:
            self._on_other_threads.add(msg_id)

    async def interrupt(self, msg_id: str | None) -> InterruptOutcome:
        """SIGINT, or the promise of one.

        :param msg_id: None for whatever runs, or is next to.
        """
        if msg_id is None:
            msg_id = self._whatever_runs()
        if msg_id is None or msg_id not in self._starts_at:
            return "idle"
        if not self._started(msg_id):
            self._interrupt_when_started.add(msg_id)
            self._signal_once_started(msg_id)
            return "pending"
        if self._ignores():
            self._signal_when_it_is_heard(msg_id)
            return "pending"
        return "signalled" if await self._signal() else "undelivered"

    def has_started(self, msg_id: str | None) -> bool | None:
        """False also while a promised signal waits. None when there is no such request.

        :param msg_id: None for whatever runs.
        """
        msg_id = msg_id or self._whatever_runs() or ""
        if msg_id not in self._starts_at:
            return None
        return self._started(msg_id) and msg_id not in self._interrupt_when_started

    def _started(self, msg_id: str) -> bool:
        return self._starts_at[msg_id] <= asyncio.get_running_loop().time()

    def _whatever_runs(self) -> str | None:
        reached = [one for one in self._starts_at if one not in self._on_other_threads]
        started = [one for one in reached if self._started(one)]
        return next(iter(started + reached), None)

    def follow(self, message: Message) -> None:
        """Learn from what the interpreter sends."""
        parent = message.parent_id
        match message.msg_type:
            case "status" if message.content.get("execution_state") == "idle":
                self._starts_at.pop(parent, None)
                self._on_other_threads.discard(parent)
                self._interrupt_when_started.discard(parent)
            case "status" if message.content.get("execution_state") == "busy":
                self._starts(parent, SETTLE_S)
            case "execute_input":
                self._starts(parent, SETTLE_S)
            case "input_request":
                self._starts(parent, 0.0)
            case _:
                pass
        if message.msg_type in ("execute_input", "execute_reply"):
            count = message.content.get("execution_count")
            if isinstance(count, int):
                self.execution_count = count

    def _starts(self, msg_id: str, in_s: float) -> None:
        """From then on SIGINT reaches the user's code: ipykernel ignores it before."""
        at = asyncio.get_running_loop().time() + in_s
        if at < self._starts_at.get(msg_id, -math.inf):
            self._starts_at[msg_id] = at
            if msg_id in self._interrupt_when_started:
                self._signal_once_started(msg_id)

    def _signal_once_started(self, msg_id: str) -> None:
        def signal() -> None:
            if msg_id in self._interrupt_when_started:
                self._signal_when_it_is_heard(msg_id)

        if (at := self._starts_at[msg_id]) < math.inf:
            asyncio.get_running_loop().call_at(at, signal)

    def _signal_when_it_is_heard(self, msg_id: str) -> None:
        self._interrupt_when_started.add(msg_id)
        self._signals.start(self._keep_promise(msg_id))

    async def _keep_promise(self, msg_id: str) -> None:
        """ipykernel says *busy* before it ceases to ignore SIGINT."""
        while self._ignores() and msg_id in self._interrupt_when_started:  # noqa: ASYNC110 - no event
            await asyncio.sleep(SETTLE_S)
        if msg_id in self._interrupt_when_started:
            self._interrupt_when_started.discard(msg_id)
            await self._signal()
