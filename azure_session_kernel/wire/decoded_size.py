"""What JSON takes once it is decoded, told from its bytes: ``[{},{},…]`` takes thirty times them.

Everything here is a few calls of C for each piece of a text, for a message may have 288 MB; and
whatever stands inside of a string counts as text, however much of it looks like JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from .limits import MAX_DECODED_BYTES, MAX_DEPTH

#: No JSON takes more for each of its bytes.
_MOST_PER_BYTE: Final = 64
#: What each takes at most on a 64-bit CPython, with its place in what holds it; in an object there
#: is room for a few members.
_LIST, _OBJECT, _STRING, _ELEMENT, _MEMBER, _FEW = 104, 248, 80, 48, 64, 5
_PIECE_BYTES: Final = 1024 * 1024
_NO_MARK: Final = bytes(set(range(256)) - set(b'[]{},:"'))
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))
_TO_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
#: From a bracket to how much deeper it leads.
_STEP: Final = ord("\\").__sub__
#: A character beyond U+FFFF, and one beyond U+00FF, as a text escapes them and as UTF-8 has them.
_WIDEST: Final = re.compile(rb"\\u[dD][89abAB]")
_WIDE: Final = re.compile(rb"\\u(?:0[1-9a-fA-F]|[1-9a-fA-F][0-9a-fA-F])")
_NOT_WIDEST_BYTES: Final = bytes(range(0xF0))
_NOT_WIDE_BYTES: Final = bytes(range(0xC4))


def why_not(data: bytes, *, any_text: bool = False) -> str:
    """Why this JSON must not be decoded: a clause; "" when it may.

    :param any_text: do not count that one wide character lets each of a text take four bytes.
    """
    if len(data) <= 2 * MAX_DEPTH:
        return ""
    may_be_deep = _has_many_brackets(data)
    may_be_large = len(data) * _MOST_PER_BYTE > MAX_DECODED_BYTES
    if not (may_be_deep or may_be_large):
        return ""
    marks = data.translate(None, _NO_MARK)
    around = (_width(data) - 1) * len(data) if may_be_large and not any_text else 0
    if may_be_large and around + _values(marks, marks.count(b'"') // 2) <= MAX_DECODED_BYTES:
        may_be_large = False  # even if nothing of that were inside of a string
    if not (may_be_deep or may_be_large):
        return ""
    del marks
    size, depth = around, 0
    for outside, strings in _pieces(data):
        members = outside.count(b":")
        names = min(members, len(set(strings)))  # of an object's members, which share theirs
        size += _values(outside, max(0, len(strings) - members) + names)
        if size > MAX_DECODED_BYTES:
            return f"it would take more than {MAX_DECODED_BYTES // 2**20} MB of memory"
        if may_be_deep:
            brackets = outside.translate(_TO_SQUARE, _NO_BRACKET)
            levels = list(accumulate(map(_STEP, brackets), initial=depth))
            if max(levels) > MAX_DEPTH:
                return "it is nested too deeply"
            depth = levels[-1]
    return ""


def _has_many_brackets(data: bytes) -> bool:
    """Whether more than ``MAX_DEPTH`` open. Most texts have few, which are found in a fifth of the
    time in which they are counted.
    """
    found = 0
    for bracket in b"[{":
        at = data.find(bracket)
        while at >= 0 and found <= MAX_DEPTH:
            found += 1
            at = data.find(bracket, at + 1)
    return found > MAX_DEPTH


def _values(outside: bytes, strings: int) -> int:
    """What lists, objects, numbers and strings take, not counting the strings' texts."""
    count = outside.count
    objects, members = count(b"{"), count(b":")
    size = count(b"[") * _LIST + objects * _OBJECT + count(b",") * _ELEMENT + strings * _STRING
    return size + max(0, members - _FEW * objects) * _MEMBER


def _pieces(data: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Piece by piece what is not inside of a string, and the strings, without some escapes."""
    inside, start = False, 0
    while start < len(data):
        piece = data[start : start + _PIECE_BYTES].replace(b"\\\\", b"")
        start += _PIECE_BYTES
        if piece.endswith(b"\\"):
            start += 1  # what it escapes
        parts = piece.replace(b'\\"', b"").split(b'"')
        yield b"".join(parts[inside::2]), parts[not inside :: 2]
        inside ^= len(parts) % 2 == 0


def _width(data: bytes) -> int:
    """How many bytes a character of one of its texts may take."""
    escaped = data.count(b"\\u") > data.count(b"\\u00")
    if escaped and _WIDEST.search(data):
        return 4
    width = 2 if escaped and _WIDE.search(data) else 1
    for start in range(0, 0 if data.isascii() else len(data), _PIECE_BYTES):
        wide = data[start : start + _PIECE_BYTES].translate(None, _NOT_WIDE_BYTES)
        if wide.translate(None, _NOT_WIDEST_BYTES):
            return 4
        width = 2 if wide else width
    return width
