"""What a notebook shows of a run: exit codes, signals and limits become Jupyter errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ...common.errors import (
    Killed,
    NonZeroExit,
    OutputTooLong,
    ProgramError,
    RunFailed,
    RunTimedOut,
    SessionKernelError,
)
from ..base import NO_STDIN
from ..plain import PlainResult, PythonError
from .answer import Ran, excerpt, says_timed_out
from .cannot import Watched, hint
from .code import SentCode
from .input import reads_input
from .signals import perhaps_signal_of
from .traceback import split_traceback

KEEPS_NOTHING: Final = (
    "This pool keeps no variables between cells: each cell runs in a new Python process. "
    "Put what it needs into the same cell."
)
NO_INPUT: Final = (
    "This pool gives a cell its input when it starts. Write the lines above the code: "
    "%%stdin, then the lines, then %%code."
)
_TIMED_OUT: Final = re.compile(r"(?i)tim(?:ed|e) ?out|time limit|TimeoutExpired")
#: What ``getpass`` says where there is no terminal: nothing is echoed here.
_ECHOES: Final = re.compile(
    r"[^\n]*GetPassWarning: Can not control echo on the terminal\.\n(?:  [^\n]*\n)?"
    r"Warning: Password input may be echoed\.\n"
)


def outcome(
    ran: Ran,
    sent: SentCode,
    watched: Watched,
    code: str,
    *,
    keeps: bool,
    takes_stdin: bool = True,
) -> PlainResult:
    """:param code: the cell as the user wrote it. :param keeps: whether variables survive.

    :param takes_stdin: whether cells get the standard input that they are sent with.
    """
    printed_all, ended, no_plot = watched.split(ran.stdout)
    stdout, value = sent.split(printed_all)
    text, images = shown_result(ran.result, printed_all)
    ran = _judged(ran, at_its_end=bool(value or ended))
    result = PlainResult(stdout, ran.stderr, value or text, images, None if images else no_plot)
    if ran.ok:
        return result
    printed, error = split_traceback(ran.stderr)
    if ran.limit or ran.signal:
        return replace(result, failure=_failure(ran))
    if error is not None:
        result = replace(result, stderr=printed)
    elif not ran.stderr.strip() and (ran.ok is False or ran.one_text):
        printed, error = split_traceback(stdout)
        result = replace(result, stdout=printed)
    if error is None:
        return result if ran.ok is None else replace(result, failure=_failure(ran))
    hint = _hint(error, code, keeps=keeps, takes_stdin=takes_stdin)
    lines = (*sent.clean(error.traceback), *([f"\x1b[1m{hint}\x1b[0m"] if hint else []))
    return replace(result, failure=replace(error, traceback=lines))


def _judged(ran: Ran, *, at_its_end: bool) -> Ran:
    """What the texts tell, where no exit code and no status does.

    :param at_its_end: what stands at the end of the cell has run.
    """
    ran = replace(ran, stderr=_ECHOES.sub("", ran.stderr))
    if ran.ok is not None:
        return ran
    if at_its_end:
        return replace(ran, ok=True)
    before, end, said = (ran.stdout if ran.one_text else ran.stderr).rstrip().rpartition("\n")
    if not says_timed_out(said):
        return ran
    printed = "" if ran.one_text else before + end
    return replace(ran, ok=False, limit="time", said=said, stderr=printed)


def without_ours(result: PlainResult, clean: Callable[[str], str]) -> PlainResult:
    """Nothing of what the code was sent with besides the user's. :param clean: any text of it."""
    failure = result.failure
    if isinstance(failure, SessionKernelError):
        failure.what, failure.cause = clean(failure.what), clean(failure.cause)
        failure.fix = clean(failure.fix)
    elif isinstance(failure, PythonError):
        lines = clean("\n".join(failure.traceback)).split("\n")
        failure = PythonError(failure.ename, clean(failure.evalue), tuple(lines))
    stdout, stderr, shown = map(clean, (result.stdout, result.stderr, result.result))
    return replace(result, stdout=stdout, stderr=stderr, result=shown, failure=failure)


def shown_result(value: Any, stdout: str = "") -> tuple[str, tuple[str, ...]]:
    """The text of a result that the pool itself gives, and its images; docs/azure.md 6.4.

    A copy of what was printed is no result.
    """
    if isinstance(value, dict):
        inner = value.get("officepy_result", value)
        data = inner.get("base64_data") if isinstance(inner, dict) else None
        if isinstance(data, str):
            return "", (data,)
    if value is None or value == "" or (isinstance(value, str) and value.strip() == stdout.strip()):
        return "", ()
    if isinstance(value, bool | int | float):
        return repr(value), ()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), ()


def _failure(ran: Ran) -> ProgramError:
    if ran.limit in ("stdout", "stderr"):
        return OutputTooLong(
            f"The cell printed more on {ran.limit} than this pool takes, and was ended; "
            "the rest is missing.",
            cause="Piston allows 1024 bytes for each stream unless it is configured otherwise.",
            fix="Print less, or raise PISTON_OUTPUT_MAX_SIZE in the image.",
        )
    if ran.limit == "time" or _TIMED_OUT.search(f"{ran.said} {ran.stderr[-200:]}"):
        return RunTimedOut(
            "The cell took longer than this pool allows, and was ended.",
            cause=f"The pool says: {excerpt(ran.said)}" if ran.said else "",
            fix="Make it shorter, or raise the limit in the image (Piston: PISTON_RUN_TIMEOUT, "
            "3 seconds unless configured).",
        )
    if ran.signal:
        return Killed(
            f"The cell's process was ended by {_signal_name(ran.signal)}.",
            cause=f"The pool says: {excerpt(ran.said)}" if ran.said else "",
            fix="SIGKILL mostly means a limit on memory or time; SIGSEGV a crash in a library.",
        )
    if ran.exit_code:
        return NonZeroExit(
            f"The cell's program ended with exit code {ran.exit_code}.",
            cause=_why_exit_code(ran.exit_code),
        )
    if ran.said:
        return RunFailed(f"The pool says that the cell failed: {excerpt(ran.said)}")
    return RunFailed(
        "The pool says that the cell failed, and nothing else: no traceback, no exit code.",
        cause="The program in the session lost the reason, or its stderr.",
        fix="Print in between to see how far the cell gets.",
    )


def _why_exit_code(code: int) -> str:
    cause = (
        "It called sys.exit, or what it printed on stderr says why, or the pool ended it at a "
        "limit (time, memory, output) and does not tell which."
    )
    if signal := perhaps_signal_of(code):
        return f"{code} is 128 and the number of {signal}: a signal ended it. Or: {cause}"
    return cause


def _signal_name(signal: str) -> str:
    return f"signal {signal}" if signal.lstrip("-").isdigit() else excerpt(signal)


def _hint(error: PythonError, code: str, *, keeps: bool, takes_stdin: bool) -> str:
    if sentence := hint(error, code):
        return sentence
    if error.ename == "NameError" and not keeps:
        return KEEPS_NOTHING
    if error.ename == "EOFError" and reads_input(code):
        return NO_INPUT if takes_stdin else NO_STDIN
    return ""
