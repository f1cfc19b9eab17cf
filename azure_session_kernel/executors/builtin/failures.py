"""What goes wrong between this kernel and a mailbox, as the user sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...common.errors import (
    CredentialError,
    ExecutionUnknown,
    PoolError,
    PoolUnavailable,
    SessionDiskFull,
    SessionKernelError,
    UnexpectedAnswer,
)
from ...wire import Message
from ...wire.composed import reply, status
from ..log_reader import lost
from ..plain import PlainResult, ended
from .azure import LIMIT_S, Execution
from .delivery import Delivery

#: Nearer to the ceiling than so many seconds, an interrupt that nobody asked for is the pool's.
NEAR_S: Final = 15.0
#: Why an interpreter that was not ended from here has ended.
DIED: Final = "It ran out of memory, crashed, or was killed."


def failure_of(delivery: Delivery, error: PoolError | CredentialError) -> SessionKernelError:
    """What a delivery that was given up means for its cell."""
    return _unknown(error) if delivery.perhaps else error


def unheard(delivery: Delivery, error: SessionKernelError) -> SessionKernelError:
    """What a delivery means for its cell when nothing more can be heard of the session."""
    return _unknown(error) if delivery.posted_at else error


def _unknown(error: SessionKernelError) -> ExecutionUnknown:
    return ExecutionUnknown(
        "The connection broke while this cell was sent, so it is not known whether it ran.",
        cause=error.what,
        fix="Look at the variables it sets before you run it again.",
    )


def lost_on_the_way() -> ExecutionUnknown:
    error = ExecutionUnknown(
        "The connection, or the session, broke while this cell was sent, and now there is a fresh "
        "interpreter: it is not known whether the cell ran. All variables are gone.",
        fix="Run the notebook again from its first cell.",
    )
    error.__cause__ = lost()  # by which the session knows that its variables went, too
    return error


def not_understood(execution: Execution) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The session pool's answer to an execution can't be understood: {execution.excerpt}",
        cause="The pool failed to run it, or changed what our code in the session said.",
        fix="Run the cell again; if it lasts, restart the kernel.",
    )


def disk_full(problem: str) -> SessionDiskFull:
    return SessionDiskFull(
        "The session could not write this cell's output to its disk, on which it travels "
        f"({''.join(c for c in problem if c.isprintable())[:200]}). The cell has run.",
        cause="The disk of the session is full, or code has changed the folder .ask in it.",
        fix="Remove files in the session (`import os; os.remove(NAME)`).",
    )


def ended_by(error: SessionKernelError, request: Message, count: int) -> list[Message]:
    """From here, what the session could not say of a request that it has handled."""
    if request.msg_type == "execute_request":
        return ended(request, PlainResult(failure=error), count)
    comm = request.msg_type.startswith("comm_")
    answers = [] if comm else [reply(request, {"status": "error", **error.as_content()})]
    return [*answers, status(request, "idle")]


def busy(execution: Execution) -> PoolUnavailable:
    return PoolUnavailable(
        f"The session is busy with an earlier cell ({execution.excerpt}).",
        fix="Wait until that cell is over, or restart the kernel.",
    )


def with_limit(message: Message, running_s: float) -> Message:
    """``message``, and when it is the end of a cell that the pool interrupted, why."""
    content = message.content
    if message.msg_type not in ("error", "execute_reply") or running_s < LIMIT_S - NEAR_S:
        return message
    lines = content.get("traceback")
    if content.get("ename") != "KeyboardInterrupt" or not isinstance(lines, list):
        return message
    return replace(message, content={**content, "traceback": [*lines, *_limit()]})


def _limit() -> list[str]:
    return [
        f"The pool ended this cell: one execution of a built-in pool may take {LIMIT_S} s.",
        "  Split the cell, or use a pool with a container of your own, which has no such limit.",
    ]
