"""Reading what a one-shot pool answers: the shapes that were seen (docs/azure.md 3.6, 4.3, 5, 7).

``{"properties": {…}}``, ``{"result": {…}}``, the same fields at the top level or in an error, and
Piston's ``{"run": {…}, "compile": {…}}``; one text for both streams; texts as lists of lines; a
traceback among the words of an error. Everything is checked, for a session is untrusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ...common.errors import UnexpectedAnswer
from .signals import signal_of
from .traceback import find_traceback, joined, split_traceback

_EXCERPT_CHARS: Final = 300
#: Of a list of what is wrong with a request.
_FIELDS: Final = 6
_NAME_CHARS: Final = 40
#: A container may echo what it was sent.
_TOKEN: Final = re.compile(r"(?i:bearer\s+)[\w.~+/=-]+|eyJ[\w-]+\.[\w-]+\.[\w-]*")
_TEXTS: Final = ("stdout", "stderr")
_CODES: Final = ("exitCode", "returnCode", "exit_code", "returncode", "return_code", "code")
_RESULTS: Final = ("executionResult", "result")
_KNOWN: Final = frozenset(
    {*_TEXTS, *_CODES, "status", "success", "signal", "executionResult", "output"}
)
#: Where the fields may be, and which of them must be there.
_INSIDE: Final[Mapping[str, frozenset[str]]] = {
    "properties": _KNOWN,
    "result": _KNOWN,
    **dict.fromkeys(("detail", "error"), frozenset({*_TEXTS, "output"})),
}

_GOOD: Final = frozenset({"success", "succeeded", "ok", "completed", "finished"})
#: What no cell is likely to print last.
_TIMED_OUT: Final = re.compile(
    r"(?i)\b(?:execution|code|process|program|script|command|cell|run)\b.{0,80}"
    r"\b(?:timed out|timeout|time limit)\b"
    r"|^(?:error: ?)?(?:timed out|timeout|time limit exceeded)\b"
    r"|' timed out after [\d.]+ seconds$"
)
#: Piston's words for what a limit ended (docs/azure.md 7).
_LIMITS: Final[Mapping[str, str]] = {"to": "time", "ol": "stdout", "el": "stderr"}


@dataclass(frozen=True)
class Ran:
    """How a run ended, as far as the pool tells.

    :ivar ok: None when nothing tells but what was printed.
    :ivar limit: ``time``, ``stdout`` or ``stderr`` when a limit of the pool ended it, else "".
    :ivar result: the value of the last expression as the pool gives it, or None.
    :ivar said: the pool's own words for a failure.
    :ivar one_text: ``stdout`` is all that tells: there is no stderr and no exit code.
    """

    stdout: str = ""
    stderr: str = ""
    ok: bool | None = None
    exit_code: int | None = None
    signal: str = ""
    limit: str = ""
    result: Any = None
    said: str = ""
    one_text: bool = False


def read_answer(value: Any) -> Ran:
    """:raises UnexpectedAnswer: none of the known shapes, with what it is instead."""
    if not isinstance(value, dict):
        raise _unreadable(value, f"a {type(value).__name__}")
    if isinstance(value.get("run"), dict):
        return _piston(value)
    inner: dict[str, Any] = value
    for name, fields in _INSIDE.items():
        if isinstance(value.get(name), dict) and fields & value[name].keys():
            inner = {**{k: v for k, v in value.items() if k != name}, **value[name]}
            break
    failure, traceback = said_in(inner), find_traceback(inner, but=(*_TEXTS, "output"))
    if not _KNOWN & inner.keys() and not failure and not traceback:
        raise _unreadable(value, "one without a field that is known here")
    ran = _flat(inner, failure)
    if ran.ok or not traceback or split_traceback(ran.stderr)[1] is not None:
        return ran
    end = "" if ran.stderr.endswith("\n") or not ran.stderr else "\n"
    return replace(ran, ok=False, stderr=ran.stderr + end + traceback, one_text=False)


def from_json(text: str) -> Any:
    """None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def said_in(value: Any) -> str:
    """The words of an error body: ``{"error": {…}}``, ``{"error": "…"}``, ``{"message": "…"}``, or
    FastAPI's list of what is wrong with a request.
    """
    if not isinstance(value, dict):
        return ""
    error = value.get("error")
    if isinstance(error, dict):
        return ": ".join(_words(error, "code", "message")) or said_in(error)
    if isinstance(error, str) and error.strip():
        return error.strip()[:_EXCERPT_CHARS]
    if isinstance(value.get("detail"), dict):
        return said_in(value["detail"])
    if wrong := wrong_fields(value):
        return ", ".join(wrong)
    return " ".join(_words(value, "message", "detail", "stack"))


