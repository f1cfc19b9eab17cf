"""What this kernel puts into a cell's code is not the user's: no text of an answer shows it.

Pools answer with what they were sent: in tracebacks, in dumps of an error, in the body of a
refusal; as JSON, as a ``repr`` or as HTML, and often cut. So a text is compared without what
quoting changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

#: What quoting adds, takes away or writes in another way.
_QUOTING: Final = re.compile(
    r"\\+u[0-9a-fA-F]{4}|\\+[nrt]|&(?:quot|apos|#0?3[49]|#x2[27]);|[\\\"'+\s]|[^\x00-\x7f…]"
)
#: So many characters of the beginning are ours for sure, if the rest is as well or was cut off.
_SURE: Final = 12
#: Of the end, behind a cut.
_END: Final = 4
_CUT: Final = re.compile(r"\.\.\.|…")
_CUT_OFF: Final = re.compile(r"\.\.\.|…|\)?\.|$")


def without(text: str, inserted: str, around: str = "", after: str = "") -> str:
    """``text`` without ``inserted``, whole or cut, however it is quoted.

    :param around: what stands behind it and is the user's. :param after: our end of that.
    """
    squeezed, places = _squeezed(text)
    ours, (users, _), end = _squeezed(inserted)[0], _squeezed(around), _squeezed(after)[0]
    kept, at = [], 0
    for begin, stop in sorted(_found(squeezed, ours)):
        if begin < at:
            continue
        kept.append(_between(text, places, at, begin))
        at = stop
        if end and squeezed.startswith(users + end, stop):
            kept.append(_between(text, places, stop, stop + len(users)))
            at = stop + len(users + end)
    if not kept:
        return text
    return "".join(kept) + text[places[at - 1] + 1 :]


def _between(text: str, places: list[int], begin: int, stop: int) -> str:
    """From behind what is in front of ``begin``, up to ``stop``; quoting in between included."""
    first = places[begin - 1] + 1 if begin else 0
    return text[first : places[stop] if stop < len(places) else len(text)]


def _found(text: str, ours: str) -> Iterator[tuple[int, int]]:
    """Where it is, from and to."""
    begin = text.find(ours[:_SURE])
    while begin >= 0:
        same = _same(text, begin, ours)
        if same == len(ours) or _CUT_OFF.match(text, begin + same):
            yield begin, begin + same
        begin = text.find(ours[:_SURE], begin + 1)
    for cut in _CUT.finditer(text):
        sizes = range(len(ours) - 1, _END - 1, -1)
        size = next((n for n in sizes if text.startswith(ours[-n:], cut.end())), 0)
        if size:
            yield cut.end(), cut.end() + size


def _same(text: str, begin: int, ours: str) -> int:
    size = 0
    while size < len(ours) and text[begin + size : begin + size + 1] == ours[size]:
        size += 1
    return size


def _squeezed(text: str) -> tuple[str, list[int]]:
    """Without quoting, and where each character was."""
    places: list[int] = []
    at = 0
    for quoting in _QUOTING.finditer(text):
        places += range(at, quoting.start())
        at = quoting.end()
    places += range(at, len(text))
    return "".join([text[place] for place in places]), places
