"""Cells that came while one before them runs: each waits here until it is known how that one ended.

A kernel sends a burst of cells at once (``docs/protocol.md`` "Cells in a burst"). The interpreter
gets one after the other, so that nothing of a cell comes before the end of the one before, an
interrupt finds those behind it not begun, and which cells an error aborts is decided once: here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ..wire import ABORTS_WAITING, After, Message, WireError, after_of

#: A cell may come so many after the one that it names, of those that have ended.
REMEMBERED: Final = 1000
MOST_WAITING: Final = 1000
#: So long after its idle a cell's reply may come; without one, it has failed. Longer than a kernel
#: waits, so that what is said of those behind it comes when it is over there.
REPLY_GRACE_S: Final = 10.0


#: Whatever hangs on an aborted cell is aborted, too.
_How = Literal["ok", "failed", "aborted"]


@dataclass
class _End:
    """What is known of a cell's end. ``failed``: as its reply says, once that has come."""

    failed: bool | None = None
    is_idle: bool = False


class HeldCells:
    """What was sent on the main shell and has not been handed to the interpreter.

    :param deliver: hands a message, and its ZeroMQ frames, to it.
    :param abort: answers a cell that does not run.
    """

    def __init__(
        self,
        deliver: Callable[[Message, list[bytes]], None],
        abort: Callable[[Message], None],
    ) -> None:
        self._deliver, self._abort = deliver, abort
        self._waiting: deque[tuple[Message, list[bytes], After | None]] = deque()
        #: Cells that the interpreter has, or which wait: what is known of their end.
        self._open: dict[str, _End] = {}
        self._ended: OrderedDict[str, _How] = OrderedDict()
        self._next: dict[str, str] = {}
        self._aborting: set[str] = set()
        self._aborted: set[str] = set()

    def check(self, messages: Iterable[Message]) -> None:
        """:raises WireError: one names a cell that nobody knows, or too many would wait."""
        new: set[str] = set()
        for message in messages:
            after = _condition(message)
            if after is not None and after.msg_id not in new and not self._knows(after.msg_id):
                raise WireError("a cell is to run after one that this boot does not know")
            new.add(message.msg_id)
        if len(self._waiting) + len(new) > MOST_WAITING and self._waiting:
            raise WireError(f"more than {MOST_WAITING} messages wait behind a cell")

    def _knows(self, msg_id: str) -> bool:
        return msg_id in self._open or msg_id in self._ended

    def add(self, message: Message, frames: list[bytes]) -> None:
        """Deliver it, now or later, or abort it. What is no cell keeps its place among them."""
        after = _condition(message)
        if message.msg_type == "execute_request":
            self._open[message.msg_id] = _End()
        if after is not None:
            self._next[after.msg_id] = message.msg_id
        self._waiting.append((message, frames, after))
        self._go_on()

    def note_control(self, message: Message) -> None:
        """As in ipykernel, a cell that fails on the control channel aborts those of the shell."""
        if message.metadata.get(ABORTS_WAITING) is True:
            self._aborting.add(message.msg_id)

    def _go_on(self) -> None:
        while self._waiting:
            message, frames, after = self._waiting[0]
            if after is not None and after.msg_id in self._open:
                return
            self._waiting.popleft()
            if message.msg_id in self._aborted or self._forbids(after):
                self._aborted.discard(message.msg_id)
                self._abort(message)
                self._end(message.msg_id, "aborted")
            else:
                self._deliver(message, frames)

    def _forbids(self, after: After | None) -> bool:
        if after is None:
            return False
        how = self._ended.get(after.msg_id, "failed")
        return how == "aborted" or (how == "failed" and after.unless_error)

    def follow(self, message: Message) -> None:
        """Learn from what the interpreter sends; called once that is in the log."""
        if message.channel == "control" and message.parent_id in self._aborting:
            self._follow_control(message)
        cell = self._open.get(message.parent_id)
        if cell is None:
            return
        if message.msg_type == "execute_reply":
            cell.failed = message.content.get("status") != "ok"
        elif message.msg_type == "status" and message.content.get("execution_state") == "idle":
            cell.is_idle = True
            if cell.failed is None:
                loop = asyncio.get_running_loop()
                loop.call_later(REPLY_GRACE_S, self._over, message.parent_id, True)
        if cell.is_idle and cell.failed is not None:
            self._over(message.parent_id, cell.failed)

    def _follow_control(self, reply: Message) -> None:
        self._aborting.discard(reply.parent_id)
        if reply.content.get("status") != "error":
            return
        for message, *_ in self._waiting:
            if message.msg_type == "execute_request":
                self._aborted.add(message.msg_id)

    def _over(self, msg_id: str, failed: bool) -> None:
        if msg_id in self._open:
            self._end(msg_id, "failed" if failed else "ok")
            self._go_on()

    def _end(self, msg_id: str, how: _How) -> None:
        self._open.pop(msg_id, None)
        self._ended[msg_id] = how
        while len(self._ended) > REMEMBERED:
            self._next.pop(self._ended.popitem(last=False)[0], None)

    def in_place_of(self, msg_id: str) -> str:
        """The first cell of a burst that is not over, beginning with ``msg_id``: whoever sent them
        may not have heard yet that some are. ``msg_id`` when all are, or nothing followed it.
        """
        for one in self._burst(msg_id):
            if one in self._open:
                return one
        return msg_id

    def _burst(self, msg_id: str) -> Iterator[str]:
        one: str | None = msg_id
        while one is not None:
            yield one
            one = self._next.get(one)

    def forget(self) -> None:
        """Nobody is there any more for what has not begun."""
        for message, *_ in self._waiting:
            self._open.pop(message.msg_id, None)
        self._waiting.clear()


def _condition(message: Message) -> After | None:
    return after_of(message.metadata) if message.msg_type == "execute_request" else None
