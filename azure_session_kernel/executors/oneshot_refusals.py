"""What an error answer to a cell means: did it run, and what is to be done."""

from __future__ import annotations

import json
from typing import Any, Final

from ..errors import (
    ExecutionUnknown,
    PoolError,
    PoolFull,
    PoolUnavailable,
    PoolUnreachable,
    SessionKernelError,
    UnexpectedAnswer,
)
from .oneshot_answer import Ran, excerpt, read_answer, said_in

#: The request was refused as it stands, so nothing has run.
_REFUSED: Final = (400, 405, 406, 413, 415, 422)
_TIMED_OUT: Final = 408


def did_not_run(error: PoolError) -> bool:
    """What is safe to try again: no session was free, or no connection could be opened."""
    return isinstance(error, PoolFull) or (isinstance(error, PoolUnreachable) and not error.sent)


def ran_after_all(error: PoolError) -> Ran | None:
    """The outcome that stands in the body of an error answer, if one does.

    Microsoft's plain sample answers a run that took too long with 408 (azure/README 3.6).
    """
    try:
        ran = read_answer(_json(error.body))
    except UnexpectedAnswer:
        ran = None
    if error.status == _TIMED_OUT:
        stdout, stderr = (ran.stdout, ran.stderr) if ran else ("", "")
        said = stderr if ran else excerpt(error.body)
        return Ran(stdout, "" if "timed out" in stderr.lower() else stderr, False, None, "",
                   "time", None, said)  # fmt: skip
    has_outcome = ran is not None and (ran.stdout or ran.stderr or ran.exit_code is not None)
    return ran if has_outcome else None


def told(error: PoolError) -> SessionKernelError:
    """What the cell is told."""
    if error.status in _REFUSED:
        return _refused(error)
    if isinstance(error, PoolUnavailable) or (isinstance(error, PoolUnreachable) and error.sent):
        return _unknown(error)
    return error


def _refused(error: PoolError) -> UnexpectedAnswer:
    said = said_in(_json(error.body)) or excerpt(error.body) or "no reason given"
    cause, fix = _why_refused(said)
    refused = UnexpectedAnswer(
        f"The pool refused the cell ({error.status}): {excerpt(said)}. It has not run.",
        cause=cause,
        fix=fix,
    )
    refused.status, refused.code, refused.body = error.status, error.code, error.body
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


def _unknown(error: PoolError) -> ExecutionUnknown:
    said = said_in(_json(error.body)) or excerpt(error.body)
    return ExecutionUnknown(
        "It is not known whether this cell has run, and it is not sent again: "
        + (
            f"the pool answered it with {error.status}{f' ({said})' if said else ''}."
            if error.status
            else "the connection broke after it was sent."
        ),
        cause=error.what if not error.status else error.cause,
        fix="Look at what it was to change (files, databases) before you run it again.",
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
