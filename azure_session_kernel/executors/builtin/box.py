"""One boot's mailbox, this kernel's side of it.

The life of a message, downwards through this file::

    deliver     waits for its turn: the pool runs one execution at a time
    _run        sends the execution, again after a broken connection: it is known by its msg_id
    _judge      what the execution's answer says
    Inbox       (inbox.py) what the session says; its log, not the answer, is the truth about a cell

What can't wait for an execution is put beside it (``notes.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

from ...common.errors import (
    CredentialError,
    PoolError,
    PoolUnreachable,
    SessionKernelError,
    UnexpectedAnswer,
)
from ...common.owned_tasks import OwnedTasks
from ...common.within import within
from ...pool.retry import delays, patience_s, retry
from ...wire import (
    EndReason,
    InterruptOutcome,
    Message,
    Reaction,
)
from ...wire.composed import status
from ..base import ExecutorEvents
from ..log_reader import lost, taken
from .azure import LIMIT_S, PASSES, BuiltinPool, Execution
from .code import carrying, said
from .delivery import MAX_CODE_CHARS, Delivery, is_for_beside
from .failures import (
    DIED,
    disk_full,
    ended_by,
    failure_of,
    lost_on_the_way,
    not_understood,
)
from .folder import Folder, Where
from .inbox import Boot, Inbox
from .notes import Notes
from .reader import Position

log = logging.getLogger(__name__)

#: After a cell's end its execution should be answered at once; it is not waited for longer than
#: this and a round trip, for the answer may be lost, and its log has said all.
ANSWER_S: Final = 0.25
#: Answers in a row that say nothing of our messages, before that is an error.
ODD_ANSWERS: Final = 4


class Box:
    """Both halves: executions on their way in here, what is heard in ``inbox.py``.

    :ivar boot: which is still there, or being ended.
    """

    def __init__(
        self,
        pool: BuiltinPool,
        events: ExecutorEvents,
        where: Where,
        *,
        outage_s: float,
        position: Position,
    ) -> None:
        self.pool, self._events, self.where = pool, events, where
        self._folder, self._outage_s = Folder(pool, where), outage_s
        self.boot, self._notes = Boot(where.boot), Notes(self._folder)
        self._turn = asyncio.Lock()
        self._tasks = OwnedTasks(log)
        self._inbox = Inbox(
            self.boot,
            self._folder,
            self._notes,
            events,
            self._turn.locked,
            position=position,
            outage_s=outage_s,
        )
        self.reader = self._inbox.reader

    @property
    def over(self) -> bool:
        return self.boot.over

    @property
    def under_way(self) -> bool:
        """Whether an execution has been sent and not been answered."""
        return self._turn.locked()

    async def aclose(self) -> None:
        self.boot.over = True
        await self._tasks.aclose()
        await self._inbox.aclose()

    # -- messages in ------------------------------------------------------------------------------

    async def deliver(self, messages: Sequence[Message], budget_s: float) -> None:
        """Returns once they have arrived. As ``Executor.send``."""
        if self._turn.locked() and all(is_for_beside(message) for message in messages):
            self._inbox.expect_beside(list(messages))
            await self._notes.messages(messages)
            return
        delivery = Delivery(messages)
        self._inbox.expect(delivery)
        self._tasks.start(self._run(delivery, budget_s))
        try:
            await asyncio.shield(delivery.accepted)
        except asyncio.CancelledError:
            delivery.withdrawn = True
            raise

    async def _run(self, delivery: Delivery, budget_s: float) -> None:
        async with self._turn:
            try:
                if delivery.withdrawn or self.over:
                    delivery.refuse(lost())
                else:
                    await self._send(delivery, budget_s)
            except Exception as error:
                log.exception("sending an execution failed")
                failed = f"Sending to the session failed ({type(error).__name__})."
                self._fail(delivery, UnexpectedAnswer(failed))
        if not delivery.known or self.over:
            self._inbox.forget(delivery)
        if self._turn.locked() or self.over:
            return
        left = self._inbox.take_left_beside()
        if left:
            with contextlib.suppress(SessionKernelError):
                await self.deliver(left, budget_s)

    async def _send(self, delivery: Delivery, budget_s: float) -> None:
        """Until the execution has been answered for good, or its messages have all been read."""
        odd = 0
        waits = delays()
        broken_at: float | None = None
        delivery.posted_at = time.monotonic()
        self.reader.kick()
        while not delivery.complete.is_set() and not self.over:
            try:
                execution = await self._post(delivery)
            except (PoolError, CredentialError) as error:
                delivery.failed(error)
                now = time.monotonic()
                broken_at = broken_at if broken_at is not None else now
                if not self._goes_on(delivery, error, now - broken_at, budget_s):
                    self._fail(delivery, failure_of(delivery, error))
                    return
                await delivery.completed(next(waits))
                continue
            broken_at = None
            delivery.answered()
            if execution is None or await self._judge(delivery, execution):
                return
            odd = odd + 1 if not delivery.known and delivery.running_s < LIMIT_S / 2 else 0
            if odd >= ODD_ANSWERS:
                self._fail(delivery, not_understood(execution))
                return
            await delivery.completed(next(waits))

    def _goes_on(
        self,
        delivery: Delivery,
        error: PoolError | CredentialError,
        broken_s: float,
        budget_s: float,
    ) -> bool:
        """An answer does not end what has arrived; a pool that is out of reach does, in time."""
        if delivery.known:
            answered = getattr(error, "status", None) is not None
            return answered or broken_s <= patience_s(error, self._outage_s)
        return delivery.may_pass(error) and broken_s <= patience_s(error, budget_s)

    async def _post(self, delivery: Delivery) -> Execution | None:
        """The execution's answer; None when its messages have been read and none has come."""
        payload = await self._payload(delivery)
        post = asyncio.create_task(
            self.pool.execute(carrying(payload), operation=delivery.operation)
        )
        complete = asyncio.create_task(delivery.complete.wait())
        self.boot.connected = True
        try:
            await asyncio.wait({post, complete}, return_when=asyncio.FIRST_COMPLETED)
            if not post.done():
                await asyncio.wait({post}, timeout=ANSWER_S + self.reader.trip_s)
            return await post if post.done() else None
        finally:
            self.boot.connected = False
            for task in (post, complete):
                task.cancel()
            await asyncio.gather(post, complete, return_exceptions=True)

    async def _payload(self, delivery: Delivery) -> dict[str, Any]:
        payload = {**self._addressed("messages"), "name": delivery.name}
        messages = delivery.as_json()
        if len(carrying({"messages": messages})) <= MAX_CODE_CHARS:
            return {**payload, "messages": messages}
        name = f"in-{delivery.name}"
        await self._folder.put(name, messages, 60.0)
        return {**payload, "file": name}

    def _addressed(self, do: str) -> dict[str, Any]:
        where = self.where
        to = {"boot": where.boot, "reader": where.reader}
        place = {"base": where.base, "layout": where.layout}
        pace = {"read": self.reader.chunk, "window": self.reader.window_s()}
        return {"do": do, **to, **place, **pace}

    async def _judge(self, delivery: Delivery, execution: Execution) -> bool:
        """Whether the answer settles it; if not, the same is sent again."""
        answer = said(execution.stdout)
        if answer is None:
            delivery.perhaps = True
            log.warning("an execution was answered with: %s", execution.excerpt)
            return False
        if answer.get("refused") == "taken":
            self._fail(delivery, taken())
        elif answer.get("missing") or "refused" in answer:
            await self._gone(delivery)
        elif answer.get("name", delivery.name) != delivery.name:
            log.warning("an execution got the answer to another one")
            return False
        elif isinstance(answer.get("chunk"), int) and answer.get("came"):
            delivery.accept()
            self.reader.expect(answer["chunk"])
            if answer.get("problem"):
                await self._end_here(delivery, answer)
        else:
            log.warning("the mailbox failed: %s", str(answer)[:300])
            return False
        return True

    async def _end_here(self, delivery: Delivery, answer: dict[str, Any]) -> None:
        """The session can't write the end of its cells, but has said that they are over."""
        n, count = (answer.get(key) for key in ("n", "execution_count"))
        await self.reader.read_up_to(n if isinstance(n, int) else 0)
        error = disk_full(str(answer["problem"]))
        for message in delivery.unended:
            for told in ended_by(error, message, count if isinstance(count, int) else 0):
                self._inbox.on_line(told)

    def _fail(self, delivery: Delivery, error: SessionKernelError) -> None:
        self._inbox.forget(delivery)
        if not delivery.refuse(error) and not self.over and not self.boot.ending:
            self._events.on_failure(self.where.boot, error)

    async def _gone(self, delivery: Delivery) -> None:
        """The interpreter that answers is another one. Its files tell whether the session is."""
        if self.boot.ending:
            return
        same_session = (delivery.known or delivery.perhaps) and await self._files_are_there()
        if same_session:
            await self.reader.drain()
            await self._accept_if_begun(delivery)
        self.boot.over = True
        await self.reader.aclose()
        if delivery.known and same_session:
            self._inbox.end("killed", DIED)
        elif delivery.known:
            self._inbox.fail(lost())
        else:
            self._fail(delivery, lost_on_the_way() if delivery.perhaps else lost())

    async def _accept_if_begun(self, delivery: Delivery) -> None:
        """A crash can be faster than the log, but not than the word that they have begun."""
        with contextlib.suppress(PoolError, CredentialError):
            if not delivery.known and await self._folder.get(f"began-{delivery.name}") is not None:
                for message in delivery.messages:
                    self._inbox.on_line(status(message, "busy"))

    async def _files_are_there(self) -> bool:
        with contextlib.suppress(PoolError, CredentialError):
            return await self._inbox.is_there()
        return False

    async def killed(self, reason: EndReason, cause: str) -> None:
        """The session, or its interpreter, was ended by this kernel."""
        await self.aclose()
        self._inbox.end(reason, cause)

    # -- beside a running execution ---------------------------------------------------------------

    async def answer_input(self, message: Message, budget_s: float) -> None:
        """An ``input_reply``. Sending it again does nothing. :raises PoolError: it is not there."""

        async def attempt() -> None:
            if not self.over:  # else nobody asks any longer
                await self._notes.input_reply(message)

        await retry(attempt, budget_s, least=2, also=PASSES)
        self.reader.kick()

    async def interrupt(self, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        found = self._inbox.find(msg_id)
        if found is None:
            return "idle"
        self._inbox.interrupted(found[0])
        await self._notes.signal(found[0], timeout_s)
        self.reader.kick()
        return "pending"

    async def reaction(self, timeout_s: float) -> Reaction:
        """As ``Notes.reaction``. :raises PoolError:"""
        return await self._notes.reaction(timeout_s)

    async def exit(self, timeout_s: float) -> None:
        """End the interpreter's process, where the pool has no call that ends a session."""
        await self._notes.exit(timeout_s)
        if not self._turn.locked():
            with contextlib.suppress(PoolUnreachable, PoolError):
                await within(self.pool.execute(carrying(self._addressed("exit"))), timeout_s)

    async def use_files(self, do: str, what: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """What ``interpreter/files.py`` tells of it. Repeating is safe. :raises SessionLost:"""
        into = f"{do}-{secrets.token_hex(6)}"
        payload = {**self._addressed(do), "into": into, "messages": what}
        if len(carrying(payload)) > MAX_CODE_CHARS:
            del payload["messages"]
            payload["file"] = f"what-{secrets.token_hex(6)}"
            await self._folder.put(payload["file"], what, 60.0)
        waits = delays()
        for _ in range(ODD_ANSWERS):
            async with self._turn:
                execution = await self.pool.execute(carrying(payload))
            answer = said(execution.stdout) or {}
            if answer.get("missing") or "refused" in answer:
                raise taken() if answer.get("refused") == "taken" else lost()
            if answer.get("came", True):
                break
            await asyncio.sleep(next(waits))  # what was uploaded may be seen a moment later
        found = await self._notes.taken_back(into, timeout_s)
        if found is None:
            raise not_understood(execution)
        return found
