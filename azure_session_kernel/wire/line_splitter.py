"""Bytes in, whole lines out; a line that is too long costs no more than the limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .json_text import WireError
from .limits import MAX_LINE_BYTES

#: A line begins with its number, so that one that is not read whole can be counted.
_NUMBER: Final = re.compile(rb'\s*\{\s*"n"\s*:\s*([1-9][0-9]{0,17})\s*,')
_HEAD_BYTES: Final = 100


class LineTooLong(WireError):
    """A line is larger than the limit.

    :ivar n: the number that it begins with; None if it does not begin as a log line does.
    """

    def __init__(self, head: bytes, limit_bytes: int) -> None:
        super().__init__(f"a line longer than {limit_bytes} bytes")
        found = _NUMBER.match(head[:_HEAD_BYTES])
        self.n = int(found[1]) if found else None
        self.limit_bytes = limit_bytes


class LineSplitter:
    """Splits on ``\\n`` only (rule 3 of ``wire``)."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._max = max_line_bytes
        self._rest = b""

    @property
    def between_lines(self) -> bool:
        """Nothing of a line has come whose end has not."""
        return not self._size

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Lines completed by ``data``, without their newlines; empty lines are left out.

        :raises LineTooLong: once, when a line outgrows the limit. Feeding may go on, with ``b""``
            if nothing new is there: what that line still has is passed over.
        """
        data, self._rest = self._rest + data, b""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._keep(data, start, end)
            line, whole = b"".join(self._parts), self._size <= self._max
            self._parts.clear()
            self._size = 0
            start = end + 1
            if line and whole:
                yield line
        self._keep(data, start, len(data))

    def _keep(self, data: bytes, start: int, end: int) -> None:
        passing_over = self._size > self._max
        self._size += end - start
        if passing_over:
            return
        if start < end:
            self._parts.append(data[start:end])
        if self._size > self._max:
            head, self._rest = b"".join(_first(self._parts)), data[end:]
            self._parts.clear()
            raise LineTooLong(head, self._max)


def _first(parts: list[bytes]) -> Iterator[bytes]:
    """Enough of them for the number."""
    size = 0
    for part in parts:
        yield part[:_HEAD_BYTES]
        size += len(part)
        if size >= _HEAD_BYTES:
            return
