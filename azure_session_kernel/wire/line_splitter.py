"""Bytes in, whole lines out; a line that is too long costs no more than the limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .frames import BEGINNING_BYTES, end_of_entry, parts_bytes
from .json_text import WireError
from .limits import MAX_LINE_BYTES

#: A line begins with its number, so that one that is not read whole can be counted.
_NUMBER: Final = re.compile(rb'\s*\{\s*"n"\s*:\s*([1-9][0-9]{0,17})\s*,')
_NUMBER_BYTES: Final = 100


class LineTooLong(WireError):
    """A line is larger than the limit.

    :ivar n: the number that it begins with; None if it does not begin as a log line does.
    :ivar head: its first bytes.
    """

    def __init__(self, head: bytes, limit_bytes: int) -> None:
        super().__init__(f"a line longer than {limit_bytes} bytes")
        found = _NUMBER.match(head[:_NUMBER_BYTES])
        self.n = int(found[1]) if found else None
        self.head, self.limit_bytes = head, limit_bytes


class LineSplitter:
    """Splits on ``\\n`` only (rule 3 of ``wire``), and behind a message's parts (``frames.py``)."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        #: Not a list of pieces: a large one would be there twice, and the memory of many small ones
        #: does not go back to the system.
        self._kept = bytearray()
        self._size = 0
        self._left: int | None = None
        """Of a message's parts: bytes that are still to come, before the ``\\n`` behind them."""
        self._follows: int | None = None
        """The same behind a line that is passed over."""
        self._max = max_line_bytes
        self._rest = b""

    @property
    def between_lines(self) -> bool:
        """Nothing of a line has come whose end has not."""
        return not self._size

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Lines, and messages with their parts, that ``data`` completes, without their newlines;
        empty lines are left out.

        :raises LineTooLong: once, when one outgrows the limit. Feeding may go on, with ``b""`` if
            nothing new is there: what it still has is passed over.
        :raises WireError: a message does not end where its sizes say.
        """
        data, self._rest = self._rest + data, b""
        start = 0
        while start < len(data):
            if not self._size and (end := end_of_entry(data, start)):  # the usual case, all at once
                self._must_end(data, end)
                if end - start <= self._max:
                    yield data[start:end]
                    start = end + 1
                    continue
            if self._left:
                stop = min(start + self._left, len(data))
                self._left -= stop - start
                self._keep(data, start, stop)
                start = stop
                continue
            end = data.find(b"\n", start)
            if self._left == 0:
                self._must_end(data, start)
            self._keep(data, start, len(data) if end < 0 else end)
            if end < 0:
                return
            start = end + 1
            if self._left is None and self._has_parts(data, start):
                continue
            line, whole = bytes(self._kept), self._size <= self._max
            self._kept = bytearray()
            self._size, self._left, self._follows = 0, None, None
            if line and whole:
                yield line

    @staticmethod
    def _must_end(data: bytes, end: int) -> None:
        if data[end : end + 1] != b"\n":
            raise WireError("a message does not end where its sizes say")

    def _has_parts(self, data: bytes, start: int) -> bool:
        """Whether the line that has ended is one with parts, which are bounded before they come."""
        if self._size > self._max:
            self._left = self._follows
            return self._left is not None
        self._left = parts_bytes(bytes(self._kept[:BEGINNING_BYTES]))
        if self._left is None:
            return False
        self._kept += b"\n"
        self._size += 1 + self._left
        if self._size > self._max:
            raise self._too_long(data[start:])
        self._size -= self._left
        return True

    def _keep(self, data: bytes, start: int, end: int) -> None:
        passing_over = self._size > self._max
        self._size += end - start
        if passing_over:
            return
        self._kept += memoryview(data)[start:end]
        if self._size > self._max:
            error = self._too_long(data[end:])
            self._follows = parts_bytes(error.head)
            raise error

    def _too_long(self, rest: bytes) -> LineTooLong:
        head, self._rest = bytes(self._kept[:BEGINNING_BYTES]), rest
        self._kept = bytearray()
        return LineTooLong(head, self._max)
