"""A Python traceback at the end of a text: an error in a notebook, and no output.

An ipykernel shows an exception as an ``error`` and leaves stderr to what the code itself printed
there; graders count what is on stderr against the student. A program of its own prints both there.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from ..plain import PythonError

_HEADER: Final = "Traceback (most recent call last):"
_GROUP_HEADER: Final = f"  + Exception Group {_HEADER}"
#: A syntax error of the program itself has no header.
_SYNTAX: Final = re.compile(r'  File "[^"\n]*", line \d+$')
#: Printed without a newline at its end just before.
_GLUED: Final = re.compile(rf"(?<=[^\n ])(?={re.escape(_HEADER)}\n)")
_CHAINED: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
#: The line that names the exception; in a group's traceback it stands behind a bar.
_NAMED: Final = re.compile(r"(?:  \| )?(?P<name>[^\W\d][\w.]*)(?:: ?(?P<text>.*))?$")
_SYNTAX_ERRORS: Final = ("SyntaxError", "IndentationError", "TabError")


#: Where one begins in the words of an error.
_BEGIN: Final = re.compile(
    rf"^ *\+ Exception Group {re.escape(_HEADER)}$|{re.escape(_HEADER)}$"
    r'|^  File "[^"\n]*", line \d+$',
    re.MULTILINE,
)
#: What may hold what was sent, in an answer.
_ECHOES: Final = ("input", "code", "properties", "files", "body", "request")
_DEPTH: Final = 8


def find_traceback(value: Any, *, but: Collection[str] = ()) -> str:
    """The first traceback among the texts of an answer, or "".

    :param but: names of fields that are not looked at.
    """
    for text in _texts(value, {*but, *_ECHOES}, _DEPTH):
        begin = _BEGIN.search(text)
        if begin is not None and split_traceback(text[begin.start() :])[1] is not None:
            return text[begin.start() :]
    return ""


def joined(lines: Sequence[str]) -> str:
    """A text that is given as its lines, with or without their ends."""
    if any(line.endswith("\n") for line in lines):
        return "".join(lines)
    return "\n".join(lines) + ("\n" if lines and lines[-1] else "")


def _texts(value: Any, but: Collection[str], depth: int) -> Iterator[str]:
    if isinstance(value, str):
        inner = _object(value)
        if inner is None:
            yield html.unescape(value) if value.lstrip()[:1] == "<" else value
        elif depth:
            yield from _texts(inner, but, depth - 1)
    elif isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        yield joined(value)
    elif isinstance(value, dict | list) and depth:
        inside = (v for k, v in value.items() if k not in but) if isinstance(value, dict) else value
        for one in inside:
            yield from _texts(one, but, depth - 1)


def _object(text: str) -> Any:
    """JSON in a text of JSON; else None."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def split_traceback(stderr: str) -> tuple[str, PythonError | None]:
    """What the code itself printed, and the exception that ended it, if one did.

    A traceback that was cut off is none: its last line, which names the exception, is missing.
    """
    lines = _GLUED.sub("\n", stderr).rstrip("\n").split("\n")
    last = _last_header(lines)
    if last is None:
        return stderr, None
    at = _end_of_frames(lines, last)
    named = _NAMED.match(lines[at]) if at < len(lines) else None
    name = named["name"].rpartition(".")[2] if named else ""
    if named is None or (_SYNTAX.match(lines[last]) and name not in _SYNTAX_ERRORS):
        return stderr, None
    more = [] if lines[last] == _GROUP_HEADER else lines[at + 1 :]
    evalue = "\n".join([named["text"] or "", *more])
    first = _first_of_chain(lines, last)
    printed = "".join(f"{line}\n" for line in lines[:first])
    return printed, PythonError(name, evalue, tuple(lines[first:]))


def _last_header(lines: list[str]) -> int | None:
    for index in range(len(lines) - 1, -1, -1):
        if lines[index] in (_HEADER, _GROUP_HEADER):
            return index
        if _SYNTAX.match(lines[index]) and not (index and _is_frame(lines[index - 1])):
            return index
    return None


def _is_frame(line: str) -> bool:
    return line.startswith("  ") or line == _HEADER


def _end_of_frames(lines: list[str], header: int) -> int:
    """Where the exception's own line is."""
    inside = "  |  " if lines[header] == _GROUP_HEADER else "  "
    at = header + 1
    while at < len(lines) and lines[at].startswith(inside):
        at += 1
    return at


def _first_of_chain(lines: list[str], last: int) -> int:
    """Back over the tracebacks that the last one is chained to."""
    first = last
    while first >= 3 and lines[first - 2] in _CHAINED:
        earlier = _last_header(lines[: first - 3])
        if earlier is None:
            break
        first = earlier
    return first
