"""Cells in a pool without a mailbox: the pool's own answer is all there is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import uuid
from collections.abc import Sequence
from typing import Any, Final

from ...common.errors import (
    ExecutionUnknown,
    InternalError,
    PoolError,
    PoolUnavailable,
    PoolUnreachable,
    SessionKernelError,
    UnexpectedAnswer,
)
from ...pool.retry import FULL_S, retry
from ...wire import BootEnded, EndReason, Message
from ..base import ExecutorEvents
from ..log_reader import lost
from ..plain import Counter, Failure, PlainResult, PythonError, begun, ended
from ..plain_requests import answers
from .azure import LIMIT_S, PASSES, BuiltinPool, Execution
from .code import asking_for_boot, said
from .failures import DIED, busy, not_understood

log = logging.getLogger(__name__)

#: IPython's line above a traceback, and its last line.
_RULE: Final = re.compile(r"^(?:\x1b\[[0-9;]*m)*-{20,}", re.MULTILINE)
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
#: What the pool itself says of an execution that did not end (docs/azure.md 6.3, 6.6).
_TIMED_OUT: Final = "timed out"
_ABORTED: Final = "aborted"
_LAST: Final = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$")


class PlainCells:
    """:param outage_s: how long the pool may be out of reach while a result is asked for.

    :ivar over: the boot is gone; nothing more is told of it.

    :ivar ending: held while this kernel ends the boot, which explains what a cell's answer says.
    """

    def __init__(
        self, pool: BuiltinPool, events: ExecutorEvents, boot: str, outage_s: float
    ) -> None:
        self._pool, self._events, self._boot = pool, events, boot
        self._outage_s = outage_s
        self._counter = Counter()
        self._turn = asyncio.Lock()
        self.over, self.ending = False, asyncio.Lock()

    async def send(self, messages: Sequence[Message], budget_s: float) -> None:
        """As ``Executor.send``, but cells are over when it returns."""
        for message in messages:
            if message.msg_type == "execute_request":
                async with self._turn:
                    await self._run(message, budget_s)
            else:
                self._tell(answers(message))

    def ended(self, reason: EndReason, cause: str) -> None:
        """Ends the running cell, too, which can't be ended otherwise."""
        if not self.over:
            self.over = True
            self._events.on_boot_ended(self._boot, BootEnded(1, reason, cause))

    async def _run(self, request: Message, budget_s: float) -> None:
        """Two executions: whose interpreter it is can't be asked in the same one."""
        try:
            alive = await retry(self._is_alive, budget_s, full_s=FULL_S, also=PASSES)
        except PoolUnreachable as error:
            error.sent = False  # a question, but no cell
            raise
        if not alive or self.over:
            raise lost()
        self._tell(begun(request, self._counter.begin(request)))
        result, died = await self._result(str(request.content.get("code", "")))
        messages = ended(request, result, self._counter.value)
        async with self.ending:
            if not died:
                self._tell(messages)
                return
            self._tell([message for message in messages if message.msg_type == "stream"])
            self.ended("killed", DIED)

    async def _result(self, code: str) -> tuple[PlainResult, bool]:
        """And whether its interpreter has died. Never fails: nobody else tells how a cell ends."""
        try:
            execution = await self._executed(code)
            if _ABORTED in _pools_words(execution) and not await self._is_still_alive():
                return PlainResult(execution.stdout), True
            return plain_result(execution), False
        except SessionKernelError as error:
            return PlainResult(failure=_told(error)), False
        except Exception as error:
            log.exception("a cell's answer could not be shown")
            failure = InternalError(f"{type(error).__name__} in the kernel.")
            return PlainResult(failure=failure), False

    async def _executed(self, code: str) -> Execution:
        """A pool of newer api-versions is asked how it ended where the answer was lost."""
        operation = str(uuid.uuid4())
        try:
            return await self._pool.execute(code, operation=operation)
        except (PoolUnreachable, PoolUnavailable) as error:
            if not getattr(error, "sent", True):
                raise
            found = await self._pool.result_of(operation, LIMIT_S, self._outage_s)
            if found is None:
                raise
            return found

    async def _is_still_alive(self) -> bool:
        with contextlib.suppress(SessionKernelError):
            return await self._is_alive()
        return False

    async def _is_alive(self) -> bool:
        """:raises PoolError: it can't be told."""
        check = await self._pool.execute(asking_for_boot())
        answer = said(check.stdout)
        if answer is not None and check.succeeded:
            return answer.get("boot") == self._boot
        words = check.excerpt.lower()
        if _TIMED_OUT in words:
            raise busy(check)
        if _ABORTED in words:
            return False
        raise not_understood(check)

    def _tell(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if not self.over:
                self._events.on_message(message)


def plain_result(execution: Execution) -> PlainResult:
    """What the pool said of a cell. (docs/azure.md 6.4 to 6.6)"""
    image = _image(execution.result)
    failure, stderr = None, execution.stderr
    if not execution.succeeded:
        stderr, failure = _failure(execution)
    return PlainResult(
        stdout=execution.stdout,
        stderr=stderr,
        result="" if image is not None else _shown(execution.result),
        images=() if image is None else (image,),
        failure=failure,
    )


def _image(result: Any) -> str | None:
    if isinstance(result, dict) and isinstance(result.get("officepy_result"), dict):
        result = result["officepy_result"]
    if isinstance(result, dict) and result.get("type") == "image":
        return str(result.get("base64_data", ""))
    return None


def _shown(result: Any) -> str:
    """The pool gives texts as they are and numbers as JSON; None and "" mean nothing."""
    if isinstance(result, bool) or not isinstance(result, str | None):
        return str(result) if not isinstance(result, dict | list) else json.dumps(result)
    return result or ""


def _failure(execution: Execution) -> tuple[str, Failure]:
    """What was printed to stderr, and the error below it."""
    if execution.pending or _TIMED_OUT in _pools_words(execution):
        return "", _over_limit(execution)
    rule = _RULE.search(execution.stderr)
    printed = execution.stderr[: rule.start()] if rule else ""
    trace = (execution.stderr[rule.start() :] if rule else execution.stderr) or execution.error
    if not trace.strip():
        return "", UnexpectedAnswer(
            f"The pool says that the cell {execution.status} and gives no reason.",
            cause=f"It answered: {execution.excerpt}. The cell may have run, in part or whole.",
            fix="Look at the variables it sets before you run it again.",
        )
    last = _LAST.match(_ANSI.sub("", trace.strip().split("\n")[-1]))
    name, value = (last.group(1), last.group(2) or "") if last else ("Failed", trace[:200])
    return printed, PythonError(name, value, tuple(trace.split("\n")))


def _pools_words(execution: Execution) -> str:
    """What the pool says of a failure, in lower case; "" when it is a traceback."""
    text = execution.error or execution.stderr
    return text.lower() if not execution.succeeded and len(text.strip().split("\n")) == 1 else ""


def _over_limit(execution: Execution) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The cell took longer than one execution may take in this pool ({LIMIT_S} s). "
        f"The pool said: {execution.excerpt}",
        cause="The pool gives up waiting and may let the cell go on: the next one then waits.",
        fix="Split the cell; or use a pool with a container of your own, which has no such limit.",
    )


def _told(error: SessionKernelError) -> SessionKernelError:
    """What a cell is told whose execution was not answered as it should be."""
    if not isinstance(error, PoolError):
        return error
    status = f" ({error.status})" if error.status else ""
    unreadable = isinstance(error, UnexpectedAnswer) and (error.status or 200) < 300
    if isinstance(error, PoolUnreachable) and error.sent:
        what = "The connection broke while this cell ran"
    elif isinstance(error, PoolUnavailable) or unreadable:
        what = f"The pool did not answer this cell with its result{status}"
    else:
        return error
    return ExecutionUnknown(
        f"{what}, so it is not known whether it has finished.",
        cause=error.what,
        fix="Look at the variables it sets before you run it again.",
    )
