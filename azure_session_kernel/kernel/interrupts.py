"""The interrupt ladder (docs/design.md rule 8): SIGINT, then kill the interpreter, then let go.

1. A cell that was not sent yet (allocation, network) is not sent any more.
2. SIGINT. Nearly every cell ends with its own KeyboardInterrupt within milliseconds.
3. A cell that has *reacted* is left alone, and its next interrupt is a first one again: it has
   printed, displayed or asked since, or the interpreter has seen its code handle the signal.
4. One that shows no reaction loses its interpreter, and with it all variables. When nobody waits
   for the cell, as in a grader, ``PATIENCE_S`` after the signal: nbgrader allows 4 s from interrupt
   to idle. When a person waits for it (``Request.is_attended``), only at a further interrupt, not
   before ``ATTENDED_PATIENCE_S``, and not while it still handles the first: variables are precious.
5. A session that does not confirm the signal in time: the cell ends here, the signal follows it
   as soon as the network lets it.

What the session has to handle before it comes to our cell can be another request, a comm message
or a cell that nobody here waits for (``unawaited.py``). Then SIGINT is for whatever runs, as in
ipykernel, and the cells behind a completion or a comm message run when their turn comes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Final, Protocol, TypeAlias

from ..common.errors import SessionError, SessionKernelError, SessionLost
from ..common.within import within
from ..pool.retry import delays
from ..session.loss_errors import (
    kill_not_confirmed,
    lost_while_running,
    not_answered,
    not_confirmed,
    not_delivered,
    not_sent,
)
from ..wire import Hello, InterruptOutcome, Reaction
from .lanes import Lanes
from .requests import EndsRequests, Request, RequestTable
from .unawaited import Stray

log = logging.getLogger(__name__)

#: The front end sees the cell end within a second, whatever the network does: so long for the
#: signal, and of that so long for a cell that is just being sent.
REACH_S: Final = 0.75
SENDING_S: Final = 0.3
#: A request that is no cell ends here when it has no answer so long after an interrupt.
ANSWER_S: Final = 1.0
#: From SIGINT to killing the interpreter, and from that to giving up on the session's answer.
PATIENCE_S: Final = 2.0
ATTENDED_PATIENCE_S: Final = 5.0
KILL_S: Final = 1.5
#: A further interrupt so soon is a double click: it does not disturb a cell that handles the first.
DOUBLE_CLICK_S: Final = 1.0
#: Before that, for so long, it is asked whether the cell reacts, so often.
LOOK_S: Final = 0.75
LOOK_EVERY_S: Final = 0.25
#: What a kernel that is asked to end leaves a cell for its own KeyboardInterrupt.
LAST_WORDS_S: Final = 1.0
#: One try to deliver a signal; a new connection to a pool far away takes a second. For how long
#: it is tried.
TRY_S: Final = 3.0
LATE_S: Final = 300.0

Work: TypeAlias = Coroutine[Any, Any, None]


class Interruptible(Protocol):
    """What the ladder needs of a session: a part of ``NotebookSession``, which explains it."""

    @property
    def hello(self) -> Hello | None: ...

    async def interrupt(
        self, boot: str, msg_id: str | None, timeout_s: float
    ) -> InterruptOutcome: ...

    async def reaction(self, boot: str, msg_id: str | None, timeout_s: float) -> Reaction: ...

    async def kill_interpreter(self, boot: str, timeout_s: float) -> None: ...


class InterruptLadder:
    """Ends cells."""

    def __init__(
        self,
        session: Interruptible,
        requests: RequestTable,
        lanes: Lanes,
        ends: EndsRequests,
    ) -> None:
        self._session, self._requests, self._lanes = session, requests, lanes
        self._ends = ends
        #: To whom a signal is on its way, and what has kept it from arriving.
        self._delivering: dict[Request | Stray, SessionKernelError | None] = {}

    def climb(self) -> Iterator[Work]:
        """What one interrupt sets going; each goes on until what it is for has ended."""
        cells = self._requests.running_cells()
        for cell in cells:
            cell.interrupted_at = time.monotonic()  # who closes the kernel looks at once
        ahead = self._ahead(cells)
        # As in ipykernel, a cell behind a completion or a comm message runs when its turn comes.
        behind = [cell for cell in cells if _has_its_turn_later(cell, ahead)]
        if ahead:
            yield self._interrupt_others(ahead, behind)
        for cell in cells:
            if cell not in behind:
                yield self._interrupt_cell(cell)
        for request in self._requests.waiting_for_a_session():
            for cell in self._lanes.take_cells_behind(request):
                self._ends.drop(cell, not_sent())

    def _ahead(self, cells: Sequence[Request]) -> list[Request | Stray]:
        """What may run in the session, when none of our cells does."""
        hello = self._session.hello
        if hello is None or any(cell.started and cell.on_main_thread for cell in cells):
            return []
        return [*self._requests.strays.of(hello.boot), *self._requests.ahead_of_cells()]

    # -- a cell -----------------------------------------------------------------------------------

    async def _interrupt_cell(self, cell: Request) -> None:
        if not cell.boot:
            self._ends.fail(cell, cell.if_interrupted or not_sent())
            return
        if not await self._is_due(cell, cell.msg_id):
            return
        if await self._reach(cell, REACH_S) and not cell.is_attended:
            await self._kill_unless_it_reacts(cell, cell.msg_id, attended=False)

    async def _reach(self, cell: Request, within_s: float) -> bool:
        """Whether the signal reached the cell in time. If not, the cell ends here, and then it
        must not go on running there.
        """
        delivery = self._begin_to_deliver(cell)
        await asyncio.wait({delivery}, timeout=within_s)
        in_time = delivery.done()
        if not in_time:
            self._ends.fail(cell, self._delivering.get(cell) or not_confirmed(REACH_S))
        refusal = await delivery
        if refusal is not None and not await _set(cell.over, ANSWER_S - REACH_S):
            lost = isinstance(refusal, SessionLost)
            self._ends.fail(cell, lost_while_running() if lost else refusal)
        return in_time and refusal is None

    # -- anything else that runs ------------------------------------------------------------------

    async def _interrupt_others(
        self, ahead: Sequence[Request | Stray], behind: Sequence[Request]
    ) -> None:
        """SIGINT for whatever runs, which is the first of those ``ahead`` as far as is known."""
        first = ahead[0]
        if not await self._is_due(first, None):
            return
        delivery = self._begin_to_deliver(first, whatever_runs=True)
        await asyncio.wait({delivery}, timeout=REACH_S)
        left = [] if delivery.done() else [self._give_up(cell) for cell in behind]
        await asyncio.gather(delivery, *left, *map(self._await_answer, ahead))

    async def _give_up(self, cell: Request) -> None:
        if cell.boot:
            await self._reach(cell, 0.0)
        else:
            self._ends.fail(cell, not_sent())

    async def _await_answer(self, one: Request | Stray) -> None:
        if isinstance(one, Request) and not one.is_comm and not await _set(one.over, ANSWER_S):
            self._ends.fail(one, not_answered())

    # -- the steps --------------------------------------------------------------------------------

    def _begin_to_deliver(
        self, target: Request | Stray, *, whatever_runs: bool = False
    ) -> asyncio.Task[SessionError | None]:
        self._delivering[target] = None
        return asyncio.ensure_future(self._deliver(target, whatever_runs=whatever_runs))

    async def _deliver(
        self, target: Request | Stray, *, whatever_runs: bool
    ) -> SessionError | None:
        """SIGINT for ``target``, tried until the session has it: also when nobody waits any longer,
        for it must not go on running there.

        :param whatever_runs: it is only thought to run. A later try is for the target alone: by
            then it could hit what the user has begun meanwhile.
        :returns: why there is nothing to interrupt in this session any longer.
        """
        try:
            return await self._try_to_deliver(target, whatever_runs=whatever_runs)
        finally:
            self._delivering.pop(target, None)

    async def _try_to_deliver(
        self, target: Request | Stray, *, whatever_runs: bool
    ) -> SessionError | None:
        begun_at = target.signalled_at = time.monotonic()
        target.spoke = False
        if isinstance(target, Request):
            await _set(target.sent, SENDING_S)
        for delay_s in delays():
            try:
                if await self._signal(target, whatever_runs=whatever_runs):
                    target.signalled_at = time.monotonic()
                    return None
            except SessionError as error:
                return error
            except SessionKernelError as error:
                log.warning("the interrupt did not reach the session: %r", error)
            whatever_runs = False
            await asyncio.sleep(delay_s)
            if not self._is_open(target) or time.monotonic() - begun_at > LATE_S:
                break
        target.signalled_at = None
        return None

    async def _signal(self, target: Request | Stray, *, whatever_runs: bool) -> bool:
        """False when the target is still on its way, or can't be given the signal now."""
        msg_id = None if whatever_runs else target.msg_id
        # Before it is asked: what comes while the answer is under way is not what it is about.
        was_sent = not isinstance(target, Request) or target.sent.is_set()
        outcome = await self._session.interrupt(target.boot, msg_id, TRY_S)
        if outcome == "undelivered":
            self._delivering[target] = not_delivered()
            return False
        if outcome == "idle" and whatever_runs:
            self._requests.strays.none_in(target.boot)
        if outcome == "idle" and isinstance(target, Request):
            return was_sent or target.over.is_set()
        return True

    def _is_open(self, target: Request | Stray) -> bool:
        """In the session, as far as is known."""
        return not target.over.is_set() or target.msg_id in self._requests.strays

    # -- one that has been signalled --------------------------------------------------------------

    async def _is_due(self, target: Request | Stray, asked: str | None) -> bool:
        """Whether an interrupt of ``target`` is to be a SIGINT now. One that shows no reaction to
        its last one has that still before it: instead, a further interrupt insists.

        :param asked: whose reaction counts; None for whatever runs.
        """
        if target in self._delivering or target.signalled_at is None:
            return target not in self._delivering
        signalled_at = target.signalled_at
        double_click = time.monotonic() - signalled_at < DOUBLE_CLICK_S
        while True:
            reaction = await self._reaction(target, asked, TRY_S)
            if target.over.is_set() or target in self._delivering:
                return False
            if reaction == "handled" or (reaction == "handling" and not double_click):
                return True
            if not double_click:
                await self._kill_unless_it_reacts(target, asked, attended=True)
                return False
            # Perhaps it only has not come to handling it yet.
            over = await _set(target.over, LOOK_EVERY_S)
            if over or time.monotonic() - signalled_at > DOUBLE_CLICK_S:
                return False

    async def _reaction(
        self, target: Request | Stray, asked: str | None, timeout_s: float
    ) -> Reaction:
        """See ``Executor.reaction``. What the interpreter can't tell, the cell's words do."""
        work = self._session.reaction(target.boot, asked, timeout_s)
        try:
            reaction: Reaction = await within(work, timeout_s)
        except (SessionKernelError, asyncio.TimeoutError) as error:
            log.info("whether the cell reacts to the interrupt is not known: %r", error)
            reaction = "unknown"
        return "handled" if reaction == "unknown" and target.spoke else reaction

    async def _kill_unless_it_reacts(
        self, target: Request | Stray, asked: str | None, *, attended: bool
    ) -> None:
        """Kill the interpreter when it has had its time since the signal."""
        signalled_at = target.signalled_at
        if signalled_at is None:
            return
        until = signalled_at + (ATTENDED_PATIENCE_S if attended else PATIENCE_S)
        if await _set(target.over, until - LOOK_S - time.monotonic()):
            return
        while (left_s := until - time.monotonic()) > 0:
            reaction = await self._reaction(target, asked, left_s)
            spared = attended or target.spoke
            if reaction == "handled" or (reaction == "handling" and spared):
                return
            if await _set(target.over, min(left_s, LOOK_EVERY_S)):
                return
        if target.signalled_at == signalled_at:
            await self._kill(target)

    async def _kill(self, target: Request | Stray) -> None:
        kill = asyncio.ensure_future(self._session.kill_interpreter(target.boot, TRY_S))
        if not await _set(target.over, KILL_S) and isinstance(target, Request):
            self._ends.fail(target, kill_not_confirmed(KILL_S))
        try:
            await kill
        except SessionKernelError as error:
            log.warning("the interpreter could not be killed: %r", error)


def _has_its_turn_later(cell: Request, ahead: Sequence[Request | Stray]) -> bool:
    """Also one that has only just come, and is not sent yet. A magic of the kernel's runs here."""
    behind = any(isinstance(one, Request) for one in ahead)
    return behind and cell.on_main_thread and (bool(cell.boot) or cell.if_interrupted is None)


async def _set(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        await within(event.wait(), max(0.0, timeout_s))
    except asyncio.TimeoutError:
        return event.is_set()
    return True
