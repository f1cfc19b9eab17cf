"""What a cell is told when its session, or its interpreter, does not answer it to the end."""

from __future__ import annotations

from typing import Final

from ..common.errors import (
    CredentialError,
    ExecutionUnknown,
    InterpreterDied,
    Interrupted,
    PoolError,
    SessionKernelError,
    SessionLost,
    UnexpectedAnswer,
)
from ..wire import BootEnded


def why_ended(ended: BootEnded) -> SessionKernelError:
    if ended.reason == "interrupt":
        return Interrupted(
            "The cell had not ended in time after the interrupt, so its interpreter was killed. "
            "All variables are gone; files are kept.",
            fix="Run the notebook again from its first cell.",
        )
    if ended.reason == "stopped":
        return Interrupted(
            ended.cause
            or "The cell was interrupted by stopping its session, for this kind of pool knows no "
            "other way. All variables and files of the session are gone.",
            fix="Run the notebook again from its first cell.",
        )
    if ended.reason == "restart":
        return SessionLost("The interpreter was restarted while this cell ran.")
    what = "The Python interpreter in the session died while this cell ran. "
    fix = "Run the notebook again from its first cell; the next cell starts in a new interpreter."
    if ended.reason == "out_of_memory":
        fix = "Use less memory, or ask for a pool with more memory for each session. " + fix
    return InterpreterDied(
        what + "All variables are gone; files are kept.", cause=ended.cause, fix=fix
    )


#: What is to be looked at where interpreters end one after another.
_LOOK: Final = (
    "Look at the container's console log, and at what starts with the interpreter: the start-up "
    "files of IPython in the image. This looks further:\nazure-session-kernel doctor"
)


def with_deaths(error: SessionKernelError, count: int) -> SessionKernelError:
    """``error`` of a boot's end that is one of many. An interrupt's is left as it is."""
    if isinstance(error, Interrupted):
        return error
    cause = f"{error.cause} {_in_a_row(count)}".strip()
    return type(error)(error.what, cause=cause, fix=f"{error.fix} {_LOOK}".strip())


def keeps_ending(count: int, cause: str) -> SessionLost:
    """:param cause: of the last end."""
    return SessionLost(
        "The session's interpreter ends again and again. This cell was not run.",
        cause=f"{cause} {_in_a_row(count)}".strip(),
        fix="The next cell starts another one. " + _LOOK,
    )


def _in_a_row(count: int) -> str:
    return f"{count} in a row have ended before one had brought a cell to its end."


def lost_while_running() -> SessionLost:
    return SessionLost(
        "The session was replaced by a fresh, empty one while this cell ran. "
        "Its remaining output, and all variables, are gone.",
        cause="The pool ended the session (cooldown, or its container failed).",
        fix="Run the notebook again from its first cell.",
    )


def lost_while_idle(cause: str) -> SessionLost:
    error = SessionLost(
        "The interpreter or its session has ended since the last cell: all variables are gone. "
        "This cell was not run.",
        cause=cause,
        fix="Run the notebook again from its first cell (Run > Run All Cells).",
    )
    error.while_idle = True
    return error


def perhaps_begun(error: SessionKernelError) -> ExecutionUnknown:
    """Of a cell that was sent behind one that runs. :param error: why no more is known."""
    return ExecutionUnknown(
        "This cell had been sent to the session when the cell before it came to its end here. "
        "It is not known whether it has run.",
        cause=error.what,
        fix="Look at the variables it sets before you run it again.",
    )


def shutting_down() -> SessionLost:
    return SessionLost("The kernel is shutting down. This cell was not run.")


def not_restarted() -> UnexpectedAnswer:
    return UnexpectedAnswer(
        "The session's interpreter was to be restarted, and the same one goes on with its "
        "variables. This cell was not run.",
        cause="The program in the session has accepted the restart and not carried it out.",
        fix="Stop the session, then restart the kernel. This lists the sessions, and stops one:\n"
        "azure-session-kernel sessions list\nazure-session-kernel sessions stop SESSION",
    )


def out_of_reach(error: PoolError | CredentialError) -> ExecutionUnknown:
    return ExecutionUnknown(
        "The connection to the session was lost and could not be restored, so it is not known "
        "whether this cell has finished.",
        cause=error.what,
        fix=error.fix
        or "Once the network is back, run a cell that looks at the variables before you run "
        "this one again.",
    )


def unreadable(error: UnexpectedAnswer) -> ExecutionUnknown:
    return ExecutionUnknown(
        "What the session sends can't be read any longer, so it is not known whether this cell has "
        "finished.",
        cause=f"{error.what} {error.cause}",
        fix=error.fix,
    )


def no_reply() -> UnexpectedAnswer:
    return UnexpectedAnswer(
        "The session ended this request without a reply.",
        cause="The request is of a type that this channel does not have, it lacks a field that the "
        "Jupyter message spec asks for, or the interpreter failed while it handled the request; "
        "then its console log says more.",
    )


def not_sent() -> Interrupted:
    return Interrupted(
        "The cell was interrupted while it waited for its session. It has not run.",
        fix="Run the cell again.",
    )


def shut_down_before() -> Interrupted:
    return Interrupted("The kernel was shut down before this cell ran.")


def not_answered() -> Interrupted:
    return Interrupted("The request was interrupted before it was answered.")


def not_confirmed(within_s: float) -> Interrupted:
    return Interrupted(
        f"The cell was interrupted, but its session has not confirmed that within {within_s:g} s: "
        "it may still be running there. The interrupt is sent until it arrives.",
        cause="The connection to the pool is slow or broken, or the pool does not answer.",
        fix="Variables are kept if the session survives; the next cell waits until this one has "
        "ended there.",
    )


def not_delivered() -> Interrupted:
    return Interrupted(
        "The cell was interrupted, but its session can't pass that on to its interpreter: it may "
        "still be running there. The interrupt is sent until it arrives.",
        cause="The interpreter is just ending, or has made itself another user's.",
        fix="Restart the kernel (Kernel > Restart Kernel) if the next cell does not begin.",
    )


def kill_not_confirmed(within_s: float) -> Interrupted:
    return Interrupted(
        "The cell had not ended in time after the interrupt, so its interpreter was to be killed, "
        f"but the session has not confirmed that within {within_s:g} s: the cell may still be "
        "running there.",
        cause="The connection to the pool is slow or broken, or the pool does not answer.",
        fix="Interrupt the next cell if it does not begin, or restart the kernel.",
    )
