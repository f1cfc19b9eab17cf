"""The executor for built-in PythonLTS pools: a mailbox instead of an adapter (docs/design.md 9).

Such a pool runs code and keeps files, no more. A Jupyter session over that is in ``box.py``; how
it works, and what holds, in docs/mailbox.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

from ...common.errors import PoolError, PoolUnreachable, SessionKernelError
from ...pool.client import PoolClient
from ...pool.management import is_gone
from ...pool.retry import retry
from ...wire import EndReason, Hello, InterruptOutcome, Message, Reaction, RestartReason
from ..adapter.executor import UNREACHABLE_S
from ..base import ExecutorContext, Stdin
from ..in_folder import seen_from
from ..log_reader import lost
from ..session_files import SessionFiles
from .azure import PASSES, BuiltinPool
from .box import Box
from .files import MailboxFiles
from .names import is_plain
from .opening import Opened, open_interpreter
from .plain_cells import PlainCells
from .reader import Position
from .refusals import refused

log = logging.getLogger(__name__)

_DID_NOT_END: Final = (
    "The cell had not ended in time after the interrupt, so its session was stopped. "
)
_CANT_INTERRUPT: Final = (
    "A cell can't be interrupted in this pool without a mailbox, so its session was stopped. "
)
_GONE: Final = "All variables are gone, and so are the session's files."

#: How long the pool may take to make files of an interpreter readable, and the like.
CALL_S: Final = 10.0
#: How long the end of a session may take.
END_S: Final = 15.0


class InterpreterExecutor:
    """An ``Executor`` (see ``executors/base.py``) over ``/executions`` and ``/files``.

    :ivar note: what the user should know of this pool, or "".
    """

    name: Final = "interpreter"

    def __init__(self, client: PoolClient, context: ExecutorContext) -> None:
        """Whether it is busy the box knows better than the context."""
        self._client, self._context = client, context
        self._events, self._outage_s = context.events, context.outage_s
        self._pool = BuiltinPool(client)
        self._id = "r-" + secrets.token_hex(8)
        self._box: Box | None = None
        self._plain: PlainCells | None = None
        self._ending: asyncio.Future[None] | None = None
        self._boot = self.note = self._folder = ""

    @property
    def stdin(self) -> Stdin:
        return Stdin.NONE if self._plain is not None else Stdin.ASKS

    def session_rows(self) -> Sequence[tuple[str, str]]:
        rows = [("api-version", self._pool.version.name)]
        return [*rows, ("outputs", self.note)] if self.note else rows

    async def start(self, budget_s: float) -> Hello:
        if self._ending is not None:
            await asyncio.wait({self._ending}, timeout=END_S)
        try:
            opened = await retry(
                self._open, budget_s, unreachable_s=UNREACHABLE_S, full_s=0.0, also=PASSES
            )
        except PoolUnreachable as error:
            error.sent = False  # a hello, but no cell
            raise
        await self._use(opened)
        return opened.hello

    async def _open(self) -> Opened:
        asked = self._context
        env, arguments = dict(asked.env), asked.arguments
        folder = asked.folder if is_plain(asked.folder) else ""
        return await open_interpreter(self._pool, self._id, env, arguments, folder)

    async def _use(self, opened: Opened) -> None:
        before, self._box = self._box, None
        if before is not None:
            await before.aclose()
        self._boot, self.note = opened.hello.boot, opened.note
        self._folder = opened.hello.folder
        if opened.where is None:
            self._plain = PlainCells(self._pool, self._events, self._boot, self._outage_s)
            return
        self._plain = None
        position = Position(*opened.read)
        if before is not None and before.where.boot == self._boot:
            position = before.reader.position  # what it has not read is read now
        self._box = Box(
            self._pool,
            self._events,
            opened.where,
            outage_s=self._outage_s,
            position=position,
        )
        self._box.reader.expect(opened.chunk)

    async def send(self, boot: str, messages: Sequence[Message], budget_s: float) -> None:
        if boot != self._boot or (self._box is not None and self._box.over):
            raise lost()
        if self._plain is not None:
            await self._plain.send(messages, budget_s)
            return
        box, carried = self._running_box(), []
        for message in messages:
            if message.channel == "stdin":
                await box.answer_input(message, max(budget_s, self._outage_s))
            elif (answers := refused(message)) is not None:
                for answer in answers:
                    self._events.on_message(answer)
            else:
                carried.append(message)
        if carried:
            await box.deliver(carried, budget_s)

    def _running_box(self) -> Box:
        if self._box is None:
            raise lost()
        return self._box

    async def interrupt(self, boot: str, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        if self._box is None or boot != self._boot:
            return "idle"
        return await self._box.interrupt(msg_id, timeout_s)

    async def reaction(self, boot: str, msg_id: str | None, timeout_s: float) -> Reaction:
        if self._box is None or boot != self._boot:
            return "unknown"
        return await self._box.reaction(timeout_s)

    async def restart(self, boot: str, reason: RestartReason, timeout_s: float) -> None:
        """The session goes, with its files: Azure restarts no interpreter. Where it can't end
        sessions, ours exits.
        """
        if boot != self._boot:
            return
        # It goes on when the caller has no more time: the pool may take longer to confirm it. Who
        # asks meanwhile, as whoever interrupts again does, waits for the same end.
        if (ending := self._ending) is None or ending.done():
            plain, box = self._plain, self._box
            end = self._end_boot(box, reason) if plain is None else self._end_plain(plain, reason)
            ending = self._ending = asyncio.ensure_future(end)
        done, _ = await asyncio.wait({ending}, timeout=timeout_s)
        if not done:
            ending.add_done_callback(_log_failure)
            raise PoolUnreachable("The pool did not confirm in time that the session ended.")
        ending.result()

    async def _end_boot(self, box: Box | None, reason: RestartReason) -> None:
        if box is not None:
            box.boot.ending = True
        try:
            told, cause = await self._end(box, reason, END_S)
        except BaseException:
            if box is not None:
                box.boot.ending = False
            raise
        if box is not None and not box.over:
            await box.killed(told, cause)

    async def _end_plain(self, plain: PlainCells, reason: RestartReason) -> None:
        async with plain.ending:
            await self._pool.end_session(END_S)
            if reason == "interrupt":
                plain.ended("stopped", _CANT_INTERRUPT + _GONE)

    async def _end(
        self, box: Box | None, reason: RestartReason, timeout_s: float
    ) -> tuple[EndReason, str]:
        """Reason and cause of the boot's end."""
        try:
            await self._pool.end_session(timeout_s)
        except PoolError as error:
            if error.status is None or box is None:
                raise
            await box.exit(timeout_s)
            return reason, "The interpreter was ended."
        told = "stopped" if reason == "interrupt" else reason
        return told, _DID_NOT_END + _GONE

    def files(self, boot: str) -> SessionFiles:
        box = self._box

        async def ask(do: str, what: dict[str, Any]) -> dict[str, Any]:
            return await self._running_box().use_files(do, what, CALL_S)

        def over() -> bool:
            return boot != self._boot or (box is not None and box.over)

        asked = ask if box is not None else None
        return seen_from(MailboxFiles(self._pool, self._outage_s, asked, over), self._folder)

    async def read_up_to(self, n: int) -> None:
        if self._box is not None:
            await self._box.reader.read_up_to(n)

    async def measure_latency(self, timeout_s: float) -> float:
        begun = time.monotonic()
        await self._pool.download("", "hello", timeout_s)
        return time.monotonic() - begun

    async def session_record(self) -> dict[str, Any] | None:
        try:
            return await self._pool.session_record()
        except PoolError as error:
            if error.status in (400, 404):
                return None
            raise

    async def stop(self, timeout_s: float) -> bool:
        box, self._box = self._box, None
        quiet = box is None or not box.under_way
        if box is not None:
            await box.aclose()
        try:
            await self._pool.end_session(timeout_s)
        except PoolError as error:
            return is_gone(error) and quiet
        return quiet

    async def aclose(self) -> None:
        box, self._box = self._box, None
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.gather(self._ending, return_exceptions=True)
        if box is not None:
            await box.aclose()
        with contextlib.suppress(PoolError):
            await self._client.aclose()


def _log_failure(ending: asyncio.Future[None]) -> None:
    if not ending.cancelled() and (error := ending.exception()) is not None:
        said = error.what if isinstance(error, SessionKernelError) else error
        log.warning("the session could not be ended: %s", said)
