"""The executor for a custom container that runs our adapter: the wire protocol, client side."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ...common.errors import (
    CredentialError,
    ExecutionUnknown,
    PoolError,
    PoolUnavailable,
    PoolUnreachable,
    SessionLost,
    UnexpectedAnswer,
)
from ...pool.client import PoolClient
from ...pool.failures import OUR_SOURCE
from ...pool.retry import FULL_S, PASSING, retry
from ...wire import (
    FRAMES,
    INTERRUPT_OUTCOMES,
    PROTOCOL_VERSION,
    REACTIONS,
    Hello,
    InterruptOutcome,
    LogMessage,
    Message,
    Reaction,
    RestartReason,
    WireError,
    body_with,
    dump,
    encode_framed,
    hello_from_json,
    message_as_json,
    split_body,
    word,
)
from ..base import FILES_ANSWER_BYTES, ExecutorContext, Stdin
from ..log_reader import LogReader, lost, session_errors

if TYPE_CHECKING:
    from ..session_files import SessionFiles

HELLO: Final = "POST /jupyter/hello"
#: One hello waits so long for an interpreter that is starting.
HELLO_WAIT_S: Final = 15.0
#: A pool that can't be reached at a kernel's start is a wrong setting more often than weather.
UNREACHABLE_S: Final = 8.0
#: How long one send may take before it is tried again: this, and time for its bytes.
SEND_TIMEOUT_S: Final = 6.0
SLOW_BYTES_PER_S: Final = 50_000
#: So many parts of a body are on their way at a time.
PARTS_AT_A_TIME: Final = 4
#: Boots whose last messages are still read; more would be a session that ends none.
MOST_RETIRED: Final = 4


class AdapterExecutor:
    """An ``Executor`` (see ``executors/base.py``) over ``/jupyter/*``."""

    name: Final = "adapter"
    stdin = Stdin.ASKS

    def __init__(self, client: PoolClient, context: ExecutorContext) -> None:
        self._client, self._context = client, context
        self._events, self._outage_s = context.events, context.outage_s
        self._id = "r-" + secrets.token_hex(12)
        self._log_reader: LogReader | None = None
        self._retired: list[LogReader] = []
        self._under_way = 0
        self._features: Sequence[str] = ()
        self._folder = ""

    async def start(self, budget_s: float) -> Hello:
        try:
            hello = await retry(self._hello, budget_s, unreachable_s=UNREACHABLE_S, full_s=0.0)
        except PoolUnreachable as error:
            error.sent = False  # a hello, but no cell
            raise
        if hello.protocol != PROTOCOL_VERSION:
            raise _version_skew(hello)
        self._features, self._folder = hello.features, hello.folder
        # The log of the boot we know is read from where we were; another one from its oldest entry
        # that nobody has acknowledged: a kernel that was killed has left its cell's outputs there.
        after = await self._replace_reader(hello.boot, hello.first - 1)
        self._log_reader = LogReader(
            self._client,
            self._context,
            boot=hello.boot,
            reader=self._id,
            after=max(0, after),
            framed=FRAMES in hello.features,
        )
        return hello

    async def _replace_reader(self, boot: str, after: int) -> int:
        """Where to begin in the log of ``boot``, whose next message comes behind ``after``.

        The reader of another boot goes on until that boot's end, because somebody may be waiting
        for its last messages, or at least for the news of its end.
        """
        previous, self._log_reader = self._log_reader, None
        self._retired = [reader for reader in self._retired if not reader.over]
        if previous is None:
            return after
        if previous.boot != boot:
            if not previous.over:
                self._retired.append(previous)
            if len(self._retired) > MOST_RETIRED:
                oldest = self._retired.pop(0)
                await oldest.aclose()
                self._events.on_failure(oldest.boot, lost())
            return after
        await previous.aclose()
        # Also when it gave up: what it has handed on may not have been acknowledged.
        return max(after, previous.last)

    async def _hello(self) -> Hello:
        body = {
            "protocol": PROTOCOL_VERSION,
            "reader": self._id,
            "wait_s": HELLO_WAIT_S,
            "env": dict(self._context.env),
            "arguments": list(self._context.arguments),
            "folder": self._context.folder,
        }
        try:
            answer = await self._post("hello", body, HELLO_WAIT_S + 15.0)
            return hello_from_json(answer)
        except WireError as error:
            raise _not_an_adapter(str(error)) from error

    async def send(self, boot: str, messages: Sequence[Message], budget_s: float) -> None:
        if self._log_reader is not None:
            if self._log_reader.boot == boot and self._log_reader.over:
                raise lost()  # its end has been told, and nobody would hear the answers
            self._log_reader.touch()
        framed = FRAMES in self._features
        if framed:
            behind = b"".join(encode_framed(LogMessage(*one)) for one in enumerate(messages, 1))
            body = body_with(behind, boot=boot, reader=self._id)
        else:
            values = [message_as_json(message) for message in messages]
            body = dump({"boot": boot, "reader": self._id, "messages": values})
        parts = list(split_body(body, secrets.token_hex(8), boot, self._id, framed=framed))
        for delivered_perhaps in (False, True):
            if await self._send_first(parts[:-1], budget_s, delivered_perhaps):
                return
            answer = await self._send_part(parts[-1], budget_s, delivered_perhaps, last=True)
            if "received" not in answer:
                return
        raise _not_whole()

    async def _send_first(
        self, parts: Sequence[bytes], budget_s: float, delivered_perhaps: bool
    ) -> bool:
        """Parts before the last one, which may arrive in any order; where they are sent again, one
        may be the last that is missing. True: none is.
        """
        left, whole = iter(parts), False
        at_a_time = 1 if delivered_perhaps else PARTS_AT_A_TIME

        async def send() -> None:
            nonlocal whole
            for part in left:
                answer = await self._send_part(part, budget_s, delivered_perhaps, last=False)
                whole |= "received" not in answer

        tasks = [asyncio.create_task(send()) for _ in parts[:at_a_time]]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return whole

    async def _send_part(
        self, part: bytes, budget_s: float, delivered_perhaps: bool, *, last: bool
    ) -> dict[str, Any]:
        """Repeating is safe: the adapter knows the msg_ids that it has delivered.

        Nothing is delivered before the last part. Once that may have arrived, no failure of a
        repetition means that the cell has not run.
        """
        beside = 1 if last else PARTS_AT_A_TIME
        timeout_s = SEND_TIMEOUT_S + beside * len(part) / SLOW_BYTES_PER_S

        async def attempt() -> dict[str, Any]:
            nonlocal delivered_perhaps
            try:
                return await self._post("send", part, timeout_s)
            except PASSING as error:
                delivered_perhaps |= last and getattr(error, "sent", True)
                raise

        try:
            return await retry(attempt, budget_s, full_s=FULL_S, least=2)
        except SessionLost as error:
            if delivered_perhaps:
                raise _lost_on_the_way() from error
            raise
        except (PoolError, CredentialError) as error:
            if delivered_perhaps:
                raise _sent_perhaps(error) from error
            if isinstance(error, PoolUnreachable):
                error.sent = False  # parts, but not the last one
            raise

    async def interrupt(self, boot: str, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        body = {"boot": boot, "reader": self._id, "msg_id": msg_id}
        answer = await self._post("interrupt", body, timeout_s)
        return word(answer.get("outcome"), INTERRUPT_OUTCOMES, "signalled")

    async def reaction(self, boot: str, msg_id: str | None, timeout_s: float) -> Reaction:
        body = {"boot": boot, "reader": self._id, "msg_id": msg_id}
        answer = await self._post("reaction", body, timeout_s)
        return word(answer.get("reaction"), REACTIONS, "unknown")

    async def restart(self, boot: str, reason: RestartReason, timeout_s: float) -> None:
        body = {"boot": boot, "reader": self._id, "reason": reason, "wait_s": 0}
        try:
            await self._post("restart", body, timeout_s)
        except PoolUnavailable as error:
            if error.code != "InterpreterStarting":
                raise

    def files(self, boot: str) -> SessionFiles:
        from ..in_folder import seen_from  # most kernels transfer none
        from .files import AdapterFiles

        async def call(name: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
            if self._log_reader is not None:
                self._log_reader.touch()
            claim = {"boot": boot, "reader": self._id}
            return await self._post(f"files/{name}", {**claim, **body}, timeout_s)

        files = AdapterFiles(call, self._outage_s, batches="batches" in self._features)
        return seen_from(files, self._folder)

    async def read_up_to(self, n: int) -> None:
        while self._unread(n):  # noqa: ASYNC110  # rare, and short
            await asyncio.sleep(0.02)

    def _unread(self, n: int) -> bool:
        return self._log_reader is not None and self._log_reader.last < n

    async def measure_latency(self, timeout_s: float) -> float:
        begun = time.monotonic()
        await self._client.request("GET", "/health", timeout_s=timeout_s)
        return time.monotonic() - begun

    async def session_record(self) -> dict[str, Any] | None:
        return await self._client.get_session()

    async def stop(self, timeout_s: float) -> bool:
        """A request that was under way may reach the pool after the stop, and get the identifier a
        fresh session: then nothing is confirmed, and the reaper stops it again.
        """
        readers = [*self._retired, *([self._log_reader] if self._log_reader else [])]
        quiet = not self._under_way and not any(reader.connecting for reader in readers)
        await self._close_reader()
        try:
            return await self._client.stop_session(timeout_s) and quiet
        except PoolError:
            return False

    async def aclose(self) -> None:
        await self._close_reader()
        await self._client.aclose()

    async def _close_reader(self) -> None:
        readers, self._retired = self._retired, []
        if self._log_reader is not None:
            readers.append(self._log_reader)
            self._log_reader = None
        for reader in readers:
            await reader.aclose()

    async def _post(self, call: str, body: Any, timeout_s: float) -> dict[str, Any]:
        data = body if isinstance(body, bytes) else dump(body)
        self._under_way += 1
        try:
            with session_errors():
                answer = await self._client.request(
                    "POST",
                    f"/jupyter/{call}",
                    body=data,
                    timeout_s=timeout_s,
                    answer_bytes=FILES_ANSWER_BYTES,
                )
        finally:
            self._under_way -= 1
        value = answer.json()
        if not isinstance(value, dict):
            raise _not_an_adapter("the answer is not an object")
        return value


def _lost_on_the_way() -> ExecutionUnknown:
    return ExecutionUnknown(
        "The connection broke while this cell was sent, and then the session was replaced by a "
        "fresh one: it is not known whether the cell ran. All variables are gone.",
        fix="Run the notebook again from its first cell.",
    )


def _not_whole() -> ExecutionUnknown:
    return ExecutionUnknown(
        "The session says that parts of this cell are missing, although all were sent, twice: it "
        "is not known whether it ran.",
        cause="It forgets parts when several very large messages come at a time.",
        fix="Look at the variables it sets before you run it again.",
    )


def _sent_perhaps(error: PoolError | CredentialError) -> ExecutionUnknown:
    return ExecutionUnknown(
        "The connection broke while this cell was sent, so it is not known whether it ran.",
        cause=error.what,
        fix="Look at the variables it sets before you run it again.",
    )


def _version_skew(hello: Hello) -> UnexpectedAnswer:
    error = UnexpectedAnswer(
        f"The session speaks protocol {hello.protocol} and this kernel speaks {PROTOCOL_VERSION}.",
        cause=f"The pool's image has azure-session-kernel {hello.adapter}.",
        fix="Install the same version of azure-session-kernel here and in the image.",
    )
    error.source = OUR_SOURCE  # an adapter, all the same
    return error


def _not_an_adapter(detail: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The program in the session's container is not this kernel's adapter ({detail}).",
        cause="The pool runs another image, or another program answers on its target port.",
        fix="Let the image run: python -m azure_session_kernel.container --port TARGET_PORT",
    )
