"""The executor for pools that run whole programs: one ``POST``, no more (docs/design.md 10).

The life of one cell: asked for its input where it reads any (``input.py``), sent once
(``pool.py``), its answer read (``answer.py``) and shown (``outcome.py``) when it ends. What such a
pool is like, small programs find out (``probe.py``).

A cell whose request was sent is never sent again: if its answer is lost, it ends with
``ExecutionUnknown``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...common.errors import (
    CredentialError,
    PoolError,
    PoolUnavailable,
    PoolUnreachable,
    SessionKernelError,
    UnexpectedAnswer,
)
from ...common.owned_tasks import OwnedTasks
from ...pool.client import PoolClient
from ...pool.retry import FULL_S, retry
from ...wire import (
    PROTOCOL_VERSION,
    BootEnded,
    Hello,
    InterruptOutcome,
    Message,
    Reaction,
    RestartReason,
)
from ..base import ExecutorContext, Stdin
from ..plain import Counter, PlainResult, begun, ended
from ..plain_requests import answers
from .answer import Ran
from .cannot import refuse_widgets, watch
from .code import show_last_value
from .files import NoFiles
from .input import Asking, given, reads_input
from .outcome import outcome, without_ours
from .pool import OneShotPool
from .probe import Seen, new_boot
from .refusals import did_not_run, ran_after_all, told
from .texts import interrupted, language_info, lost, rows

log = logging.getLogger(__name__)

#: A pool that can't be reached at a kernel's start is a wrong setting more often than weather.
UNREACHABLE_S: Final = 8.0
#: How long the answer to a cell is waited for. Azure's front gives up long before.
RUN_S: Final = 600.0
#: A session that was idle for longer may be gone, and its successor still starting: a probe meets
#: that, so that the cell, which can't be sent twice, does not.
QUIET_S: Final = 60.0
#: How long an interrupted cell waits for the news that its session was stopped; how long stopping
#: may take in all, which the next cell waits for.
TOLD_WITHIN_S: Final = 1.5
STOP_S: Final = 10.0


@dataclass(eq=False)
class _Cell:
    """A cell under way.

    :ivar sent: its request may have reached the pool.
    :ivar clean: any text of its answer, without what its code was sent with.
    """

    message: Message
    asking: Asking
    task: asyncio.Task[None] | None = None
    sent: bool = False
    interrupted: bool = False
    clean: Callable[[str], str] = str


class OneShotExecutor:
    """An ``Executor`` (see ``executors/base.py``) over ``POST {execute path}``.

    The interpreter's environment variables can't be set in such a pool.

    :ivar pool: what is known of the pool, and the requests to it.
    """

    name: Final = "oneshot"

    def __init__(self, client: PoolClient, context: ExecutorContext) -> None:
        self._client, self._context = client, context
        self._events = context.events
        self.pool = OneShotPool(client, context.execute_path)
        self._boot = new_boot()
        self._counter = Counter()
        self._cells: dict[str, _Cell] = {}
        self._tasks = OwnedTasks(log)
        self._stopping: asyncio.Task[bool] | None = None

    @property
    def stdin(self) -> Stdin:
        return Stdin.AT_START if self.pool.takes_stdin else Stdin.NONE

    # -- opening ----------------------------------------------------------------------------------

    async def start(self, budget_s: float) -> Hello:
        await self._stopped()
        try:
            seen = await retry(self.probe, budget_s, unreachable_s=UNREACHABLE_S, full_s=0.0)
            if self.pool.keeps is None:
                await self.pool.probe_again(seen)
        except PoolUnreachable as error:
            error.sent = False  # a probe, but no cell
            raise
        if self.pool.keeps and seen.boot != self._boot:
            self._boot, self._counter = seen.boot, Counter(seen.count)
        return self._hello()

    async def probe(self) -> Seen:
        """The first program: which boot is there? A session that is new must not be taken for the
        one we know, so it is told another one. :raises PoolError:
        """
        return await self.pool.probe(new_boot() if self.pool.keeps else self._boot)

    def _hello(self) -> Hello:
        return Hello(
            protocol=PROTOCOL_VERSION,
            adapter="",
            boot=self._boot,
            state="idle",
            execution_count=self._counter.value,
            next=1,
            info={"language_info": language_info(self.pool.python)},
            features=(),
            running=(),
        )

    # -- cells ------------------------------------------------------------------------------------

    async def send(self, boot: str, messages: Sequence[Message], budget_s: float) -> None:
        if boot != self._boot:
            raise lost()
        for message in messages:
            if message.msg_type == "execute_request":
                await self._begin(message, budget_s)
            elif message.channel == "stdin":
                for cell in self._cells.values():
                    cell.asking.take(message)
            else:
                self._show(answers(message))

    async def _begin(self, message: Message, budget_s: float) -> None:
        """Once this returns, the cell ends by messages, however it ends."""
        try:
            await self._ready_for_a_cell(budget_s)
        except PoolUnreachable as error:
            error.sent = False
            raise
        cell = _Cell(message, Asking(message, self._events.on_message))
        self._cells[message.msg_id] = cell
        self._show(begun(message, self._counter.begin(message)))
        cell.task = self._tasks.start(self._run(cell, budget_s))

    async def _ready_for_a_cell(self, budget_s: float) -> None:
        """A loss is seen before the cell is sent, where there is one (docs/design.md rule 3)."""
        await self._stopped()
        quiet = time.monotonic() - self.pool.heard_at > QUIET_S
        if not self.pool.keeps and not quiet:
            return
        count = self._counter.value + 1
        boot = await retry(lambda: self.pool.check(count), budget_s, full_s=FULL_S)
        if self.pool.keeps and boot != self._boot:
            raise lost()

    async def _run(self, cell: _Cell, budget_s: float) -> None:
        try:
            result = await self._result(cell, budget_s)
        except SessionKernelError as error:
            result = PlainResult(failure=error)
        except Exception as error:
            log.exception("a cell's answer could not be shown")
            result = PlainResult(failure=UnexpectedAnswer(f"{type(error).__name__} in the kernel."))
        self._end(cell, without_ours(result, cell.clean))

    def _end(self, cell: _Cell, result: PlainResult) -> None:
        self._cells.pop(cell.message.msg_id, None)
        self._show(ended(cell.message, result, self._counter.value))

    async def _result(self, cell: _Cell, budget_s: float) -> PlainResult:
        code = str(cell.message.content.get("code", ""))
        refuse_widgets(code)
        stdin = given(cell.message)
        reads = reads_input(code) if stdin is None and self.pool.takes_stdin else None
        if reads is not None and cell.message.content.get("allow_stdin"):
            stdin = await cell.asking.all(reads)
        silent = bool(cell.message.content.get("silent"))
        sent = show_last_value(code, wanted=not silent and not self.pool.shows_results)
        watched = watch(sent.text, ends=self.pool.one_text)
        cell.clean = lambda text: sent.unwrapped(watched.unwatched(text))

        async def attempt() -> Ran:
            return await self._send_once(cell, watched.text, stdin or "")

        ran = await retry(attempt, budget_s)
        pool = self.pool
        return outcome(
            ran, sent, watched, code, keeps=bool(pool.keeps), takes_stdin=pool.takes_stdin
        )

    async def _send_once(self, cell: _Cell, code: str, stdin: str) -> Ran:
        """Raises what may be tried again only when the cell has not run."""
        cell.sent = True
        try:
            return await self.pool.execute(code, stdin, RUN_S)
        except CredentialError:
            cell.sent = False
            raise
        except PoolError as error:
            if did_not_run(error):
                cell.sent = False
                raise
            ran = ran_after_all(error)
            if ran is not None:
                return ran
            raise told(error) from error

    # -- the end of a cell, and of the session ----------------------------------------------------

    async def interrupt(self, boot: str, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        """Such a pool has no signal: the request is abandoned and the session stopped."""
        cell = self._cells.get(msg_id) if msg_id else next(iter(self._cells.values()), None)
        if cell is None:
            return "idle"
        if not cell.interrupted:
            cell.interrupted = True
            self._tasks.start(self._interrupt(cell))
        return "signalled"

    async def reaction(self, boot: str, msg_id: str | None, timeout_s: float) -> Reaction:
        return "unknown"  # the first interrupt has ended the cell

    async def _interrupt(self, cell: _Cell) -> None:
        if cell.task is not None:
            cell.task.cancel()
            await asyncio.wait({cell.task})
        if cell.message.msg_id not in self._cells:
            return  # it ended at this very moment
        stopped = await self._stop_for(cell) if cell.sent else None
        if stopped and self.pool.keeps:
            self._cells.pop(cell.message.msg_id, None)
            self._leave_boot()
            return
        self._end(cell, PlainResult(failure=interrupted(cell.sent, stopped, self.pool.keeps)))

    async def _stop_for(self, cell: _Cell) -> bool:
        """Whether the session was stopped, as far as is known soon."""
        self._stopping = self._tasks.start_awaited(self._client.stop_session(STOP_S))
        done, _ = await asyncio.wait({self._stopping}, timeout=TOLD_WITHIN_S)
        return bool(done) and self._stopping.result()

    def _leave_boot(self) -> None:
        """Its variables went with the session; who waits for the cell is told by this."""
        boot, self._boot, self._counter = self._boot, new_boot(), Counter()
        self._events.on_boot_ended(boot, BootEnded(1, "stopped", ""))

    async def restart(self, boot: str, reason: RestartReason, timeout_s: float) -> None:
        """Where nothing is kept and nothing runs, every cell begins anew as it is."""
        if self.pool.keeps is False and not self._cells:
            return
        await self._abandon_cells()
        if not await self._client.stop_session(timeout_s):
            raise PoolUnavailable("The session could not be stopped, so its variables live on.")
        self._boot, self._counter = new_boot(), Counter()

    async def stop(self, timeout_s: float) -> bool:
        under_way = bool(self._tasks)
        await self._abandon_cells()
        return await self._client.stop_session(timeout_s) and not under_way

    async def aclose(self) -> None:
        await self._abandon_cells()
        await self._client.aclose()

    async def _abandon_cells(self) -> None:
        self._cells.clear()
        await self._tasks.aclose()

    async def _stopped(self) -> None:
        """A session that is being stopped must not get the next cell."""
        if self._stopping is not None:
            await asyncio.wait({self._stopping}, timeout=STOP_S)
            self._stopping = None

    # -- the rest of the interface ----------------------------------------------------------------

    def files(self, boot: str) -> NoFiles:
        return NoFiles()

    async def read_up_to(self, n: int) -> None:
        """There is no log."""

    async def measure_latency(self, timeout_s: float) -> float:
        begun_at = time.monotonic()
        try:
            await self._client.request("GET", "/health", timeout_s=timeout_s)
        except PoolError as error:
            if error.status is None:
                raise
        return time.monotonic() - begun_at

    async def session_record(self) -> dict[str, Any] | None:
        return await self._client.get_session()

    def session_rows(self) -> Sequence[tuple[str, str]]:
        return rows(self.pool, env=bool(self._context.env))

    def _show(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._events.on_message(message)
