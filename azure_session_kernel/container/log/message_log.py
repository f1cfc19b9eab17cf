"""The numbered log of one boot: kept until acknowledged, bounded by spilling, never silent.

Entries are encoded once, with their parts as they came (``wire/frames.py``). The newest stay in
memory; past ``memory_bytes`` the oldest go to disk; past ``disk_bytes``, or when the disk is full,
the oldest are replaced by ``gap`` entries that keep their numbers and say how much is missing:
texts first (``kept_lines.py``; docs/design.md 3 "The log"). A message that is too large for one
line is replaced at once (``oversized.py``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Final

from ...common import freed_memory
from ...wire import (
    KEEPALIVE_S,
    MAX_LINE_BYTES,
    BootEnded,
    EndOfRead,
    EndReason,
    KeepAlive,
    LogMessage,
    Message,
    Superseded,
    as_lines,
    encode_framed,
    encode_line,
)
from .kept_lines import KeptLines
from .oversized import halves, in_place_of
from .stream_merger import StreamMerger

log = logging.getLogger(__name__)

MEMORY_BYTES: Final = 32 * 1024 * 1024
DISK_BYTES: Final = 2 * 1024 * 1024 * 1024
#: A longer text of a stream travels in pieces: one wide character makes each take four bytes.
TEXT_BYTES: Final = 64 * 1024 * 1024
#: What a cell begins with waits so long for its first output, and a reply for its idle.
COMPANY_S: Final = 0.003


def _can_wait(message: Message) -> bool:
    """Nobody looks at "busy" and the echo of the code within milliseconds."""
    if message.msg_type == "status":
        return message.content.get("execution_state") != "idle"
    return message.msg_type == "execute_input"


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
        self._kept = KeptLines(memory_bytes, disk_bytes)
        self._merger = StreamMerger()
        self._flush_handle: asyncio.TimerHandle | None = None
        self._company: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._line_bytes, self._text_bytes = line_bytes, min(TEXT_BYTES, line_bytes)
        self._keepalive_s = keepalive_s
        self._reads = 0
        self._superseded_reads = 0
        self.ended = False

    @property
    def next(self) -> int:
        """The number that the next entry will get."""
        return self._kept.next

    @property
    def first(self) -> int:
        """The number of the oldest entry that is still kept."""
        return self._kept.first

    @property
    def most_bytes(self) -> int:
        """What the interpreter sends fits in no line above this: it has spaces that a line has not,
        but, or it would not be decoded, no more of them.
        """
        return self._line_bytes + self._line_bytes // 32

    # -- writing ----------------------------------------------------------------------------------

    def append(self, message: Message, *, idle_follows: bool = False) -> None:
        """Number a message, or join it to the stream text that is waiting.

        :param idle_follows: it is a reply, and its request is over only with the idle.
        """
        can_wait = idle_follows or _can_wait(message)
        for ready in self._merger.add(message, time.monotonic()):
            self._number(ready, can_wait=can_wait and ready is message)
        self._schedule_flush()

    def append_missing(self, message: Message, size_bytes: int, reason: str) -> None:
        """In place of a message that can't be read, or encoded. :param reason: a clause."""
        self._flush()
        instead = in_place_of(message, self.next, size_bytes, self._line_bytes, reason)
        self._store(encode_line(instead))

    def end(self, reason: EndReason, cause: str) -> None:
        """The last entry: nothing may follow it."""
        if self.ended:
            return
        self._flush()
        self._store(encode_line(BootEnded(self.next, reason, cause)))
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

    def _number(self, message: Message, *, can_wait: bool = False) -> None:
        line = encode_framed(LogMessage(self.next, message))
        size = len(line) - 1
        parts = halves(message, self._text_bytes) if size > self._text_bytes else []
        if not parts and size <= self._line_bytes:
            self._store(line, message, can_wait=can_wait)
            return
        del line  # before its parts are encoded
        for part in parts:
            self._number(part)
        if not parts:
            self._number_oversized(message, size)

    def _number_oversized(self, message: Message, size: int) -> None:
        log.warning("a %.40s message of %d bytes is too large", message.msg_type, size)
        instead = in_place_of(message, self.next, size, self._line_bytes)
        self._store(encode_line(instead))

    def _store(
        self, line: bytes, message: Message | None = None, *, can_wait: bool = False
    ) -> None:
        self._kept.add(line, message)
        if not can_wait:
            self._wake_reader()
        elif self._company is None:
            loop = asyncio.get_running_loop()
            self._company = loop.call_later(COMPANY_S, self._wake_reader)

    def _wake_reader(self) -> None:
        if self._company is not None:
            self._company.cancel()
            self._company = None
        self._changed.set()

    @property
    def is_full(self) -> bool:
        """There is no room; what is appended all the same is kept, too."""
        return self._kept.is_full

    async def room(self) -> None:
        """Wait until there is some."""
        await self._kept.room()

    def take_all(self) -> None:
        """Let nobody wait for room any longer: the interpreter has ended."""
        self._kept.take_all()

    def acknowledge(self, after: int) -> None:
        """Forget everything up to and including number ``after``."""
        self._kept.forget(after)

    # -- reading ----------------------------------------------------------------------------------

    async def read(
        self, after: int, wait_s: float, *, once: bool = False, framed: bool = False
    ) -> AsyncIterator[bytes]:
        """Lines with numbers above ``after`` as they appear, for at most ``wait_s`` seconds.

        It begins at once, with a keep-alive line when there is nothing to say: so the reader
        notices a proxy that holds answers back, and asks for reads that end with the first
        lines (``once``).

        :param framed: messages as they are kept, and not as ordinary lines (``wire/frames.py``).

        A later ``read`` ends an earlier one: its connection is stale.
        """
        self._reads += 1
        this_read = self._reads
        self._changed.set()
        self.acknowledge(after)
        deadline = time.monotonic() + wait_s
        if not once and after >= self.next - 1:
            yield encode_line(KeepAlive())
        while this_read == self._reads:
            self._changed.clear()
            batch, after = await self._kept.after(after)
            if this_read != self._reads:
                break
            if batch:
                yield batch if framed else as_lines(batch, self._line_bytes)
                if once:
                    yield encode_line(EndOfRead())
                    return
                continue
            if self.ended and after >= self.next - 1:
                return
            left = deadline - time.monotonic()
            if left <= 0:
                yield encode_line(EndOfRead())
                return
            if not await self._changes(min(left, self._keepalive_s)) and left > self._keepalive_s:
                freed_memory.give_back()
                yield encode_line(KeepAlive())
        if this_read <= self._superseded_reads:
            yield encode_line(Superseded())

    async def _changes(self, within_s: float) -> bool:
        """Whether anything does in this time. It makes no task, for it is called for each piece."""
        late: list[bool] = []

        def end() -> None:
            late.append(True)
            self._changed.set()

        timer = asyncio.get_running_loop().call_later(within_s, end)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()
        return not late

    def supersede(self) -> None:
        """End the read that is under way: a newer reader has claimed the session."""
        self._superseded_reads = self._reads
        self.end_reads()

    def end_reads(self) -> None:
        """End the read that is under way; it can be resumed by number."""
        self._reads += 1
        self._changed.set()

    def close(self) -> None:
        if self._flush_handle is not None:
            self._flush_handle.cancel()
        if self._company is not None:
            self._company.cancel()
        self._kept.close()
