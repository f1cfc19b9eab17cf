"""The value of a cell's last expression, which a program of its own would not show.

A notebook shows it as ``Out[n]``; ``python main.py`` drops it. So the last expression is wrapped,
in its own line, in a call that prints its ``repr`` between two marks that only this cell has.
Nothing else is touched, no line moves, and what was wrapped is undone in tracebacks. A cell is
sent as it is unless the changed text provably parses to the same program with that call in it.
"""

from __future__ import annotations

import ast
import re
import secrets
from dataclasses import dataclass
from typing import Final

from .inserted import without

_CARETS: Final = re.compile(r"[ ~^]*[~^][ ~^]*")
_AFTER: Final = "))"
#: What any text of an answer has in it that has some of what is put around the last expression.
_TRACES: Final = re.compile(r"\(lambda v: |\)\)\(\(")
#: In front of a mark. Neither ``str.strip`` nor ``str.splitlines`` takes it for white space.
MARK: Final = "\x02"


@dataclass(frozen=True)
class SentCode:
    """:ivar mark: in front of and behind the printed value; "" when the code was not changed.
    :ivar before: what stands in front of the last expression, ``shown``.
    """

    text: str
    mark: str = ""
    before: str = ""
    shown: str = ""

    def split(self, stdout: str) -> tuple[str, str]:
        """What the cell printed, and the text of its last value, or ""."""
        if not self.mark or self.mark[0] not in stdout:
            return stdout, ""
        printed, found, value = stdout.partition(self.mark)
        if not found:
            head, _, tail = stdout.rpartition(self.mark[0])
            cut_off = self.mark.startswith(self.mark[0] + tail)
            return (head if cut_off else stdout), ""
        value, _, later = value.partition(self.mark)
        return printed + later.removeprefix("\n"), value.rstrip("\n")

    def clean(self, traceback: tuple[str, ...]) -> tuple[str, ...]:
        """The lines as the user wrote them; the marks below a line move along with it."""
        last = self.shown.rpartition("\n")[2].strip() + _AFTER
        if not self.mark:
            return traceback
        lines: list[str] = []
        moved = 0
        for line in traceback:
            if moved and _CARETS.fullmatch(line):
                if line[:moved].isspace():
                    lines.append(line[moved:])
                moved = 0
                continue
            moved = 0
            if self.before in line:
                line = line.replace(f"{self.before}{self.shown}{_AFTER}", self.shown, 1)
                line, moved = line.replace(self.before, "", 1), len(self.before)
            elif "\n" in self.shown and line.strip() == last:
                line = line.removesuffix(_AFTER)
            lines.append(line)
        return tuple(lines)

    def unwrapped(self, text: str) -> str:
        """Any text of an answer as if the code had been sent as the user wrote it."""
        if not self.mark or not _TRACES.search(text):
            return text
        lines = self.clean(tuple(text.split("\n")))
        return without("\n".join(lines), self.before, self.shown, _AFTER)


def show_last_value(code: str, *, wanted: bool = True) -> SentCode:
    """The cell, with its last expression shown if that is wanted and can be done safely."""
    tree = _parsed(code) if wanted else None
    last = tree.body[-1] if tree is not None and tree.body else None
    if tree is None or not isinstance(last, ast.Expr) or "\r" in code:
        return SentCode(code)
    if _prints(last.value) or _is_silenced(code, last):
        return SentCode(code)
    mark = MARK + secrets.token_hex(4)
    quoted = f'"\\x02{mark[1:]}"'
    before = f"(lambda v: None if v is None else print({quoted} + repr(v), end={quoted} + '\\n'))(("
    changed = _wrapped(code, last, before)
    if not _same_but_for_the_call(tree, _parsed(changed)):
        return SentCode(code)
    return SentCode(changed, mark, before, ast.get_source_segment(code, last) or "")


def _wrapped(code: str, last: ast.Expr, before: str) -> str:
    lines = code.split("\n")
    _insert(lines, last.end_lineno, last.end_col_offset, _AFTER)
    _insert(lines, last.lineno, last.col_offset, before)
    return "\n".join(lines)


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _prints(value: ast.expr) -> bool:
    """``print(…)`` has no value worth the trouble."""
    called = value.func if isinstance(value, ast.Call) else None
    return isinstance(called, ast.Name) and called.id == "print"


def _is_silenced(code: str, last: ast.Expr) -> bool:
    """A semicolon at the end, as in IPython."""
    lines = code.split("\n")[(last.end_lineno or 1) - 1 :]
    lines[0] = lines[0].encode()[last.end_col_offset or 0 :].decode(errors="replace")
    return any(";" in line.partition("#")[0] for line in lines)


def _insert(lines: list[str], lineno: int | None, col_offset: int | None, text: str) -> None:
    """``col_offset`` counts UTF-8 bytes."""
    index = (lineno or 1) - 1
    line = lines[index].encode()
    at = col_offset or 0
    lines[index] = line[:at].decode() + text + line[at:].decode()


def _same_but_for_the_call(before: ast.Module, after: ast.Module | None) -> bool:
    if after is None or len(after.body) != len(before.body):
        return False
    call = after.body[-1]
    if not (isinstance(call, ast.Expr) and isinstance(call.value, ast.Call)):
        return False
    (old,) = (last for last in before.body[-1:] if isinstance(last, ast.Expr))
    if [ast.dump(argument) for argument in call.value.args] != [ast.dump(old.value)]:
        return False
    return all(
        ast.dump(one) == ast.dump(other)
        for one, other in zip(before.body[:-1], after.body[:-1], strict=True)
    )
