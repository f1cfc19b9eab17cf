"""One notebook's session: opening it, knowing its boot, noticing its loss, stopping it.

Its states, and what moves between them, are in ``life.py``. ``kernel/kernel.py`` calls this; it
calls ``executors`` and is called back by them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ..common.daemon_thread import in_daemon_thread
from ..common.errors import (
    CredentialError,
    ExecutionUnknown,
    FileTransferError,
    Interrupted,
    PoolError,
    PoolFull,
    PoolUnreachable,
    SessionKernelError,
    SessionLost,
    SessionTaken,
    Unauthorized,
    UnexpectedAnswer,
)
from ..common.within import within
from ..executors.base import Executor
from ..transfer.uploads import Uploads
from ..wire import PIPELINING, BootEnded, Gap, Hello, InterruptOutcome, Message, Oversized, Reaction
from .boot_deaths import Deaths
from .closing import ask_for_new_boot, keep, stop, stop_here
from .full_pool import FullPool
from .life import Event, Life, State
from .loss_errors import (
    keeps_ending,
    lost_while_running,
    not_restarted,
    out_of_reach,
    shutting_down,
    unreadable,
    why_ended,
    with_deaths,
)
from .loss_reasons import explain, with_files
from .opening import Opening, has_moved, prepare
from .own_requests import Questions
from .results import Results
from .surroundings import Surroundings
from .variables import Variables

if TYPE_CHECKING:
    from ..executors.session_files import SessionFiles

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How long a cell waits for its session's container to start (docs/design.md 6); for a place in a
#: full pool, see ``full_pool.py``.
OPEN_BUDGET_S: Final = 60.0
#: An unreachable pool is not waited for so long: it is wrong settings more often than weather.
SEND_BUDGET_S: Final = 60.0
#: So often a pool may give a cell a session and then say that it is full.
FULL_TRIES: Final = 3
#: What others left behind is looked for once those who wait for this session have been answered.
REAP_AFTER_S: Final = 0.3
#: How long closing waits for what it has cancelled, or for files that are far away.
LET_GO_S: Final = 0.3
#: How long it waits for answers before that, where nobody will kill this process: a container takes
#: seconds to start.
FINISH_S: Final = 10.0


class SessionEvents(Protocol):
    """What the kernel is told."""

    def on_hello(self, hello: Hello) -> None:
        """The session is open: at first, and again with each new boot."""

    def on_message(self, message: Message) -> None: ...

    def on_gap(self, gap: Gap | Oversized) -> None: ...

    async def drained(self) -> None:
        """Until the front ends have taken most of what was published."""

    def on_boot_over(self, boot: str, error: SessionKernelError, *, complete: bool) -> bool:
        """Requests that were sent to ``boot`` get no more answers, for this reason.

        :param complete: it has said all that it had to say.

        True when a cell was among them, so that the user knows.
        """


class NotebookSession:
    """Opened on first use and again after loss; closed once.

    :param busy: whether requests are under way.
    """

    def __init__(
        self,
        here: Surroundings,
        events: SessionEvents,
        busy: Callable[[], bool],
    ) -> None:
        self._here, self._events, self._busy = here, events, busy
        self._life = Life()
        self._preparing: asyncio.Task[Opening] | None = None
        self._opening: Opening | None = None
        self._task: asyncio.Task[Hello] | None = None
        self._closing: asyncio.Task[None] | None = None
        #: By what tells their end: the tasks in which calls of the executor's are under way.
        self._calls: dict[asyncio.Future[None], asyncio.Task[Any]] = {}
        self._reaping: asyncio.Task[None] | None = None
        self._taken: SessionTaken | None = None
        self._fresh = True
        self._unreached = False
        #: Of a boot that ended before it was open, perhaps while it was being opened.
        self._ended_early: tuple[str, SessionKernelError | None] = "", None
        self._variables, self._deaths = Variables(), Deaths()
        self._reopening: asyncio.TimerHandle | None = None
        self._questions = Questions()
        self._full = FullPool()
        #: For how long the pool had no request, when the session was found to be gone.
        self._idle_s = 0.0
        self.uploads = Uploads()
        """What ``%upload`` has brought into the session."""
        self._got_first_files = ""
        self.results = Results(self._files_now)
        """What ``AZURE_SESSION_DOWNLOAD`` brings back."""
        self.hello: Hello | None = None
        """What the session last said of itself."""

    @property
    def opening(self) -> Opening | None:
        """What is known without asking the session; None before the first attempt to open it."""
        return self._opening

    # -- opening ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open in the background, ahead of the first cell."""
        if self._reopening is not None:  # after the next end it would be one too many
            self._reopening.cancel()
        if self._life.on(Event.WANTED):
            self._task = asyncio.create_task(self._open())
            self._task.add_done_callback(_retrieve)

    async def opened(self, timeout_s: float) -> Hello | None:
        """The session's hello, or None when it is not open within ``timeout_s`` seconds."""
        if self._task is None and not self._deaths.too_many:
            self.begin()
        if self._task is None:  # taken, closing, or ended too often
            return self.hello
        try:
            return await within(self._full.wait_for(self._task, lambda: self._opening), timeout_s)
        except asyncio.TimeoutError:
            return None
        except asyncio.CancelledError:
            if not self._life.ending:
                raise
            return None
        except SessionKernelError as error:
            log.info("%s: %s", type(error).__name__, error)  # which the next cell shows
            return None
        except Exception:
            log.exception("opening the session failed")
            return None

    async def _ensure_open(self, *, for_cell: bool = True) -> Hello:
        """:raises SessionKernelError: why it can't be opened. Cancelling does not stop opening."""
        if self._life.ending:
            raise shutting_down()
        if self._taken is not None:
            raise self._taken
        if not for_cell and self._deaths.too_many and self._life.state is State.CLOSED:
            raise keeps_ending(self._deaths.in_a_row, self._variables.cause)
        self.begin()
        assert self._task is not None  # noqa: S101
        if self._task.done() and not _failed(self._task):
            return self._task.result()
        return await self._unless_closed(self._full.wait_for(self._task, lambda: self._opening))

    async def _open(self) -> Hello:
        self._ended_early = "", None
        try:
            opening = self._opening = await self._prepared()
            opening.client.open_ahead()  # while there is no token yet, or beside the hello
            if self._here.shared is not None:
                self._here.shared.reap(opening)
            hello = await self._hello_of_a_boot_that_may_be_used(opening)
        except BaseException as error:
            self._unreached = isinstance(error, PoolUnreachable | Unauthorized)
            self._life.on(Event.FAILED)
            raise
        if self._life.on(Event.OPENED):
            self._is_open(opening, hello)
            ended, why = self._ended_early
            if why is not None and ended == hello.boot and self._forget_boot(ended):
                self._begin_again(why)
        return hello

    async def _prepared(self) -> Opening:
        """A thread that takes a lease can't be cancelled: closing waits for what it has taken."""
        await self._leave_a_pool_that_has_moved()
        if self._preparing is None or _failed(self._preparing):
            work = partial(prepare, self._here, self, self._busy)
            self._preparing = asyncio.create_task(in_daemon_thread(work))
            self._preparing.add_done_callback(_retrieve)
        return await asyncio.shield(self._preparing)

    async def _leave_a_pool_that_has_moved(self) -> None:
        """A local pool that was started again elsewhere: the session went with the one before."""
        opening = self._opening
        if not self._unreached or opening is None:
            return
        self._unreached = False
        if await in_daemon_thread(partial(has_moved, opening)):
            self._preparing = self._opening = None
            await opening.executor.aclose()
            await opening.lease.release(remove=True)

    async def _hello_of_a_boot_that_may_be_used(self, opening: Opening) -> Hello:
        hello = await self._full.let_in(opening, lambda: opening.executor.start(OPEN_BUDGET_S))
        if not self._fresh or not _is_stale(opening, hello):
            return hello
        stale = hello.boot
        await opening.executor.restart(stale, "restart", OPEN_BUDGET_S)
        hello = await opening.executor.start(OPEN_BUDGET_S)
        if hello.boot == stale and hello.execution_count > 0:
            raise not_restarted()
        return hello

    def _is_open(self, opening: Opening, hello: Hello) -> None:
        self._fresh = False
        self._deaths.opened()
        if opening.settings.download and self.results.bring_back is None:
            from ..transfer.bring_back import BringBack

            self.results.bring_back = BringBack(self._here.folder, opening.settings.download)
        opening.lease.update("open", boot=hello.boot)
        self.hello = hello
        self._events.on_hello(hello)
        if hello.execution_count > 0:
            self._variables.found_in(hello.boot)
        if self._reaping is None and self._here.shared is None:
            self._reaping = asyncio.create_task(_reap(opening))

    # -- requests ---------------------------------------------------------------------------------

    async def send(self, messages: Sequence[Message], on_boot: Callable[[str], None]) -> None:
        """Deliver to the running boot. Opens the session when need be.

        :param on_boot: told the boot's id before anything is sent to it, so that nothing that
            happens to that boot is missed.

        A session that was replaced before any cell ran in it has lost nothing, so the messages go
        to the new one. Otherwise the next cell does not run but tells the loss (docs/design.md
        rule 3), also when something else than a cell has met it first. One that ends again and
        again is opened for a cell only, and once.

        :raises SessionKernelError: nothing was delivered, except for
            ``PoolUnreachable.sent``, which says that it may have been.
        """
        async with self._explaining():
            await self._send(messages, on_boot)

    async def _send(self, messages: Sequence[Message], on_boot: Callable[[str], None]) -> None:
        runs_code = any(message.msg_type == "execute_request" for message in messages)
        refused = 0
        while True:
            hello = await self._ensure_open(for_cell=runs_code)
            had_variables = self._variables.are_in(hello.boot)
            if runs_code:
                self._variables.check(hello.boot)
                self._variables.will_be_in(hello.boot)
            opening = self._opening
            if opening is None:
                raise shutting_down()
            try:
                if runs_code:
                    if self._has_first_files_to_come(opening, hello):
                        await self._call(self._upload_first_files(opening, hello))
                    self._deaths.gets_cell()
                on_boot(hello.boot)
                await self._call(opening.executor.send(hello.boot, messages, SEND_BUDGET_S))
            except SessionLost as error:
                self._forget_boot(hello.boot)
                self._deaths.ended()
                if had_variables:
                    if runs_code:
                        self._variables.told(hello.boot)
                    raise
                if runs_code:
                    self._variables.forget()
                if self._deaths.too_many:
                    raise keeps_ending(self._deaths.in_a_row, error.cause) from error
                await asyncio.sleep(self._deaths.pause_s())
                continue
            except PoolFull:
                # The session has ended, as its next one will show: that is what is waited for.
                self._forget_boot(hello.boot)
                if runs_code and not had_variables:
                    self._variables.forget()
                on_boot("")
                refused += 1
                if refused == FULL_TRIES:
                    raise
                continue
            except SessionTaken as error:
                self._is_taken(error)
                raise
            except PoolUnreachable:
                self._may_have_moved(opening, hello.boot)
                raise
            except ExecutionUnknown as error:
                if isinstance(error.__cause__, PoolUnreachable):
                    self._may_have_moved(opening, hello.boot)
                if runs_code and isinstance(error.__cause__, SessionLost):
                    self._forget_boot(hello.boot)
                    self._deaths.ended()
                    self._variables.told(hello.boot)  # with the rest of it
                raise
            return

    def pipelines(self, boot: str) -> bool:
        """Whether ``boot`` runs, and takes cells behind one that is not over."""
        hello = self.hello
        return hello is not None and hello.boot == boot and PIPELINING in hello.features

    @property
    def sends_at_once(self) -> bool:
        """Whether a message that is sent now has a connection, beside those in use."""
        return self._opening is not None and self._opening.client.sends_at_once

    async def send_ahead(self, boot: str, messages: Sequence[Message]) -> None:
        """Deliver cells behind one that runs in ``boot``, and to no other boot.

        :raises SessionKernelError: as ``send`` does. What it says of the session, that cell tells.
        """
        opening = self._opening
        if opening is None or not self.pipelines(boot):
            raise shutting_down()
        await self._call(opening.executor.send(boot, messages, SEND_BUDGET_S))

    def _may_have_moved(self, opening: Opening, boot: str) -> None:
        """A local pool that is out of reach is looked for anew by the next request."""
        if opening.endpoint.loopback:
            self._unreached = True
            self._forget_boot(boot)

    def _has_first_files_to_come(self, opening: Opening, hello: Hello) -> bool:
        """``AZURE_SESSION_UPLOAD``: before the first cell of an interpreter that has run none."""
        wanted = opening.settings.upload and not hello.execution_count
        return bool(wanted) and hello.boot != self._got_first_files

    async def _upload_first_files(self, opening: Opening, hello: Hello) -> None:
        from ..transfer.upload_first import upload_first

        try:
            files, folder = opening.executor.files(hello.boot), self._here.folder
            await upload_first(files, opening.settings.upload, folder)
        except FileTransferError:
            self._got_first_files = hello.boot  # one cell fails, not all
            raise
        except PoolUnreachable as error:
            error.sent = False  # files, but not the cell
            raise
        self._got_first_files = hello.boot

    async def _files_now(self) -> SessionFiles | None:
        """Also while another interpreter starts after a death: the session's files are still there.

        None: it is not open.
        """
        if self._task is None or self._life.ending:
            return None
        hello = await asyncio.shield(self._task)
        return None if self._opening is None else self._opening.executor.files(hello.boot)

    async def use(
        self, work: Callable[[Executor, Hello], Awaitable[T]], *, leaves_files: bool = False
    ) -> T:
        """Let ``work`` use the session itself: its files, its record. Opens it when need be.

        :param leaves_files: from then on the session holds something of the user's.

        :raises SessionLost: it was replaced, and held something. :raises SessionKernelError: why it
            can't be opened, or from ``work``.
        """
        async with self._explaining():
            return await self._use(work, leaves_files=leaves_files)

    async def _use(
        self, work: Callable[[Executor, Hello], Awaitable[T]], *, leaves_files: bool
    ) -> T:
        for _ in range(2):
            hello = await self._ensure_open()
            if self._opening is None:
                raise shutting_down()
            if leaves_files:
                self._variables.check(hello.boot)
            try:
                result = await self._call(_run(work, self._opening.executor, hello))
            except SessionLost:
                self._forget_boot(hello.boot)
                self._deaths.ended()
                if self._variables.are_in(hello.boot):
                    self._variables.told(hello.boot)
                    raise
                continue
            except SessionTaken as error:
                self._is_taken(error)
                raise
            self._deaths.used()
            if leaves_files:
                self._variables.will_be_in(hello.boot)
            return result
        raise SessionLost("The session ended while this cell used it.", fix="Run the cell again.")

    @property
    def is_dead(self) -> bool:
        """Whether the variables are gone, a cell has said so, and the kernel is to end with them,
        as a local one does (``AZURE_SESSION_ON_DEATH``).
        """
        return self._variables.lost and self._dies_with_them

    @property
    def _dies_with_them(self) -> bool:
        if self._opening is None:
            return False
        asked = self._opening.settings.on_death
        return asked == "die" or (asked == "auto" and self._opening.scope.kind == "kernel")

    @asynccontextmanager
    async def _explaining(self) -> AsyncIterator[None]:
        """Adds to an error that tells a loss what is known of the session that is gone.

        Another request than a cell may have met the loss first, and not told it.
        """
        idle_s = time.time() - self._opening.client.used_at if self._opening is not None else 0.0
        before = self.hello
        try:
            yield
        except SessionLost as error:
            idle_s, self._idle_s = max(idle_s, self._idle_s), 0.0
            opening = self._opening
            if error.while_idle and opening is not None:
                record = opening.executor.session_record
                # A kernel that ends now brings nothing back.
                uploads = Uploads() if self._dies_with_them else self.uploads
                await explain(error, idle_s, record, self._open_again, uploads)
            raise
        if before is not None and self.hello is not before:
            self._idle_s = idle_s

    async def _open_again(self) -> tuple[Executor, str]:
        """The session that has come in place of the lost one, and its boot."""
        hello = await self._ensure_open(for_cell=False)
        if self._opening is None:
            raise shutting_down()
        return self._opening.executor, hello.boot

    async def usage(self, boot: str, timeout_s: float) -> dict[str, Any]:
        """The content of a ``usage_reply``. :raises asyncio.TimeoutError: :raises PoolError:"""

        async def send(message: Message) -> None:
            if self._opening is not None:
                await self._call(self._opening.executor.send(boot, [message], timeout_s))

        return await self._questions.ask("control", "usage_request", send, timeout_s)

    def told(self, boot: str) -> None:
        """The end of ``boot`` was shown by a cell that was just being sent to it."""
        self._variables.told(boot)

    def not_told(self, boot: str) -> None:
        """The error of sending a cell to ``boot`` was not shown: the cell had been answered."""
        self._variables.not_told(boot)

    def _forget_boot(self, boot: str) -> bool:
        """The next request opens the session again. True when ``boot`` was the current one."""
        if self.hello is None or self.hello.boot != boot:
            return False
        if self._life.on(Event.LOST):
            self._task = None
        return True

    def _is_taken(self, error: SessionTaken) -> None:
        self._life.on(Event.TAKEN)
        self._taken = error

    async def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """A call of the executor's: closing ends it, for it could bring a stopped session back."""
        if self._life.ending:
            work.close()
            raise shutting_down()
        ended, task = asyncio.get_running_loop().create_future(), asyncio.current_task()
        assert task is not None  # noqa: S101
        self._calls[ended] = task
        try:
            return await self._unless_closed(work)
        finally:
            del self._calls[ended]
            ended.set_result(None)

    async def _unless_closed(self, work: Awaitable[T]) -> T:
        """:raises SessionLost: closing has cancelled it."""
        try:
            return await work
        except asyncio.CancelledError:
            if self._life.ending:
                raise shutting_down() from None
            raise

    async def interrupt(self, boot: str, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        """See ``Executor.interrupt``. :raises SessionKernelError: not delivered."""
        if self._opening is None:
            return "idle"
        return await self._call(self._opening.executor.interrupt(boot, msg_id, timeout_s))

    async def reaction(self, boot: str, msg_id: str | None, timeout_s: float) -> Reaction:
        """See ``Executor.reaction``. :raises SessionKernelError: it can't be asked."""
        if self._opening is None:
            return "unknown"
        return await self._call(self._opening.executor.reaction(boot, msg_id, timeout_s))

    async def kill_interpreter(self, boot: str, timeout_s: float) -> None:
        """The ladder's second step: a new boot, because the old one can't be interrupted."""
        if self._opening is not None:
            await self._call(self._opening.executor.restart(boot, "interrupt", timeout_s))

    # -- the end ----------------------------------------------------------------------------------

    async def close(self, *, restart: bool, spent_s: float = 0.0, hurry: bool = False) -> None:
        """Stop the session, or ask it for a new boot. Bounded: 2.5 seconds (docs/design.md 6).

        The first caller says which. All wait for the same end, which none can cancel.

        :param spent_s: how much of that is over.
        :param hurry: no more files are waited for: the process must end soon.
        """
        if hurry:
            self.results.hurry()
        if self._closing is None:
            last_look = self.results.wants_time
            if not last_look:
                self._life.on(Event.CLOSE)
            self._closing = asyncio.create_task(self._close(restart, spent_s, last_look=last_look))
        await asyncio.shield(self._closing)

    async def _close(self, restart: bool, spent_s: float, *, last_look: bool) -> None:
        try:
            if last_look:
                await self.results.last_look()
                self._life.on(Event.CLOSE)
            unsure = await self._let_go()
            opening, self._opening = self._opening, None
            if opening is not None:
                await self._end(opening, restart=restart, spent_s=spent_s, unsure=unsure)
        finally:
            self._life.on(Event.ENDED)

    async def _let_go(self) -> bool:
        """Nothing of ours goes on. True when a request may still be on its way to the pool."""
        if self._here.shared is not None:
            await self._finish_requests()
        ours = self._under_way()
        ending = {*ours, *({self._reaping} if self._reaping else ())}
        for one in ending:
            self._calls.get(one, one).cancel()
        if self._reopening is not None:
            self._reopening.cancel()
        if ending:
            await asyncio.wait(ending, timeout=LET_GO_S)
        if self._opening is None and self._preparing is not None:
            await asyncio.wait({self._preparing}, timeout=LET_GO_S)
            if self._preparing.done() and not _failed(self._preparing):
                self._opening = self._preparing.result()
        return bool(ours)

    def _under_way(self) -> set[asyncio.Future[Any]]:
        return {one for one in (self._task, *self._calls) if one and not one.done()}

    async def _finish_requests(self) -> None:
        """In a process that lives on there is time for answers: then a stop is sure."""
        self._full.give_up()
        if ours := self._under_way():
            await asyncio.wait(ours, timeout=FINISH_S)

    async def _end(self, opening: Opening, *, restart: bool, spent_s: float, unsure: bool) -> None:
        try:
            if restart:
                boot = self.hello.boot if self.hello is not None else ""
                await ask_for_new_boot(opening, boot, spent_s=spent_s)
            elif opening.settings.on_shutdown == "keep":
                await keep(opening)
            elif self._here.shared is not None:
                await stop_here(opening, unsure=unsure)
            else:
                await stop(opening, unsure=unsure, spent_s=spent_s)
        finally:
            await opening.executor.aclose()

    # -- called by the executor -------------------------------------------------------------------

    def on_message(self, message: Message) -> None:
        if message.msg_type == "execute_reply":
            self._deaths.answered()
        if not self._questions.take(message):
            self._events.on_message(message)
            self.results.on_message(message)

    def on_gap(self, gap: Gap | Oversized) -> None:
        self._events.on_gap(gap)

    async def drained(self) -> None:
        await self._events.drained()

    def on_boot_ended(self, boot: str, ended: BootEnded) -> None:
        """The interpreter died, or was restarted; the next one is opened, unless too many did."""
        log.info("boot %s ended: %s", boot, ended.reason)
        error = why_ended(ended)
        if self._forget_boot(boot):
            error = self._begin_again(error)
        else:
            self._ended_early = boot, error
        self._variables.gone_because(ended.cause)
        self._tell_gone(boot, error, complete=True)

    def _begin_again(self, error: SessionKernelError) -> SessionKernelError:
        """:returns: what is to be told of the end."""
        self._deaths.ended()
        if self._deaths.too_many:
            error = with_deaths(error, self._deaths.in_a_row)
            log.warning("the next interpreter is opened when a cell asks for it: %s", error)
        elif pause_s := self._deaths.pause_s():
            loop = asyncio.get_running_loop()
            self._reopening = loop.call_later(pause_s, self.begin)
        else:
            self.begin()
        return error

    def on_failure(self, boot: str, error: SessionKernelError) -> None:
        log.info("reading from boot %s ended: %s", boot, error)
        if isinstance(error, SessionTaken):
            self._is_taken(error)
        if isinstance(error, SessionLost):
            if self._busy():
                self._forget_boot(boot)
            # Else nobody has been told: the next cell's send will be refused, which tells.
            self._variables.gone_because(error.cause)
            files = [] if self._dies_with_them else self.uploads.targets
            self._tell_gone(boot, with_files(lost_while_running(), files), complete=False)
            return
        self._forget_boot(boot)
        if isinstance(error, UnexpectedAnswer) and error.status is None:
            error = unreadable(error)
        elif isinstance(error, PoolError | CredentialError):
            error = out_of_reach(error)
        if not self._events.on_boot_over(boot, error, complete=False):
            log.warning("reading from the session ended: %s", error)

    def _tell_gone(self, boot: str, error: SessionKernelError, *, complete: bool) -> None:
        """``boot`` and its variables are gone. If no cell runs, the next one will say so."""
        if self._events.on_boot_over(boot, error, complete=complete):
            if isinstance(error, Interrupted) and self._variables.are_in(boot):
                self._variables.forget()  # a timeout fails one cell, not the notebook
            self.told(boot)


def _is_stale(opening: Opening, hello: Hello) -> bool:
    """Whether this boot must not be used: a kernel's own session always begins empty."""
    if opening.stale_boot in (hello.boot, "*"):
        return True
    own = opening.scope.kind == "kernel" and opening.settings.identifier is None
    return own and hello.execution_count > 0


async def _reap(opening: Opening) -> None:
    await asyncio.sleep(REAP_AFTER_S)
    from .reaper import reap_leftovers

    await reap_leftovers(opening)


async def _run(
    work: Callable[[Executor, Hello], Awaitable[T]], executor: Executor, hello: Hello
) -> T:
    return await work(executor, hello)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _retrieve(task: asyncio.Task[Any]) -> None:
    """The error is shown by whoever asks for it; nobody asking is no reason for a warning."""
    if not task.cancelled():
        task.exception()
