"""The part of a message log that lives on disk, in segments that are given back when they empty.

Everything that may wait for the disk is done by one thread, in the order in which it was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar

#: A file can't be shortened at its front; so a log is many files, each removed as a whole.
SEGMENT_BYTES: Final = 16 * 1024 * 1024

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Segment:
    file: IO[bytes] | None = None
    written: int = 0
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where some bytes are."""

    segment: _Segment
    offset: int
    size: int


class Spill:
    """``write`` bytes, ``read`` them where they are, ``free`` them; one ``write`` at a time."""

    def __init__(self) -> None:
        self._current: dict[bool, _Segment] = {}
        self._thread = ThreadPoolExecutor(1, "log-spill")
        self.needed_bytes = 0
        """What was written and not freed."""

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Work for the thread, behind what it has to do already."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def write(self, pieces: Sequence[bytes], *, to_last: bool = False) -> list[Place]:
        """:param to_last: goes to segments of its own kind, as it will outlast what surrounds it.

        :raises OSError: there is no room on the disk. Nothing was written.
        """
        segment = self._current.get(to_last)
        if segment is None or segment.written >= SEGMENT_BYTES:
            segment = self._current[to_last] = _Segment()
        size = sum(map(len, pieces))
        self._need(segment, size)  # before it is there, or the segment could be closed meanwhile
        try:
            await self.run(_write, segment, segment.written, pieces)
        except BaseException:
            self._need(segment, -size)
            raise
        places = []
        for piece in pieces:
            places.append(Place(segment, segment.written, len(piece)))
            segment.written += len(piece)
        return places

    async def read(self, place: Place) -> bytes:
        """:raises OSError:"""
        return await self.run(_read, place)

    def free(self, place: Place) -> None:
        """These bytes are no longer needed."""
        self._need(place.segment, -place.size)

    def _need(self, segment: _Segment, size: int) -> None:
        segment.needed += size
        self.needed_bytes += size
        if not segment.needed:
            self._current = {kind: s for kind, s in self._current.items() if s is not segment}
            with contextlib.suppress(RuntimeError):  # after ``close``, which has closed it
                self._thread.submit(_close, segment)

    def close(self) -> None:
        """Everything must have been freed."""
        for segment in self._current.values():
            self._thread.submit(_close, segment)
        self._thread.shutdown(wait=False)


# -- by the thread --------------------------------------------------------------------------------


def _write(segment: _Segment, offset: int, pieces: Sequence[bytes]) -> None:
    if segment.file is None:
        # Unbuffered, so that a full disk is noticed here and not at some later entry.
        segment.file = tempfile.TemporaryFile(prefix="ask-log-", buffering=0)  # noqa: SIM115
    try:
        segment.file.seek(offset)
        view = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        while view:
            view = view[segment.file.write(view) :]
    except OSError:
        with contextlib.suppress(OSError):
            segment.file.truncate(offset)
        raise


def _read(place: Place) -> bytes:
    file = place.segment.file
    assert file is not None  # noqa: S101 - it was written before it had a place
    file.seek(place.offset)
    data = bytearray()
    while len(data) < place.size:
        piece = file.read(place.size - len(data))
        if not piece:
            raise OSError("a spilled part of the log can't be read")
        data += piece
    return bytes(data)


def _close(segment: _Segment) -> None:
    if segment.file is not None:
        segment.file.close()
