"""The arguments of our magics, and of settings that are lists of patterns, written and read."""

from __future__ import annotations

import re
import shlex
from typing import Final

from ..common.errors import MagicUsage

_HEX: Final = "[0-9a-fA-F]"
_ESCAPE: Final = re.compile(
    rf"\\(x{_HEX}{{2}}|u{_HEX}{{4}}|U00(?:0{_HEX}|10){_HEX}{{4}}|.)", re.DOTALL
)
_SHORT: Final = {"n": "\n", "r": "\r", "t": "\t"}
_QUOTED: Final = re.compile(r"""\$'((?:[^'\\]|\\.)*)'|"[^"]*"|'[^']*'""", re.DOTALL)


def words(line: str) -> list[str]:
    """Like a shell, except that a backslash is a character: it separates folders on Windows.

    In ``$'…'`` it begins one of Python's escapes.

    :raises MagicUsage: a quotation mark is not closed.
    """
    line = _QUOTED.sub(
        lambda found: found[0] if found[1] is None else shlex.quote(unescaped(found[1])), line
    )
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise MagicUsage("A quotation mark in this line is not closed.") from None


def quoted(name: str) -> str:
    """As an argument of a magic, where a backslash escapes only in ``$'…'``, as in Python."""
    if name.startswith("-"):
        name = f"./{name}"  # no option
    if name.isprintable() and not re.search(r"[ '\"#]", name):
        return name
    if name.isprintable() and '"' not in name:
        return f'"{name}"'
    return "$'" + repr('"' + name)[2:-1] + "'"


def unescaped(text: str) -> str:
    """What Python's escapes in ``text`` stand for, those that ``repr`` writes."""
    return _ESCAPE.sub(lambda found: _meaning_of(found[1]), text)


def _meaning_of(escape: str) -> str:
    return chr(int(escape[1:], 16)) if len(escape) > 1 else _SHORT.get(escape, escape)
