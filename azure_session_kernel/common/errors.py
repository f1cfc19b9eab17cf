"""Every error a person can meet, as one tree.

SessionKernelError                  never raised itself; names what happened, why, what to do
├── SettingsError                   something configured here is missing or wrong
│   ├── EndpointMissing             no session pool is configured
│   ├── EndpointInvalid             the value is not a pool management endpoint
│   ├── HostNotAllowed              the token must not go to that host
│   ├── IdentifierInvalid           the identifier breaks Azure's rule
│   ├── LocalPoolNotRunning         endpoint=local, and no local pool is there
│   └── StateUnusable               our own files (secret, leases) can't be read or written
├── CredentialError                 no token could be had
├── PoolError                       the pool answered with an error, or not at all
│   ├── PoolUnreachable             no connection: DNS, TCP, TLS, or it broke off
│   ├── Unauthorized                401: the token was refused
│   ├── Forbidden                   403: the token is good, the role is missing
│   ├── PoolRouteNotFound           404: nobody answers that path
│   ├── PoolFull                    429: no free session
│   ├── PoolUnavailable             5xx
│   └── UnexpectedAnswer            an answer this kernel can't read
│       └── AnswerTooLarge          larger than an answer to that can be; the rest was not read
├── SessionError                    the session is not what the cell expected
│   ├── SessionLost                 variables are gone; the cell did NOT run
│   ├── SessionTaken                a newer kernel works in this session; the cell did NOT run
│   ├── InterpreterDied             the interpreter died while the cell ran
│   ├── ExecutionUnknown            it can't be known whether the cell ran
│   ├── MessageTooLarge             one of its messages is above the limit; the cell ran
│   └── Interrupted                 shown as KeyboardInterrupt; says which step stopped the cell
├── SetupFailed                     `setup` could not make, or remove, something in Azure
│   └── SetupTookTooLong            Azure did not come to an end in time
├── ProgramError                    a cell that ran as a program of its own did not end well
│   ├── NonZeroExit                 its exit code says so
│   ├── Killed                      a signal ended it
│   ├── RunTimedOut                 it took longer than the pool allows
│   ├── OutputTooLong               it printed more than the pool takes
│   ├── NotOnThisPool               it asks for what this kind of pool can't do
│   └── RunFailed                   the pool says so, and nothing that helps
├── InternalError                   a fault of this kernel itself
├── FileTransferError               a file did not get into the session, or out of it
│   ├── FileMissing                 nothing of that name is there
│   ├── FileRefused                 that name, or that kind of file, is never transferred
│   ├── FileTooLarge                above a limit; names the option that raises it
│   ├── FileInTheWay                a file would be overwritten
│   ├── FileChanged                 it changed each time it was read
│   └── SessionDiskFull             no room in the session
└── MagicUsage                      a %magic of ours was not written as it must be

An error is shown in the notebook as ``ename`` (the class), ``evalue`` (what happened) and a
traceback that ends with the cause and the fix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..causes.evidence import Reply


class SessionKernelError(Exception):
    """What happened, the likely cause, and what to do about it.

    :param what: one sentence: what happened.
    :param cause: one sentence: the likely cause; may be empty.
    :param fix: what to do, with the exact command or setting; may be empty.
    """

    ename: str | None = None

    def __init__(self, what: str, *, cause: str = "", fix: str = "") -> None:
        if type(self) is SessionKernelError:
            raise TypeError("raise a subclass of SessionKernelError, which says what went wrong")
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.cause, self.fix) if part)

    def as_content(self) -> dict[str, Any]:
        """The ``error`` content of the Jupyter message spec: ename, evalue, traceback."""
        ename = self.ename or type(self).__name__
        red, bold, reset = "\x1b[0;31m", "\x1b[1m", "\x1b[0m"
        traceback = [f"{red}{ename}{reset}: {self.what}"]
        if self.cause:
            traceback.append(f"  {bold}Likely cause:{reset} {self.cause}")
        if self.fix:
            traceback.append(f"  {bold}What to do:{reset}   {_indented(self.fix)}")
        return {"ename": ename, "evalue": self.what, "traceback": traceback}


def in_a_terminal(fix: str) -> str:
    """What to do, said to somebody who has typed a command and has no cell."""
    return fix.replace("run the cell again", "run this again")


def _indented(text: str) -> str:
    """A command stands on a line of its own, so that it can be copied whole."""
    return text.replace("\n", "\n      ")


class SettingsError(SessionKernelError):
    """Something configured on this machine is missing or wrong."""


class EndpointMissing(SettingsError):
    """No session pool is configured."""


class EndpointInvalid(SettingsError):
    """The configured value is not a pool management endpoint."""


class HostNotAllowed(SettingsError):
    """The host is not one that tokens may be sent to (docs/design.md rule 9)."""


class IdentifierInvalid(SettingsError):
    """The identifier breaks Azure's rule for ``identifier=``."""


