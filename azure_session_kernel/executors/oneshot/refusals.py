"""What an error answer to a cell means: did it run, and what is to be done."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from ...common.errors import (
    ExecutionUnknown,
    PoolError,
    PoolFull,
    PoolUnavailable,
    PoolUnreachable,
    SessionKernelError,
    UnexpectedAnswer,
)
from .answer import Ran, excerpt, from_json, read_answer, said_in, says_timed_out, wrong_fields
from .traceback import find_traceback

#: The request was refused as it stands, so nothing has run.
_REFUSED: Final = (405, 406, 413, 415)
#: So it may have been; or this is how the program tells that the cell failed.
_PERHAPS: Final = (400, 422, 500)
#: What Piston and Microsoft's plain sample say before they run anything (docs/azure.md 3.6, 7).
_NOTHING_RUN: Final = re.compile(
    r"runtime is unknown$|^[\w.\[\]]+ is required as an? (?:string|array)$"
    r"|^run_timeout cannot exceed |^Unsupported language: "
    r"|^No (?:JSON data|code or command) provided$"
)
_TIMED_OUT: Final = 408


def did_not_run(error: PoolError) -> bool:
    """What is safe to try again: no session was free, or no connection could be opened."""
    return isinstance(error, PoolFull) or (isinstance(error, PoolUnreachable) and not error.sent)


def ran_after_all(error: PoolError) -> Ran | None:
    """The outcome that stands in the body of an error answer, if one does.

    Microsoft's plain sample answers a run that took too long with 408 (docs/azure.md 3.6). Others
    answer a cell that failed with 400 or 500, and its traceback somewhere in the body.
    """
    value = from_json(error.whole)
    ran: Ran | None = None
    try:
        ran = read_answer(value)
    except UnexpectedAnswer:
        traceback = find_traceback(error.whole if value is None else value)
        if traceback:
            ran = Ran(stderr=traceback, ok=False)
    if error.status == _TIMED_OUT:
        stdout, stderr = (ran.stdout, ran.stderr) if ran else ("", "")
        said = stderr if ran else excerpt(error.whole)
        return Ran(stdout, "" if "timed out" in stderr.lower() else stderr, False, None, "",
                   "time", None, said)  # fmt: skip
    if ran is None or wrong_fields(value):
        return None
    # An error's own code may be the status.
    tells = ran.stdout or ran.stderr or ran.exit_code not in (None, error.status)
    if not tells and not (error.status in _PERHAPS and says_timed_out(ran.said)):
        return None
    return ran if ran.ok is not None else replace(ran, ok=False)


def told(error: PoolError) -> SessionKernelError:
    """What the cell is told."""
    said = said_in(from_json(error.whole)) or excerpt(error.whole)
    known = wrong_fields(from_json(error.whole)) or _NOTHING_RUN.search(said)
    if error.status in _REFUSED or (error.status in _PERHAPS and known):
        return _refused(error, said or "no reason given")
    broken = isinstance(error, PoolUnavailable) or error.status in _PERHAPS
    if broken or (isinstance(error, PoolUnreachable) and error.sent):
        return _unknown(error, said)
    return error


def _refused(error: PoolError, said: str) -> UnexpectedAnswer:
    cause, fix = _why_refused(said)
    refused = UnexpectedAnswer(
        f"The pool refused the cell ({error.status}): {excerpt(said)}. It has not run.",
        cause=cause,
        fix=fix,
    )
    refused.status, refused.code = error.status, error.code
    refused.body, refused.whole = error.body, error.whole
    return refused


def _why_refused(said: str) -> tuple[str, str]:
    if "runtime is unknown" in said:
        return (
            "That version of Python is not installed in the pool's Piston any more.",
            "Restart the kernel, so that it asks for the runtimes again; or install the package.",
        )
    if "is required as a" in said:
        return (
            "Piston's own API answers at this path.",
            "Set AZURE_SESSION_EXECUTE_PATH to its path, which ends with /api/v2/execute.",
        )
    return (
        "The program at this path expects another request.",
        "Set AZURE_SESSION_EXECUTE_PATH to a path that takes {properties: {code, stdin}}, or run "
        "azure-session-kernel doctor.",
    )


def _unknown(error: PoolError, said: str) -> ExecutionUnknown:
    return ExecutionUnknown(
        "It is not known whether this cell has run, and it is not sent again: "
        + (
            f"the pool answered it with {error.status}{f' ({excerpt(said)})' if said else ''}."
            if error.status
            else "the connection broke after it was sent."
        ),
        cause=error.what if not error.status else error.cause,
        fix="Look at what it was to change (files, databases) before you run it again.",
    )
