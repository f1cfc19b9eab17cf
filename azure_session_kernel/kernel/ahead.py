"""Cells that go to the session while one before them runs there, so that Run All takes few trips.

A cell is sent ahead of its turn on the condition that the one before it does not abort it
(``wire/after.py``); the session keeps it until then. Here it stays in its lane, and its turn comes
as it would have otherwise: what the front end sees, and when, is the same.

::

    look             sends those that wait, as many as may go, one batch at a time; while the first
                     is on its way itself, once no more of them come
    begin_next       a cell is over: the turn of the next one begins before its messages come
    settled          its turn has come, and its sending has ended

What could not be delivered waits as if nothing had been sent: so does what has overtaken the cell
that it is behind, for the session takes none behind one that it does not know. Of a cell that may
have been delivered, and of which the session can say nothing any longer, it is not known whether it
has run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import dropwhile, pairwise, takewhile
from typing import Final, Protocol

from ..common.errors import ExecutionUnknown, PoolUnreachable, SessionKernelError
from ..common.owned_tasks import OwnedTasks
from ..session.loss_errors import perhaps_begun, shut_down_before
from ..wire import After, Message
from .comms import CommQueue
from .endings import Endings, internal
from .execution_counts import Counts
from .lanes import Lanes
from .magics.parse import find_magic
from .request_states import Event, State
from .requests import Request, RequestTable

log = logging.getLogger(__name__)

#: Cells that the session keeps, and the characters of those that go at a time.
MOST_CELLS: Final = 100
MOST_CHARS: Final = 256 * 1024
#: No more cells are coming when none has come for so long. The first one takes longer to run.
QUIET_S: Final = 0.005


class Pipelined(Protocol):
    """What is needed of a session: a part of ``NotebookSession``."""

    def pipelines(self, boot: str) -> bool: ...

    @property
    def sends_at_once(self) -> bool: ...

    async def send_ahead(self, boot: str, messages: Sequence[Message]) -> None: ...


class CellsAhead:
    """:param session: the one that is asked then; it is made after this."""

    def __init__(
        self,
        session: Callable[[], Pipelined],
        lanes: Lanes,
        requests: RequestTable,
        comms: CommQueue,
        counts: Counts,
        ends: Endings,
    ) -> None:
        self._session, self._lanes, self._requests = session, lanes, requests
        self._comms, self._counts = comms, counts
        self._ends = ends
        self._sending = OwnedTasks(log)
        #: Behind this one nothing is sent any more: something could not be.
        self._given_up: Request | None = None
        #: Cells have been sent behind this one before it had arrived: the next ones go when it has.
        self._hurried: Request | None = None
        self._quiet: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Whether something may be sent now: a cell has come, is on its way, or has arrived."""
        line = self._lanes.main()
        if self._sending or not line or not self._goes_on_behind(line[0]):
            return
        if line[0].sent.is_set():
            self._send_behind(line)
            return
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._look_once_quiet)

    def _look_once_quiet(self) -> None:
        line = self._lanes.main()
        if not self._sending and line and self._goes_on_behind(line[0]):
            self._send_behind(line)

    def _send_behind(self, line: Sequence[Request]) -> None:
        sent = list(takewhile(lambda one: one.state is not State.WAITING, line))
        if any(one.expects_abort or one.doomed for one in sent):
            return
        room = MOST_CELLS - len(sent)
        batch: list[Request] = []
        chars = 0
        for cell in takewhile(self._may_go, dropwhile(lambda one: one in sent, line)):
            chars += len(cell.message.content["code"])
            if len(batch) >= room or (batch and chars > MOST_CHARS):
                break
            batch.append(cell)
        if batch:
            self._prepare(line[0].boot, [sent[-1], *batch])
            sending = self._sending.start(self._send(line[0], batch))
            sending.add_done_callback(self._look_again)

    def _goes_on_behind(self, first: Request) -> bool:
        """Whether ``first`` runs in the session, or will, as far as is known, and nothing is amiss.

        Behind one that is on its way nothing may need a new connection: that would take longer than
        the answer, whose connection is free then.
        """
        on_its_way = first.state is State.SENDING and first is not self._hurried
        return (
            first.is_execute
            and first is not self._given_up
            and (first.sent.is_set() or (on_its_way and self._session().sends_at_once))
            and first.reply is None
            and first.boot_over is None
            and first.interrupted_at is None
            and self._session().pipelines(first.boot)
        )

    def _may_go(self, request: Request) -> bool:
        """What needs nothing of this kernel but to be sent."""
        return (
            request.is_execute
            and request.state is State.WAITING
            and isinstance(request.message.content.get("code"), str)
            and find_magic(request.message) is None
            and self._comms.sent >= request.comms_before
        )

    def _prepare(self, boot: str, cells: Sequence[Request]) -> None:
        for before, cell in pairwise(cells):
            self._counts.hand_over(cell)
            cell.on(Event.SENT_AHEAD)
            cell.boot, cell.boot_over = boot, None
            cell.after = After(before.msg_id, before.aborts_others)
            self._requests.ahead[cell.msg_id] = cell

    async def _send(self, first: Request, batch: Sequence[Request]) -> None:
        early = not first.sent.is_set()
        if early:
            self._hurried = first
        try:
            messages = [cell.for_session for cell in batch]
            await self._session().send_ahead(first.boot, messages)
        except asyncio.CancelledError:
            self._doom(batch, shut_down_before())
            raise
        except SessionKernelError as error:
            if not early:  # else it may have overtaken that one
                self._given_up = first
            if isinstance(error, ExecutionUnknown) or _sent(error):
                self._doom(batch, error)
            else:
                self._take_back(batch)
        except Exception as error:
            log.exception("sending cells ahead failed")
            self._given_up = first
            self._doom(batch, internal(error))
        else:
            for cell in _still_sent(batch):
                cell.on(Event.ARRIVED)

    def _look_again(self, sending: asyncio.Task[None]) -> None:
        """Others may have come meanwhile."""
        if not sending.cancelled():
            self.look()

    def _take_back(self, cells: Sequence[Request]) -> None:
        """Last first, as their counts have to be."""
        for cell in reversed(_still_sent(cells)):
            if cell.state in (State.AHEAD, State.AHEAD_SENT, State.SENDING):
                its_turn_has_come = cell.state is State.SENDING
                cell.on(Event.RETURNED)
                self._requests.ahead.pop(cell.msg_id, None)
                self._counts.take_back(cell)
                cell.boot, cell.after = "", None
                if cell.expects_abort and not its_turn_has_come:
                    cell.on(Event.ABORTED)

    @staticmethod
    def _doom(cells: Sequence[Request], error: SessionKernelError) -> None:
        for cell in _still_sent(cells):
            cell.doomed = cell.doomed or perhaps_begun(error)

    # -- their turn -------------------------------------------------------------------------------

    def begin_next(self) -> None:
        """Called when one is over, before anything else that the session sends is looked at."""
        line = self._lanes.main()
        if line and line[0].is_ahead:
            self._ends.begin(line[0])

    async def settled(self, cell: Request) -> bool:
        """Whether ``cell``, whose turn has come, is not to be sent any more.

        One that was sent ahead and not taken is sent again, unless the one before it aborts it.
        """
        while cell.after and self._sending and cell.state is State.SENDING and not cell.doomed:
            await asyncio.wait(list(self._sending))
        if cell.after is None:
            if cell.expects_abort:
                self._ends.finish_aborted(cell)
            return cell.expects_abort
        if cell.doomed is not None and cell.state in (State.SENDING, State.SENT):
            self._ends.fail(cell, cell.doomed)
        return True

    def on_boot_over(self, boot: str, error: SessionKernelError, *, complete: bool) -> None:
        """:param complete: the session has said all it had to: what has not begun did not run."""
        cells = [cell for cell in self._requests.ahead.values() if cell.boot == boot]
        if complete:
            self._take_back(cells)
        else:
            self._doom(cells, error)

    async def aclose(self, limit_s: float) -> None:
        await self._sending.aclose(limit_s)


def _still_sent(cells: Sequence[Request]) -> list[Request]:
    """Without those that wait again, because their boot ended meanwhile."""
    return [cell for cell in cells if cell.after is not None]


def _sent(error: SessionKernelError) -> bool:
    return isinstance(error, PoolUnreachable) and error.sent