class LocalPoolNotRunning(SettingsError):
    """``endpoint=local`` is configured and no local pool answers."""


class StateUnusable(SettingsError):
    """A file of ours (secret, lease) can't be read, written or understood."""


class CredentialError(SessionKernelError):
    """No token could be had for the pool."""


class PoolError(SessionKernelError):
    """The pool answered with an error, or did not answer.

    :ivar status: the HTTP status, or None when there was no answer.
    :ivar code: ``error.code`` of the answer, or "".
    :ivar source: ``azure-session-kernel`` when our own adapter answered, else what the answer
        names in ``error.source``, or "".
    :ivar body: the answer as text: at most 2,000 characters, without control characters, token
        or full identifier.
    :ivar whole: likewise, all of it that was received.
    :ivar retry_after_s: the pool's own wish, in seconds, or None.
    :ivar reply: the answer as ``doctor`` judges it; None when the error is not about one.
    """

    status: int | None = None
    code: str = ""
    source: str = ""
    body: str = ""
    whole: str = ""
    retry_after_s: float | None = None
    reply: Reply | None = None


class PoolUnreachable(PoolError):
    """No connection to the pool, or it broke off.

    :ivar sent: True when the request may have reached the pool.
    :ivar gone: True when it is on this machine, where nobody listens.
    """

    sent: bool = True
    gone: bool = False


class Unauthorized(PoolError):
    """401: the token was refused."""


class Forbidden(PoolError):
    """403: the token is valid and the role is missing."""


class PoolRouteNotFound(PoolError):
    """404: nobody answers that path."""


class PoolFull(PoolError):
    """429: no free session in the pool."""


class PoolUnavailable(PoolError):
    """5xx: the pool, or the container behind it, can't answer now."""


class UnexpectedAnswer(PoolError):
    """An answer that this kernel can't read."""


class AnswerTooLarge(UnexpectedAnswer):
    """Larger than an answer to that request can be; the rest was not read."""


class SessionError(SessionKernelError):
    """The session is not what the cell expected."""


class SessionLost(SessionError):
    """The session was replaced by a fresh one; the cell did not run (docs/design.md rule 3).

    :ivar while_idle: since the last cell, as far as is known.
    """

    while_idle = False


class SessionTaken(SessionError):
    """A newer kernel works in this session; the cell did not run."""


class InterpreterDied(SessionError):
    """The interpreter in the session died while the cell ran."""


class ExecutionUnknown(SessionError):
    """It can't be known whether the cell ran (docs/design.md rule 2)."""


class MessageTooLarge(SessionError):
    """A message of the session is above the limit for one, so it did not come; the cell ran."""


class Interrupted(SessionError):
    """The user has interrupted the cell; carries what stopped it (docs/design.md rule 8)."""

    ename = "KeyboardInterrupt"


class SetupFailed(SessionKernelError):
    """``azure-session-kernel setup`` could not make, or remove, something in Azure."""


class SetupTookTooLong(SetupFailed):
    """Azure did not come to an end in time; the same command goes on waiting."""


class ProgramError(SessionKernelError):
    """A cell that ran as a program of its own, in a one-shot pool, did not end well."""


class NonZeroExit(ProgramError):
    """Its exit code is not 0, and no traceback says why."""


class Killed(ProgramError):
    """A signal ended it."""


class RunTimedOut(ProgramError):
    """It took longer than the pool allows."""


class OutputTooLong(ProgramError):
    """It printed more than the pool takes; the rest is missing."""


class NotOnThisPool(ProgramError):
    """It asks for what this kind of pool can't do."""


class RunFailed(ProgramError):
    """The pool says that it failed, and nothing that helps."""


class InternalError(SessionKernelError):
    """A fault of this kernel itself; its log has the traceback. The kernel goes on."""


class FileTransferError(SessionKernelError):
    """A file did not get into the session, or out of it."""


class FileMissing(FileTransferError):
    """Nothing of that name is there."""


class FileRefused(FileTransferError):
    """That name, or that kind of file, is never transferred."""


class FileTooLarge(FileTransferError):
    """Above a limit; the fix names the option that raises it."""


class FileInTheWay(FileTransferError):
    """A file would be overwritten."""


class FileChanged(FileTransferError):
    """It changed each time it was read."""


class SessionDiskFull(FileTransferError):
    """No room in the session; the unfinished file was removed there."""


class MagicUsage(SessionKernelError):
    """A %magic of ours was not written as it must be."""

    ename = "UsageError"
