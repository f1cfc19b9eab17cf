"""The lines of a log that nobody has acknowledged: the newest in memory, older ones on disk.

They are kept in blocks, so that an index of them stays small. What is too much for memory is
written to disk, and what is too much for the disk becomes gaps, oldest first: texts, and where that
is not enough, outputs. One task does this, step by step, and whatever it waits for, lines can be
added, read and forgotten. A writer who is faster waits for ``room``.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from ...wire import Message, encode_line, without_first
from .gaps import NOTHING, OUTPUTS, TEXTS, expanded, goes_at, shortened, stand_in
from .spill import Place, Spill

log = logging.getLogger(__name__)

#: A block has about so many bytes, and so has what is read at once.
BLOCK_BYTES: Final = 256 * 1024
#: So many are written to disk at once.
WRITE_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True, eq=False)
class _Block:
    """Consecutive lines, in memory (``data``) or on disk (``place``).

    :ivar level: what has been left out, see ``gaps.py``.
    :ivar short: it is a block of ``gaps.shortened``.
    :ivar alone: of a block of one large line: when it goes, and what then stands for it.
    """

    first: int
    last: int
    size: int
    data: bytes | None
    place: Place | None = None
    level: int = 0
    short: bool = False
    alone: tuple[int, bytes] | None = None


class KeptLines:
    """Numbered from 1 on.

    :param memory_bytes: from here on blocks are written to disk; a quarter more is never exceeded
        by a writer who waits for ``room``, but by the size of one line.
    """

    def __init__(self, memory_bytes: int, disk_bytes: int) -> None:
        self.first = self.next = 1
        self._memory_bytes, self._disk_bytes = memory_bytes, disk_bytes
        self._block_bytes = min(BLOCK_BYTES, memory_bytes // 8)
        self._write_bytes = min(WRITE_BYTES, memory_bytes // 4)
        self._blocks: list[_Block] = []
        self._open: list[bytes] = []
        """The newest lines, which are no block yet."""
        self._open_bytes = self._memory = 0
        self._spill = Spill()
        self._task: asyncio.Task[None] | None = None
        self._has_room = asyncio.Event()
        self._takes_all = False
        self._disk_works = True

    # -- lines in and out -------------------------------------------------------------------------

    def add(self, line: bytes, message: Message | None = None) -> None:
        """The line ``next``.

        :param message: what it is; without one it is never left out.
        """
        if len(line) < self._block_bytes:
            self._open.append(line)
            self._open_bytes += len(line)
        else:
            self._end_block()
            block = _Block(self.next, self.next, len(line), line)
            block.alone = self._when_it_goes(line, message)
            self._blocks.append(block)
        self.next += 1
        self._memory += len(line)
        if self._open_bytes >= self._block_bytes:
            self._end_block()
        if self._memory > self._memory_bytes:
            self._relieve_soon()

    def _end_block(self) -> None:
        if self._open:
            first, data = self.next - len(self._open), b"".join(self._open)
            self._blocks.append(_Block(first, self.next - 1, len(data), data))
            self._open, self._open_bytes = [], 0

    def _when_it_goes(self, line: bytes, message: Message | None) -> tuple[int, bytes]:
        if message is None:
            return NOTHING, b""
        size = len(line) - 1
        instead = stand_in(self.next, message, size, self._disk_bytes)
        return goes_at(message, size), encode_line(instead)

    async def after(self, n: int) -> tuple[bytes, int]:
        """Some lines with numbers above ``n``, and the last one's number; none if there is none.

        :raises OSError: what is on disk can't be read.
        """
        n = max(n, self.first - 1)
        i = bisect_right(self._blocks, n + 1, key=lambda block: block.first) - 1
        if i < 0 or self._blocks[i].last <= n:
            behind = self.next - 1 - n
            return b"".join(self._open[-behind:] if behind > 0 else ()), max(n, self.next - 1)
        block = self._blocks[i]
        first, last, short = block.first, block.last, block.short
        data = block.data
        if data is None:
            assert block.place is not None  # noqa: S101 - or there would be nothing of it
            data = await self._spill.read(block.place)
        if short:
            return expanded(first, data, n, BLOCK_BYTES)
        if n >= first:
            data = without_first(data, n + 1 - first)
        return data, last

    def forget(self, up_to: int) -> None:
        """Lines up to this number are no longer needed."""
        self.first = max(self.first, min(up_to, self.next - 1) + 1)
        gone = bisect_right(self._blocks, self.first - 1, key=lambda block: block.last)
        for block in self._blocks[:gone]:
            self._release(block)
        del self._blocks[:gone]
        kept = self.next - self.first
        if kept < len(self._open):
            size = sum(map(len, self._open[: len(self._open) - kept]))
            del self._open[: len(self._open) - kept]
            self._open_bytes -= size
            self._memory -= size
        if self._memory > self._memory_bytes:
            self._relieve_soon()
        self._admit()

    def _release(self, block: _Block) -> None:
        if block.data is not None:
            self._memory -= block.size
        elif block.place is not None:
            self._spill.free(block.place)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self.take_all()
        self.forget(self.next)
        self._spill.close()

    # -- room for more ----------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        return not self._takes_all and self._memory > self._memory_bytes * 5 // 4

    async def room(self) -> None:
        """Wait until there is some, for whoever can let others wait."""
        while self.is_full:
            self._has_room.clear()
            await self._has_room.wait()

    def _admit(self) -> None:
        if not self.is_full:
            self._has_room.set()

    def take_all(self) -> None:
        """From now on nobody waits: what still comes is little."""
        self._takes_all = True
        self._admit()

    def _relieve_soon(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._relieve())

    async def _relieve(self) -> None:
        try:
            while self._memory > self._memory_bytes // 2 or self._is_over_disk:
                if not await self._step():
                    return
                self._admit()
        except OSError as error:
            log.warning("the message log can't be read from disk: %s", error)
        finally:
            self._task = None

    @property
    def _is_over_disk(self) -> bool:
        return self._spill.needed_bytes > self._disk_bytes

    async def _step(self) -> bool:
        """False when there is nothing that could be done."""
        if self._is_over_disk:
            return await self._shorten_oldest(on_disk=True)
        blocks = self._oldest_in_memory()
        if not blocks:
            return False
        data = [block.data for block in blocks if block.data is not None]
        try:
            places = await self._spill.write(data, to_last=blocks[0].short)
        except OSError as error:
            if self._disk_works:
                log.warning("the message log can't be written to disk: %s", error)
            self._disk_works = False
            return await self._shorten_oldest(on_disk=False)
        self._disk_works = True
        for block, place in zip(blocks, places, strict=True):
            if block.last < self.first:
                self._spill.free(place)
            else:
                block.data, block.place = None, place
                self._memory -= block.size
        return True

    def _oldest_in_memory(self) -> list[_Block]:
        """Of one kind, and about as many as are written at once."""
        found: list[_Block] = []
        size = 0
        for i, block in enumerate(self._blocks):
            if block.data is None or self._can_grow(i):
                continue
            if found and (block.short != found[0].short or size + block.size > self._write_bytes):
                break
            found.append(block)
            size += block.size
        return found

    # -- gaps -------------------------------------------------------------------------------------

    def _is_small(self, block: _Block) -> bool:
        """What is left of the block behind it can be joined to it."""
        return block.short and block.data is not None and block.size < self._block_bytes

    def _can_grow(self, i: int) -> bool:
        """And may have to: the one behind it has not been shortened as much."""
        behind = self._blocks[i + 1].level if i + 1 < len(self._blocks) else 0
        return self._is_small(self._blocks[i]) and behind < self._blocks[i].level

    async def _shorten_oldest(self, *, on_disk: bool) -> bool:
        """False when everything has been left out that may be."""
        for level in (TEXTS, OUTPUTS):
            for block in self._blocks:
                if block.level < level and (block.data is None) == on_disk:
                    await self._shorten(block, level)
                    return True
        return False

    async def _shorten(self, block: _Block, level: int) -> None:
        """Put a shorter one in its place, joined to a small one before it.

        A small one, too, of which nothing goes: it must not keep its segment of the disk.
        """
        block.level = level  # if nothing of it goes
        data = await self._what_may_stay(block, level)
        if not data or block.last < self.first:
            return
        i = self._blocks.index(block)
        before = self._blocks[i - 1] if i and self._is_small(self._blocks[i - 1]) else None
        first, head = (block.first, b"") if before is None else (before.first, before.data or b"")
        size = len(head) + block.size
        new = await self._spill.run(shortened, first, head + data, level, self._disk_bytes)
        is_worth_it = len(new) < size or block.size < self._block_bytes // 2
        if not is_worth_it or block.last < self.first:
            return
        i = self._blocks.index(block)
        start = i - 1 if i and self._blocks[i - 1] is before else i
        for old in self._blocks[start : i + 1]:
            self._release(old)
        joined = _Block(first, block.last, len(new), new, level=level, short=True)
        self._blocks[start : i + 1] = [joined]
        self._memory += len(new)

    async def _what_may_stay(self, block: _Block, level: int) -> bytes:
        if block.alone is not None:
            when, instead = block.alone
            return instead if when <= level else b""
        if block.data is not None:
            return block.data
        assert block.place is not None  # noqa: S101 - or there would be nothing of it
        return await self._spill.read(block.place)
