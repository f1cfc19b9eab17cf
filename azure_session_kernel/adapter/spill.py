"""The part of a message log that lives on disk, in segments that are given back when they empty."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, Final

#: A file can't be shortened at its front; so a log is many files, each removed as a whole.
SEGMENT_BYTES: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class _Segment:
    file: IO[bytes]
    written: int = 0
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where some bytes are."""

    segment: _Segment
    offset: int
    size: int


class Spill:
    """``write`` bytes, ``read`` them where they are, ``free`` them."""

    def __init__(self) -> None:
        self._current: dict[bool, _Segment] = {}
        self.needed_bytes = 0
        """What was written and not freed."""

    def write(self, data: bytes, *, to_last: bool = False) -> Place:
        """:param to_last: goes to segments of its own kind, as it will outlast what surrounds it.

        :raises OSError: there is no room on the disk. Nothing was written.
        """
        segment = self._current.get(to_last)
        if segment is None or segment.written >= SEGMENT_BYTES:
            # Unbuffered, so that a full disk is noticed here and not at some later entry.
            file = tempfile.TemporaryFile(prefix="ask-log-", buffering=0)  # noqa: SIM115
            segment = self._current[to_last] = _Segment(file)
        segment.file.seek(segment.written)
        view = memoryview(data)
        while view:
            view = view[segment.file.write(view) :]
        place = Place(segment, segment.written, len(data))
        segment.written += len(data)
        segment.needed += len(data)
        self.needed_bytes += len(data)
        return place

    def read(self, place: Place) -> bytes:
        place.segment.file.seek(place.offset)
        data = bytearray()
        while len(data) < place.size:
            piece = place.segment.file.read(place.size - len(data))
            if not piece:
                raise OSError("a spilled log entry can't be read")
            data += piece
        return bytes(data)

    def free(self, place: Place) -> None:
        """These bytes are no longer needed."""
        segment = place.segment
        segment.needed -= place.size
        self.needed_bytes -= place.size
        if not segment.needed:
            self._current = {kind: s for kind, s in self._current.items() if s is not segment}
            segment.file.close()
