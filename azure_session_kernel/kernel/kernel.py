"""Jupyter in, Jupyter out: the kernel that a front end talks to. No HTTP here, and no ZeroMQ.

The life of one cell, downwards through this file::

    _take                a Request of the front end (front_end.py) queues in its shell's lane
    _handle              busy; sent to the session; waits until it is over
    SessionMessages      (session_messages.py) publishes what the session sends under its request
    Endings.finish       (endings.py) outputs have been published; now the reply, then idle

Everything runs on one event loop and nothing blocks it, so interrupt and shutdown are always
answered (docs/design.md rules 7 and 8).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from ..common.errors import (
    CredentialError,
    ExecutionUnknown,
    Interrupted,
    PoolError,
    PoolUnreachable,
    SessionKernelError,
)
from ..common.owned_tasks import OwnedTasks
from ..common.within import within
from ..session.full_pool import WAITER
from ..session.loss_errors import not_sent, shut_down_before
from ..session.session import NotebookSession
from ..session.surroundings import Surroundings
from ..wire import Message
from ..wire.kernel_info import kernel_info
from .ahead import CellsAhead
from .comms import CommQueue
from .endings import Endings, internal
from .execution_counts import Counts
from .file_hints import HintedMessages
from .front_end import FrontEnd
from .interrupts import LAST_WORDS_S, InterruptLadder
from .lanes import Lanes
from .magics.parse import Magic, find_magic
from .request_states import Event, State
from .requests import Request, RequestTable
from .session_messages import SessionMessages
from .waiting import waiter_of

if TYPE_CHECKING:
    from .magics.cell import MagicCells

#: ``kernel_info`` waits so long for the session, then answers in any case (docs/design.md 6).
START_BUDGET_S: Final = 20.0
#: How long the end waits for the answer to a shutdown, which has nothing to wait for any more.
ANSWER_S: Final = 0.5
#: How long it waits for tasks that it has cancelled.
LET_GO_S: Final = 0.3
#: Answers to ``input()`` on their way at a time: code goes on when it has its answer.
MOST_ANSWERS: Final = 20


class AzureSessionKernel:
    """Answers every request of its front ends by a session of the pool.

    :param here: the folder, environment and identity that it works with.
    :param answer: answers the requests for the kernel itself, ``shutdown`` and ``connect``.
    :ivar over: set when the kernel is to end, though nobody has asked for it.

    Made on the event loop that it works on, which need not run yet.
    """

    def __init__(
        self,
        front: FrontEnd,
        here: Surroundings,
        answer: Callable[[Request], Awaitable[None]],
        log: logging.Logger,
    ) -> None:
        self.log = log
        self._front, self._answer = front, answer
        self._requests = RequestTable()
        self._lanes = Lanes(self._handle)
        self._comms = CommQueue(self._send_comms)
        self.over = asyncio.Event()
        self._tasks, self._answering, self._inputs = (OwnedTasks(self.log) for _ in range(3))
        self._counts = Counts()
        self._ends = Endings(
            front, self._requests, self._lanes, self._counts, front.take_arrived, self._on_ended
        )
        self._ahead = CellsAhead(
            lambda: self._notebook,
            self._lanes,
            self._requests,
            self._comms,
            self._counts,
            self._ends,
        )
        self._messages = SessionMessages(
            front, self._requests, self._counts, self._ends, self, self._ahead
        )
        hinted = HintedMessages(self._messages, self._requests, here.folder, self._takes_files)
        self._notebook = NotebookSession(here, hinted, self.is_busy)
        self._ladder = InterruptLadder(self._notebook, self._requests, self._lanes, self._ends)
        self._folder = here.folder
        self._magics: MagicCells | None = None
        front.start(self._take)
        front.publish("status", {"execution_state": "starting"}, None)

    def is_busy(self) -> bool:
        """Whether requests are under way, here or in the session."""
        return bool(self._requests) or self._requests.strays.any_found

    def _takes_files(self) -> bool:
        opening = self._notebook.opening
        return opening is None or opening.executor.name != "oneshot"

    def begin_work(self) -> None:
        """Called once, as soon as the event loop runs."""
        self._notebook.begin()
        self._tasks.start(self._comms.run())

    # -- messages from the front end --------------------------------------------------------------

    def _take(self, request: Request) -> None:
        match request.channel:
            case "shell":
                self._on_shell(request)
            case "control":
                self._on_control(request)
            case "stdin" if request.message.msg_type == "input_reply":
                self.answer_input(request.message)

    def _on_shell(self, request: Request) -> None:
        match request.message.msg_type:
            case "comm_open" | "comm_msg" | "comm_close":
                # ipykernel decides whether a running cell lets them pass.
                line = self._lanes.main() if request.on_main_thread else []
                unsent = [one for one in line if not one.sent.is_set()]
                self._comms.put(request, unsent[-1] if unsent else None)
            case _:
                request.comms_before = self._comms.taken
                request.comm_before = self._comms.last if request.on_main_thread else None
                self._lanes.put(request)
                self._ahead.look()

    def _on_control(self, request: Request) -> None:
        """What is answered here never waits for the session (docs/design.md rule 7)."""
        match request.message.msg_type:
            case "interrupt_request":
                self._tasks.start(self._answer_interrupt(request))
            case "kernel_info_request" | "connect_request" | "shutdown_request":
                self._tasks.start(self._handle(request))
            case _:
                self._lanes.put(request)

    # -- a request's life -------------------------------------------------------------------------

    def _handle(self, request: Request) -> Coroutine[Any, Any, object]:
        """Begin to answer it; what is returned waits until it is over, and ends normally however
        the request ends.

        The turn of a cell that was sent ahead has perhaps begun, and ended.
        """
        if request.state is State.ABORTED:
            self._ends.abort(request)
        elif request.message.msg_type in ("connect_request", "shutdown_request"):
            return asyncio.wait({self._answering.start(self._answer_here(request))})
        elif not request.over.is_set():
            magic = find_magic(request.message)
            self._ends.working[request.msg_id] = self._tasks.start(self._work_on(request, magic))
            if request.has_its_turn_to_come:
                # What is sent to the session is under way before busy is.
                self._ends.begin(request, busy_soon=magic is None and not request.is_ahead)
        return request.over.wait()

    async def _work_on(self, request: Request, magic: Magic | None) -> None:
        """Whatever fails, the request is answered: others wait behind it."""
        WAITER.set(waiter_of(request, self._front, START_BUDGET_S))
        try:
            if await self._ahead.settled(request):
                self._ends.working.pop(request.msg_id, None)
                return
            if request.message.msg_type == "kernel_info_request":
                await self._answer_kernel_info(request)
            elif magic is not None:
                await self._run_magic(request, magic)
            else:
                await self._send([request])
        except Exception as error:
            self.log.exception("a %s failed", request.message.msg_type)
            self._ends.fail(request, internal(error))

    async def _run_magic(self, request: Request, magic: Magic) -> None:
        """A line for this kernel itself (``magics/``); then the rest of the cell, if any."""
        from .magics.cell import MagicCells  # most kernels run none

        if self._magics is None:
            last = self._messages.last
            self._magics = MagicCells(self._front, self._notebook, self._folder, last)
        try:
            await self._magics.run(request, magic, self._counts.next)
        except SessionKernelError as error:
            self._ends.fail(request, error)
            return
        if request.over.is_set():  # the kernel was shut down meanwhile
            return
        if magic.rest:
            await self._send([request])
            return
        self._ends.working.pop(request.msg_id, None)
        count = self._counts.of(request)
        content = {"execution_count": count, "user_expressions": {}, "payload": []}
        reply = {"msg_type": request.reply_type}
        request.reply = Message(request.channel, reply, {"status": "ok", **content})
        self._ends.finish(request)

    async def _send_comms(self, requests: list[Request]) -> None:
        for request in requests:
            self._ends.begin(request)
        try:
            await self._send(requests)
        except Exception as error:
            self.log.exception("comm messages failed")
            self._ends.fail_all(requests, internal(error))
        self._ahead.look()

    async def _send(self, requests: list[Request]) -> None:
        """Failure, and being cancelled by an interrupt, end the requests."""

        def on_boot(boot: str) -> None:
            for request in requests:
                request.addressed_to(boot)
            self._ahead.look()

        try:
            await self._comms.done(max(request.comms_before for request in requests))
            for request in requests:
                self._counts.hand_over(request)
            await self._notebook.send([request.for_session for request in requests], on_boot)
        except asyncio.CancelledError:
            self._ends.fail_all(requests, not_sent())
        except PoolUnreachable as error:
            self._fail_unsent(requests, _unknown(error) if error.sent else error)
        except SessionKernelError as error:
            self._fail_unsent(requests, error)
        except Exception as error:
            self.log.exception("sending failed")
            self._fail_unsent(requests, internal(error))
        else:
            for request in requests:
                request.on(Event.ARRIVED)
                if request.boot_over is not None:
                    self._ends.fail(request, request.boot_over)
                    if request.is_execute:
                        self._notebook.told(request.boot)
                elif request.doomed is not None:
                    self._ends.fail(request, request.doomed)
            self._ahead.look()
        finally:
            for request in requests:
                self._ends.working.pop(request.msg_id, None)

    def _fail_unsent(self, requests: list[Request], error: SessionKernelError) -> None:
        """What the session has begun to answer has arrived there; its reader tells how it ends."""
        unsent = [request for request in requests if not request.sent.is_set()]
        self._ends.fail_all(unsent, error)
        for request in requests:
            if request.is_execute and request not in unsent:
                self._notebook.not_told(request.boot)

    # -- input() ----------------------------------------------------------------------------------

    def answer_input(self, message: Message) -> None:
        if len(self._inputs) >= MOST_ANSWERS:
            self.log.warning("a session asks without waiting for its answers; one was not sent")
            return
        self._inputs.start(self._send_input(message))

    async def _send_input(self, message: Message) -> None:
        try:
            await self._notebook.send([message], lambda boot: None)
        except SessionKernelError as error:
            self.log.warning("an answer to input() was not delivered: %s", error)
            if isinstance(error, PoolError | CredentialError):  # else its boot's end tells
                for cell in [cell for cell in self._requests.running_cells() if cell.has_asked]:
                    self._ends.fail(cell, _no_answer(error))

    # -- the end of the variables -----------------------------------------------------------------

    def _on_ended(self, request: Request) -> None:
        self._ahead.begin_next()
        if request.is_execute:
            # Whoever ends a cell may take note of a loss just after that.
            asyncio.get_running_loop().call_soon(self._end_with_the_variables)

    def _end_with_the_variables(self) -> None:
        """A runner must see a dead kernel, as it would a local one: cells that ran on in an empty
        interpreter would say nothing of what they test. What it sends now is not answered.
        """
        if self._notebook.is_dead and not self._requests and not self.over.is_set():
            self.log.warning("the kernel ends with its variables (AZURE_SESSION_ON_DEATH)")
            self._front.stop_taking()
            self.over.set()

    # -- interrupt and shutdown -------------------------------------------------------------------

    async def _answer_interrupt(self, request: Request) -> None:
        """The reply goes out at once; the ladder goes on until what runs is over."""
        self._front.busy(request)
        for work in self._ladder.climb():
            self._tasks.start(work)
        self._front.reply(request, {"status": "ok"})
        self._front.idle(request)

    async def _answer_here(self, request: Request) -> None:
        self._front.busy(request)
        await self._answer(request)
        self._front.idle(request)

    async def shut_down(self, restart: bool) -> dict[str, Any]:
        """The content of a ``shutdown_reply``."""
        try:
            await self.close_session(restart=restart)
        except Exception:
            self.log.exception("the session could not be closed; its lease stays for the reaper")
        return {"status": "ok", "restart": restart}

    async def close_session(self, *, restart: bool = False, hurry: bool = False) -> None:
        waited_s = await self._let_interrupted_cells_end()
        for request in self._requests:
            self._ends.fail(request, Interrupted("The kernel was shut down while this cell ran."))
        await self._notebook.close(restart=restart, spent_s=waited_s, hurry=hurry)

    async def _let_interrupted_cells_end(self) -> float:
        """Their own KeyboardInterrupt says where they hung. At most ``LAST_WORDS_S`` from the
        interrupt; how long it took, in seconds.
        """
        began_at = time.monotonic()
        for cell in self._requests.running_cells():
            if cell.interrupted_at is not None:
                for waiting in self._lanes.take_cells_behind(cell):
                    self._ends.drop(waiting, shut_down_before())
                with contextlib.suppress(asyncio.TimeoutError):
                    left_s = cell.interrupted_at + LAST_WORDS_S - time.monotonic()
                    await within(cell.over.wait(), max(0.0, left_s))
        return time.monotonic() - began_at

    async def end(self) -> None:
        """SIGTERM, or the parent's end; a shutdown that was asked for meanwhile is answered."""
        await self.close_session(hurry=not self._notebook.is_dead)
        if self._answering:
            await asyncio.wait(self._answering, timeout=ANSWER_S)
        for tasks in (self._tasks, self._answering, self._inputs, self._ahead):
            await tasks.aclose(LET_GO_S)

    # -- kernel_info ------------------------------------------------------------------------------

    async def _answer_kernel_info(self, request: Request) -> None:
        hello = await self._notebook.opened(START_BUDGET_S)
        if request.over.is_set():  # the kernel was shut down meanwhile
            return
        reply = {"msg_type": request.reply_type}
        request.reply = Message(request.channel, reply, kernel_info(hello))
        self._ends.finish(request)


def _no_answer(error: PoolError | CredentialError) -> SessionKernelError:
    return type(error)(
        f"The answer to input() did not reach the session: {error.what}",
        cause=error.cause,
        fix="Restart the kernel (Kernel > Restart Kernel): the session still waits for the answer.",
    )


def _unknown(error: PoolUnreachable) -> ExecutionUnknown:
    return ExecutionUnknown(
        "The connection broke while this cell was sent, so it is not known whether it ran.",
        cause=error.what,
        fix="Look at the variables it sets before you run it again.",
    )