def says_timed_out(line: str) -> bool:
    """Whether a line tells of a run that took too long, as far as words do."""
    return _TIMED_OUT.search(line) is not None


def wrong_fields(value: Any) -> list[str]:
    """What FastAPI finds wrong with a request, which it has not acted on; without what was sent."""
    found = value.get("detail") if isinstance(value, dict) else None
    if not isinstance(found, list):
        return []
    return [
        f"`{name}` is required" if is_missing(one) else f"`{name}`: {excerpt(one.get('msg', ''))}"
        for one in found[:_FIELDS]
        if (name := field_of(one))
    ]


def field_of(one: Any) -> str:
    """``body.code``, or "" when it is not an entry of such a list."""
    place = one.get("loc") if isinstance(one, dict) else None
    if not isinstance(place, list) or not place:
        return ""
    return excerpt(".".join(str(part)[:_NAME_CHARS] for part in place[:_FIELDS]).replace("`", ""))


def is_missing(one: Mapping[str, Any]) -> bool:
    """``missing``, or what Pydantic 1 says."""
    return str(one.get("type")).endswith("missing")


def excerpt(value: Any) -> str:
    """What was received, as much of it as can be shown."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = _TOKEN.sub("(token)", text[:20_000])
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())
    return text if len(text) <= _EXCERPT_CHARS else f"{text[:_EXCERPT_CHARS]}…"


def _words(value: Mapping[str, Any], *names: str) -> list[str]:
    found = (value.get(name) for name in names)
    return [text.strip()[:_EXCERPT_CHARS] for text in found if isinstance(text, str) and text]


def _piston(value: dict[str, Any]) -> Ran:
    compiled = value.get("compile")
    if isinstance(compiled, dict):
        ran = _flat(compiled, said_in(compiled))
        if ran.ok is False:
            return ran
    return _flat(value["run"], said_in(value["run"]))


def _flat(value: dict[str, Any], said: str) -> Ran:
    status = value.get("status")
    if isinstance(value.get("success"), bool):
        status = "success" if value["success"] else "failed"
    word = status.strip().lower() if isinstance(status, str) else ""
    code = _exit_code(value)
    if word.isdigit():  # the exit code as text (docs/azure.md 5, shell)
        word, code = "", int(word[:9]) if code is None else code
    signal = value.get("signal")
    signal = str(signal)[:30] if isinstance(signal, str | int) and signal else signal_of(code)
    result = next((value[name] for name in _RESULTS if value.get(name) not in (None, "")), None)
    both = not value.keys() & set(_TEXTS)  # all that was printed, in one text
    return Ran(
        stdout=_text(value, "output" if both else "stdout"),
        stderr=_text(value, "stderr"),
        ok=_is_ok(word, code, signal, said),
        exit_code=code,
        signal=signal,
        limit=_LIMITS.get(word, ""),
        result=result,
        said=said,
        one_text=code is None and value.get("stderr") is None,
    )


def _is_ok(word: str, code: int | None, signal: str, said: str) -> bool | None:
    """The status counts for more than the exit code: an adapter in the field sends ``code || 1``,
    which makes 1 of 0 (docs/azure.md 4.2).
    """
    if word:
        return word in _GOOD
    if signal:
        return False
    if code is not None:
        return code == 0
    return False if said else None


def _exit_code(value: dict[str, Any]) -> int | None:
    for name in _CODES:
        code = value.get(name)
        if isinstance(code, int) and not isinstance(code, bool):
            return code
        if isinstance(code, str) and code.strip().lstrip("-").isdigit():
            return int(code[:9])
    return None


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if text is None:
        return ""
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return joined(text)
    if not isinstance(text, str):
        raise _unreadable(value, f"one whose {name} is not text")
    return text


def _unreadable(value: Any, what: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The pool's answer to a cell can't be read: it is {what}: {excerpt(value)}",
        cause="The program in the session answers in a shape of its own. The cell may have run.",
        fix="Known are {properties: {stdout, stderr, exitCode}}, the same fields without "
        "properties, and Piston's {run: {stdout, stderr, code}}. Run azure-session-kernel doctor.",
    )
