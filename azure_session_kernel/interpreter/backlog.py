"""Lines on their way into numbered files, and what is missing where these had no room.

The user's code shares its memory with us, and its disk. So what waits for the disk is bounded, and
output beyond that is counted instead of kept: a gap under its own cell says how much, before what
comes after it. Lines without which a cell would never end are always kept.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass

from .place import Place

CHUNK_BYTES = 1024 * 1024
#: Of files that nobody has read yet; beyond it output is counted instead of kept.
UNREAD_BYTES = 1024**3
#: Of lines that the disk has not taken.
BACKLOG_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One line without its number.

    :ivar output: what is counted when there is no room for it: the parent header as JSON, of which
        stream or type, and how many characters or bytes. None: it must get through.
    :ivar instead: what then stands for one that must, but is large.
    """

    body: bytes
    output: tuple[bytes, str, int] | None = None
    instead: bytes = b""


class Backlog:
    """The log's thread adds and stores; any other may ``forget`` or ask.

    :ivar chunk: the newest file. :ivar n: the newest line in a file.
    :ivar problem: why the disk takes no more, or "".
    """

    def __init__(self) -> None:
        self.place: Place | None = None
        self.chunk = self.n = 0
        self.problem = ""
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._missing: dict[tuple[bytes, str], int] = {}
        self._sizes: dict[int, int] = {}
        self._begins: dict[int, int] = {}

    @property
    def waits(self) -> bool:
        """For room."""
        return bool(self._lines or self._missing)

    def add(self, line: Line) -> None:
        if self._bytes + len(line.body) > self._room():
            if line.output is not None:
                self._count(*line.output)
                return
            line = Line(line.instead or line.body)
        self._tell_gaps()
        self._append(line)

    def _room(self) -> int:
        unread = UNREAD_BYTES - sum(list(self._sizes.values()))
        return min(unread, BACKLOG_BYTES) if self.problem else unread

    def _count(self, parent: bytes, name: str, missing: int) -> None:
        self._missing[parent, name] = self._missing.get((parent, name), 0) + missing

    def _tell_gaps(self) -> None:
        missing, self._missing = self._missing, {}
        for (parent, name), chars in missing.items():
            shown = name[:100].encode("utf-8", "replace").decode()
            what = {"event": "gap", "name": shown, "missing_chars": chars}
            body = json.dumps(what)[:-1].encode() + b',"parent_header":' + parent + b"}"
            self._append(Line(body))

    def _append(self, line: Line) -> None:
        self._lines.append(line)
        self._bytes += len(line.body)

    # -- files ------------------------------------------------------------------------------------

    def store(self) -> None:
        """As much as the disk takes; the rest is tried again with what comes next, or later."""
        self.problem = ""
        while self._lines and self.place is not None:
            count, data = self._next_file()
            try:
                self._write(self.place, data)
            except OSError as error:
                self.problem = str(error)[:200] or type(error).__name__
                self._shed()
                return
            self.n += count
            for _ in range(count):
                self._bytes -= len(self._lines.popleft().body)

    def catch_up(self) -> None:
        """Nothing new has come: what is missing is told, if there is room for that by now."""
        self.store()
        if self._missing and not self.problem and self._bytes < self._room():
            self._tell_gaps()
            self.store()

    def _next_file(self) -> tuple[int, bytes]:
        """Whole lines, as many as fit; or one that goes on in the files after it."""
        data, count = bytearray(), 0
        for line in self._lines:
            numbered = b'{"n":%d,' % (self.n + count + 1) + line.body[1:] + b"\n"
            if count and len(data) + len(numbered) > CHUNK_BYTES:
                break
            data += numbered
            count += 1
        return count, bytes(data)

    def _write(self, place: Place, data: bytes) -> None:
        whole, first = memoryview(data), self.chunk + 1
        pieces = {
            f"out-{first + at // CHUNK_BYTES}": whole[at : at + CHUNK_BYTES]
            for at in range(0, len(data), CHUNK_BYTES)
        }
        place.write_all(pieces)
        self._begins[first] = self.n + 1
        for size in map(len, pieces.values()):
            self.chunk += 1
            self._sizes[self.chunk] = size

    def _shed(self) -> None:
        """Keep no more than what fits into our share of the memory."""
        if self._bytes <= BACKLOG_BYTES:
            return
        lines, self._lines, self._bytes = self._lines, deque(), 0
        later, self._missing = self._missing, {}
        for line in lines:
            self.add(line)
        for (parent, name), chars in later.items():
            self._count(parent, name, chars)

    # -- what has been read -----------------------------------------------------------------------

    def forget(self, chunk: int) -> None:
        """Everything up to there has been read."""
        for number in [number for number in list(self._sizes) if number <= chunk]:
            self._sizes.pop(number, None)
            self._begins.pop(number, None)
            if self.place is not None:
                self.place.remove(f"out-{number}")

    def oldest(self) -> tuple[int, int]:
        """File and line behind which a reader that knows nothing begins."""
        number = min(list(self._begins), default=0)
        line = self._begins.get(number)
        return (self.chunk, self.n) if line is None else (number - 1, line - 1)
