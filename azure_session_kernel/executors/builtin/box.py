"""One boot's mailbox, this kernel's side of it.

The life of a message, downwards through this file::

    deliver     waits for its turn: the pool runs one execution at a time
    _run        sends the execution, again after a broken connection: it is known by its msg_id
    _judge      what the execution's answer says
    on_line     what the session says; its log, not the answer, is the truth about a cell
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import partial
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
from ...pool.retry import delays, retry
from ...wire import (
    REACTIONS,
    BootEnded,
    EndReason,
    Gap,
    InterruptOutcome,
    Message,
    Oversized,
    Reaction,
    WireError,
    load,
    word,
)
from ..base import ExecutorEvents
from ..log_reader import lost, taken
from ..plain import status
from ..session_files import MAX_ANSWER_BYTES
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
    unheard,
)
from .folder import Folder, Where
from .limit import with_limit
from .reader import MailboxReader, Position

log = logging.getLogger(__name__)

#: After a cell's end its execution should be answered at once; it is not waited for longer than
#: this and a round trip, for the answer may be lost, and its log has said all.
ANSWER_S: Final = 0.25
#: Answers in a row that say nothing of our messages, before that is an error.
ODD_ANSWERS: Final = 4
#: Tell the session what has been read after so much, or so many files, so that it can remove it.
ACKNOWLEDGE_BYTES: Final = 16 * 1024 * 1024
ACKNOWLEDGE_FILES: Final = 256


class Box:
    """:ivar over: this boot is gone, or somebody else's.

    :ivar ending: this kernel is ending it, which explains what fails meanwhile.
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
        self._folder = Folder(pool, where)
        self._outage_s = outage_s
        self.over = self.ending = False
        self._turn = asyncio.Lock()
        self._deliveries: dict[str, Delivery] = {}
        self._beside: dict[str, Message] = {}
        #: The session takes what is there in the order of its names, and each name once.
        self._name, self._numbers = secrets.token_hex(8), itertools.count(1)
        self._interrupted: set[str] = set()
        self._tasks = OwnedTasks(log)
        self._acknowledged_bytes, self._acknowledged_chunk = 0, position.chunk
        self._connected = False
        self.reader = MailboxReader(
            self._fetch,
            self,
            is_there=self._is_there,
            running=self._running,
            connected=lambda: self._connected,
            position=position,
            outage_s=outage_s,
        )

    def _running(self) -> bool:
        return self._turn.locked() or bool(self._deliveries)

    @property
    def under_way(self) -> bool:
        """Whether an execution has been sent and not been answered."""
        return self._turn.locked()

    async def _fetch(self, chunk: int) -> bytes | None:
        return await self._folder.get(f"out-{chunk}")

    async def _is_there(self) -> bool:
        """:raises PoolError: it can't be told."""
        return await self._folder.get("hello") is not None

    async def aclose(self) -> None:
        self.over = True
        await self._tasks.aclose()
        await self.reader.aclose()

    # -- messages in ------------------------------------------------------------------------------

    async def deliver(self, messages: Sequence[Message], budget_s: float) -> None:
        """Returns once they have arrived. As ``Executor.send``."""
        if self._turn.locked() and all(is_for_beside(message) for message in messages):
            self._beside |= {message.msg_id: message for message in messages}
            await self._put_beside(messages)
            return
        delivery = Delivery(messages)
        self._deliveries |= {message.msg_id: delivery for message in messages}
        self._tasks.start(self._run(delivery, budget_s))
        try:
            await asyncio.shield(delivery.accepted)
        except asyncio.CancelledError:
            delivery.withdrawn = True
            raise

    async def _put_beside(self, messages: Sequence[Message]) -> None:
        value = {"messages": Delivery(messages).as_json()}
        await self._folder.put(f"beside-{self._name}-{next(self._numbers):012}", value)

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
            self._forget(delivery)
        left = list(self._beside.values())
        if left and not self._turn.locked() and not self.over:
            # They came too late for the execution beside which they were put.
            self._beside.clear()
            with contextlib.suppress(SessionKernelError):
                await self.deliver(left, budget_s)

    def _forget(self, delivery: Delivery) -> None:
        for message in delivery.messages:
            self._deliveries.pop(message.msg_id, None)

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
            return answered or broken_s <= self._outage_s
        return delivery.may_pass(error) and broken_s <= budget_s

    async def _post(self, delivery: Delivery) -> Execution | None:
        """The execution's answer; None when its messages have been read and none has come."""
        payload = await self._payload(delivery)
        post = asyncio.create_task(
            self.pool.execute(carrying(payload), operation=delivery.operation)
        )
        complete = asyncio.create_task(delivery.complete.wait())
        self._connected = True
        try:
            await asyncio.wait({post, complete}, return_when=asyncio.FIRST_COMPLETED)
            if not post.done():
                await asyncio.wait({post}, timeout=ANSWER_S + self.reader.trip_s)
            return await post if post.done() else None
        finally:
            self._connected = False
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
                self.on_line(told)

    def _fail(self, delivery: Delivery, error: SessionKernelError) -> None:
        self._forget(delivery)
        if not delivery.refuse(error) and not self.over and not self.ending:
            self._events.on_failure(self.where.boot, error)

    async def _gone(self, delivery: Delivery) -> None:
        """The interpreter that answers is another one. Its files tell whether the session is."""
        if self.ending:
            return
        same_session = (delivery.known or delivery.perhaps) and await self._files_are_there()
        if same_session:
            await self.reader.drain()
            await self._accept_if_begun(delivery)
        self.over = True
        await self.reader.aclose()
        if delivery.known and same_session:
            self._end("killed", DIED)
        elif delivery.known:
            self._events.on_failure(self.where.boot, lost())
        else:
            self._fail(delivery, lost_on_the_way() if delivery.perhaps else lost())

    async def _accept_if_begun(self, delivery: Delivery) -> None:
        """A crash can be faster than the log, but not than the word that they have begun."""
        with contextlib.suppress(PoolError, CredentialError):
            if not delivery.known and await self._folder.get(f"began-{delivery.name}") is not None:
                for message in delivery.messages:
                    self.on_line(status(message, "busy"))

    async def _files_are_there(self) -> bool:
        with contextlib.suppress(PoolError, CredentialError):
            return await self._is_there()
        return False

    def _end(self, reason: EndReason, cause: str) -> None:
        self.over = True
        ended = BootEnded(self.reader.position.n + 1, reason, cause)
        self._events.on_boot_ended(self.where.boot, ended)

    async def killed(self, reason: EndReason, cause: str) -> None:
        """The session, or its interpreter, was ended by this kernel."""
        await self.aclose()
        self._end(reason, cause)

    # -- beside a running execution ---------------------------------------------------------------

    async def answer_input(self, message: Message, budget_s: float) -> None:
        """An ``input_reply``. Sending it again does nothing. :raises PoolError: it is not there."""
        name = hashlib.sha256(message.msg_id.encode("utf-8", "replace")).hexdigest()[:16]

        async def attempt() -> None:
            if not self.over:  # else nobody asks any longer
                value = {"value": message.content.get("value", "")}
                await self._folder.put(f"answer-{name}", value)

        await retry(attempt, budget_s, least=2, also=PASSES)
        self.reader.kick()

    async def interrupt(self, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        if msg_id is None:
            msg_id = next(iter(self._deliveries), "")  # each leaves with its idle
        delivery = self._deliveries.get(msg_id)
        if delivery is None or delivery.complete.is_set():
            return "idle"
        self._interrupted.add(msg_id)
        name, value = f"signal-{secrets.token_hex(6)}", {"msg_id": msg_id}
        put = partial(self._folder.put, name, value, timeout_s)
        await retry(put, timeout_s, unreachable_s=0.0, also=PASSES)
        self.reader.kick()
        return "pending"

    async def reaction(self, timeout_s: float) -> Reaction:
        """``none`` also when there is no answer: a call that keeps the interpreter lock stops the
        thread that would give it. :raises PoolError:
        """
        name = secrets.token_hex(6)
        await self._folder.put(f"look-{name}", {}, timeout_s)
        try:
            value = load(await within(self._answer(f"seen-{name}"), timeout_s))
        except asyncio.TimeoutError:
            return "none"
        except WireError:
            return "unknown"
        told = value.get("reaction") if isinstance(value, dict) else None
        return word(told, REACTIONS, "unknown")

    async def _answer(self, name: str) -> bytes:
        """Of a file that the session is writing."""
        found, waits = await self._folder.get(name), delays()
        while found is None:
            await asyncio.sleep(next(waits))
            found = await self._folder.get(name)
        with contextlib.suppress(PoolError):
            await self._folder.delete(name)
        return found

    async def exit(self, timeout_s: float) -> None:
        """End the interpreter's process, where the pool has no call that ends a session."""
        await self._folder.put("exit-now", {}, timeout_s)
        if not self._turn.locked():
            with contextlib.suppress(PoolUnreachable, PoolError):
                await within(self.pool.execute(carrying(self._addressed("exit"))), timeout_s)

    async def stat(
        self, names: Sequence[str], marks: Mapping[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        """What files of the data folder are, once they are marked. :raises SessionLost:"""
        into = "stat-" + secrets.token_hex(6)
        what = {"names": list(names), "marks": dict(marks), "into": into}
        payload = {**self._addressed("stat"), **what}
        async with self._turn:
            execution = await self.pool.execute(carrying(payload))
        answer = said(execution.stdout) or {}
        if answer.get("missing") or "refused" in answer:
            raise taken() if answer.get("refused") == "taken" else lost()
        found = await self._folder.get(into, timeout_s, MAX_ANSWER_BYTES)
        if found is None:
            raise not_understood(execution)
        with contextlib.suppress(PoolError):
            await self._folder.delete(into)
        value = load(found)
        return value if isinstance(value, dict) else {}

    # -- messages out -----------------------------------------------------------------------------

    def on_line(self, message: Message) -> None:
        parent_id = message.parent_id
        self._beside.pop(parent_id, None)
        delivery = self._deliveries.get(parent_id)
        if delivery is not None:
            delivery.accept()
            if parent_id not in self._interrupted:
                message = with_limit(message, delivery.running_s)
        self._events.on_message(message)
        if message.msg_type == "status" and message.content.get("execution_state") == "idle":
            self._interrupted.discard(parent_id)
            if delivery is not None:
                delivery.ended(parent_id)
                del self._deliveries[parent_id]
        self._acknowledge()

    def _acknowledge(self) -> None:
        read, files = self.reader.bytes_read, self.reader.chunk - self._acknowledged_chunk
        if read - self._acknowledged_bytes < ACKNOWLEDGE_BYTES and files < ACKNOWLEDGE_FILES:
            return
        self._acknowledged_bytes, self._acknowledged_chunk = read, self.reader.chunk
        self._tasks.start(self._tell_read(self.reader.chunk - 1))

    async def _tell_read(self, chunk: int) -> None:
        with contextlib.suppress(PoolError, CredentialError):
            await self._folder.put(f"read-{chunk}", {"chunk": chunk})

    async def drained(self) -> None:
        await self._events.drained()

    def on_gap(self, gap: Gap | Oversized) -> None:
        self._events.on_gap(gap)

    def on_unreadable(self, error: SessionKernelError) -> None:
        """Without its log, nothing that is sent to this boot would ever be answered."""
        if self.over or self.ending:
            return
        self.over = True
        for delivery in set(self._deliveries.values()):
            delivery.refuse(unheard(delivery, error))
        self._events.on_failure(self.where.boot, error)
