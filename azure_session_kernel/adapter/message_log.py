"""The numbered log of one boot: kept until acknowledged, bounded by spilling, never silent.

Entries are whole encoded lines. The newest stay in memory; past ``memory_bytes`` the oldest go to
disk; past ``disk_bytes``, or when the disk is full, the oldest stream text is replaced by ``gap``
entries that keep its numbers and say how much is missing (design, section 3 "The log"). A message
that is too large for one line is replaced at once (``oversized.py``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from ..wire import (
    KEEPALIVE_S,
    MAX_LINE_BYTES,
    BootEnded,
    EndOfRead,
    Gap,
    KeepAlive,
    LogMessage,
    Message,
    Superseded,
    encode_line,
)
from ..within import within
from .oversized import halves, in_place_of
from .spill import Place, Spill
from .stream_merger import StreamMerger

log = logging.getLogger(__name__)

MEMORY_BYTES: Final = 32 * 1024 * 1024
DISK_BYTES: Final = 2 * 1024 * 1024 * 1024
#: Lines are written to the connection in batches of about this size.
BATCH_BYTES: Final = 256 * 1024
#: What a cell begins with waits so long for its first output, to travel with it.
COMPANY_S: Final = 0.003
#: Small entries among stream text that is dropped don't keep its place on disk from being freed.
MOVED_BYTES: Final = 16 * 1024

#: Of stream text: its parent header, its name, how many characters.
_Text = tuple[dict[str, Any], str, int]


def _can_wait(message: Message) -> bool:
    """Nobody looks at "busy" and the echo of the code within milliseconds."""
    if message.msg_type == "status":
        return message.content.get("execution_state") != "idle"
    return message.msg_type == "execute_input"


@dataclass(slots=True)
class _Entry:
    """In memory (``data``), on disk (``place``), or a gap (neither, but ``text``)."""

    data: bytes | None
    place: Place | None
    text: _Text | None


class MessageLog:
    """One writer (the boot), one reader (the kernel that claimed the session)."""

    def __init__(
        self,
        *,
        memory_bytes: int = MEMORY_BYTES,
        disk_bytes: int = DISK_BYTES,
        line_bytes: int = MAX_LINE_BYTES,
        keepalive_s: float = KEEPALIVE_S,
    ) -> None:
        self._entries: dict[int, _Entry] = {}
        self._first = self._next = 1
        self._oldest_in_memory = self._oldest_text = 1
        self._merger = StreamMerger()
        self._flush_handle: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._memory = 0
        self._memory_bytes, self._disk_bytes = memory_bytes, disk_bytes
        self._line_bytes = line_bytes
        self._keepalive_s = keepalive_s
        self._spill = Spill()
        self._parent_header: dict[str, Any] = {}
        self._reads = 0
        self._superseded_reads = 0
        self.ended = False

    @property
    def next(self) -> int:
        """The number that the next entry will get."""
        return self._next

    @property
    def first(self) -> int:
        """The number of the oldest entry that is still kept."""
        return self._first

    # -- writing ----------------------------------------------------------------------------------

    def append(self, message: Message) -> None:
        """Number a message, or join it to the stream text that is waiting."""
        for ready in self._merger.add(message, time.monotonic()):
            self._number(ready)
        self._schedule_flush()

    def append_missing(self, message: Message, size_bytes: int, reason: str) -> None:
        """In place of a message that can't be read, or encoded. :param reason: a clause."""
        self._flush()
        instead = in_place_of(message, self._next, size_bytes, self._line_bytes, reason)
        self._store(encode_line(instead))

    def end(self, reason: str, cause: str) -> None:
        """The last entry: nothing may follow it."""
        if self.ended:
            return
        self._flush()
        self._store(encode_line(BootEnded(self._next, reason, cause)))
        self.ended = True

    def _schedule_flush(self) -> None:
        if self._flush_handle is None and self._merger.waiting and self._merger.due is not None:
            delay = max(0.0, self._merger.due - time.monotonic())
            self._flush_handle = asyncio.get_running_loop().call_later(delay, self._flush)

    def _flush(self) -> None:
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        for ready in self._merger.flush():
            self._number(ready)

    def _number(self, message: Message) -> None:
        line = encode_line(LogMessage(self._next, message))
        size = len(line) - 1
        if size > self._line_bytes:
            del line  # before its parts are encoded
            self._number_oversized(message, size)
            return
        text = None
        if message.msg_type == "stream":
            string, name = message.content.get("text"), message.content.get("name")
            if isinstance(string, str) and isinstance(name, str):
                text = (self._shared(message.parent_header), name, len(string))
        self._store(line, text, _can_wait(message))

    def _number_oversized(self, message: Message, size: int) -> None:
        parts = halves(message, self._line_bytes)
        for part in parts:
            self._number(part)
        if not parts:
            log.warning("a %.40s message of %d bytes is too large", message.msg_type, size)
            instead = in_place_of(message, self._next, size, self._line_bytes)
            self._store(encode_line(instead))

    def _shared(self, parent_header: dict[str, Any]) -> dict[str, Any]:
        """One copy for all texts of a cell, because it stays in memory."""
        if parent_header != self._parent_header:
            self._parent_header = parent_header
        return self._parent_header

    def _store(self, line: bytes, text: _Text | None = None, can_wait: bool = False) -> None:
        self._entries[self._next] = _Entry(line, None, text)
        self._memory += len(line)
        self._next += 1
        if self._memory > self._memory_bytes:
            self._spill_oldest()
        if can_wait:
            asyncio.get_running_loop().call_later(COMPANY_S, self._changed.set)
        else:
            self._changed.set()

    # -- bounds -----------------------------------------------------------------------------------

    def _spill_oldest(self) -> None:
        """Move the older half of what is in memory to the disk."""
        n = max(self._oldest_in_memory, self._first)
        while self._memory > self._memory_bytes // 2 and n < self._next:
            self._move_to_disk(n)
            n += 1
        self._oldest_in_memory = n
        if self._spill.needed_bytes > self._disk_bytes:
            self._drop_oldest_texts()

    def _move_to_disk(self, n: int) -> None:
        entry = self._entries[n]
        if entry.data is None:
            return
        try:
            entry.place = self._spill.write(entry.data)
        except OSError as error:
            # What is not stream text stays in memory: it can't be replaced.
            log.warning("entry %d of the message log can't be written to disk: %s", n, error)
            if entry.text is None:
                return
        self._memory -= len(entry.data)
        entry.data = None

    def _drop_oldest_texts(self) -> None:
        n = max(self._oldest_text, self._first)
        while self._spill.needed_bytes > self._disk_bytes // 2 and n < self._oldest_in_memory:
            self._drop_text(self._entries[n])
            n += 1
        self._oldest_text = n

    def _drop_text(self, entry: _Entry) -> None:
        """Make it a gap, or, when it is not text, move it out of the way."""
        place = entry.place
        if place is None or (entry.text is None and place.size > MOVED_BYTES):
            return
        entry.place = None
        if entry.text is None:
            try:
                entry.place = self._spill.write(self._spill.read(place), to_last=True)
            except OSError:
                entry.place = place
                return
        self._spill.free(place)

    def _data(self, n: int) -> bytes:
        entry = self._entries[n]
        if entry.data is not None:
            return entry.data
        if entry.place is not None:
            return self._spill.read(entry.place)
        assert entry.text is not None  # noqa: S101 - or nothing would be left of it
        return encode_line(Gap(n, *entry.text))

    def acknowledge(self, after: int) -> None:
        """Forget everything up to and including number ``after``."""
        while self._first <= min(after, self._next - 1):
            self._forget(self._entries.pop(self._first))
            self._first += 1

    def _forget(self, entry: _Entry) -> None:
        if entry.data is not None:
            self._memory -= len(entry.data)
        elif entry.place is not None:
            self._spill.free(entry.place)

    # -- reading ----------------------------------------------------------------------------------

    async def read(self, after: int, wait_s: float, *, once: bool = False) -> AsyncIterator[bytes]:
        """Lines with numbers above ``after`` as they appear, for at most ``wait_s`` seconds.

        It begins at once, with a keep-alive line when there is nothing to say: so the reader
        notices a proxy that holds answers back, and asks for reads that end with the first
        lines (``once``).

        A later ``read`` ends an earlier one: its connection is stale.
        """
        self._reads += 1
        this_read = self._reads
        self._changed.set()
        self.acknowledge(after)
        deadline = time.monotonic() + wait_s
        if not once and not self._batch(after)[0]:
            yield encode_line(KeepAlive())
        while this_read == self._reads:
            batch, after = self._batch(after)
            if batch:
                yield batch
                if once:
                    yield encode_line(EndOfRead())
                    return
                continue
            if self.ended:
                return
            left = deadline - time.monotonic()
            if left <= 0:
                yield encode_line(EndOfRead())
                return
            self._changed.clear()
            try:
                await within(self._changed.wait(), min(left, self._keepalive_s))
            except asyncio.TimeoutError:
                if left > self._keepalive_s:
                    yield encode_line(KeepAlive())
        if this_read <= self._superseded_reads:
            yield encode_line(Superseded())

    def supersede(self) -> None:
        """End the read that is under way: a newer reader has claimed the session."""
        self._superseded_reads = self._reads
        self.end_reads()

    def end_reads(self) -> None:
        """End the read that is under way; it can be resumed by number."""
        self._reads += 1
        self._changed.set()

    def _batch(self, after: int) -> tuple[bytes, int]:
        """Lines after ``after``, joined up to about ``BATCH_BYTES``, and the last one's number."""
        lines: list[bytes] = []
        size = 0
        for n in range(max(after + 1, self._first), self._next):
            lines.append(self._data(n))
            size += len(lines[-1])
            after = n
            if size >= BATCH_BYTES:
                break
        return b"".join(lines), after

    def close(self) -> None:
        if self._flush_handle is not None:
            self._flush_handle.cancel()
        self.acknowledge(self._next)
