"""The numbered log: each message once and in order, within bounds, and nothing lost silently."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azure_session_kernel.container.log import kept_lines, spill, stream_merger
from azure_session_kernel.container.log.message_log import MessageLog
from azure_session_kernel.wire import (
    BootEnded,
    EndOfRead,
    Gap,
    KeepAlive,
    LineSplitter,
    LogLine,
    LogMessage,
    Message,
    Oversized,
    Superseded,
    decode_line,
    encode_framed,
    encode_line,
)
from azure_session_kernel.wire.frames import MOST_PARTS

from .test_stream_merger import joined_runs, other, stream

MIB = 1024 * 1024
NewLog = Callable[..., MessageLog]
PROC = Path("/proc/self/fd")


@pytest.fixture(params=[False, True], ids=["lines", "framed"])
def framed(request: pytest.FixtureRequest) -> bool:
    """Whether logs are read as they are kept, or as ordinary lines."""
    return bool(request.param)


@pytest.fixture
def new_log(framed: bool) -> Iterator[NewLog]:
    """Makes logs, and closes them."""
    with contextlib.ExitStack() as stack:

        def new(**bounds: Any) -> MessageLog:
            log = MessageLog(**bounds)
            log.read = partial(log.read, framed=framed)  # type: ignore[method-assign]
            stack.callback(log.close)
            return log

        yield new


def lines_of(data: bytes) -> list[LogLine]:
    return [decode_line(line) for line in LineSplitter().feed(data)]


async def lines(log: MessageLog, after: int = 0, wait_s: float = 0) -> list[LogLine]:
    """All lines of one read, but for the keep-alive line that it may begin with."""
    found = lines_of(b"".join([data async for data in log.read(after, wait_s)]))
    return found[1:] if found[:1] == [KeepAlive()] else found


def numbers(found: Sequence[LogLine]) -> list[int]:
    return [line.n for line in found if isinstance(line, LogMessage | BootEnded | Gap | Oversized)]


def messages(found: Sequence[LogLine]) -> list[Message]:
    return [line.message for line in found if isinstance(line, LogMessage)]


def big(label: str, size: int = 10_000) -> Message:
    return other(label + "x" * size)


async def append(log: MessageLog, sent: Iterable[Message]) -> None:
    """As a boot does: what there is no room for waits."""
    for message in sent:
        log.append(message)
        await log.room()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def next_of(read: AsyncIterator[bytes]) -> list[LogLine]:
    """The next lines of a read; none when it has ended."""
    return lines_of(await asyncio.wait_for(anext(read, b""), 60))


async def begun(read: AsyncIterator[bytes]) -> asyncio.Future[list[LogLine]]:
    """The next lines to come, of a read that waits for them."""
    assert await next_of(read) == [KeepAlive()]
    waiting = asyncio.ensure_future(next_of(read))
    await asyncio.sleep(0.01)
    return waiting


def deleted_file_bytes() -> int:
    """The disk space of this process's open files that have no name: a log's own."""
    total = 0
    for path in PROC.iterdir():
        try:
            found = os.fstat(int(path.name))
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
            total += found.st_blocks * 512
    return total


needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="needs Linux's /proc")


async def test_messages_are_numbered_from_one(
    new_log: NewLog,
) -> None:
    log = new_log()
    assert log.next == 1
    for label in "abc":
        log.append(other(label))
    found = await lines(log)
    assert numbers(found) == [1, 2, 3]
    assert [message.msg_id for message in messages(found)] == ["a", "b", "c"]
    assert log.next == 4


async def test_a_read_acknowledges_what_came_before_it(
    new_log: NewLog,
) -> None:
    log = new_log()
    for label in "abc":
        log.append(other(label))
    assert numbers(await lines(log, after=2)) == [3]
    assert numbers(await lines(log, after=0)) == [3], "1 and 2 are forgotten"


async def test_acknowledging_more_than_there_is_does_no_harm(new_log: NewLog) -> None:
    log = new_log()
    log.append(other("a"))
    log.acknowledge(99)
    log.append(other("b"))
    assert numbers(await lines(log, after=1)) == [2]


async def test_a_read_ends_when_its_time_is_over(new_log: NewLog) -> None:
    assert await lines(new_log(), wait_s=0.01) == [EndOfRead()]


async def test_a_read_begins_at_once_even_when_there_is_nothing_to_say(new_log: NewLog) -> None:
    log = new_log()
    assert await next_of(log.read(0, 5)) == [KeepAlive()]
    log.append(other("a"))
    assert numbers(await next_of(log.read(0, 5))) == [1]


async def test_a_read_once_ends_with_the_first_lines(new_log: NewLog) -> None:
    log = new_log()
    asyncio.get_running_loop().call_later(0.01, log.append, other("a"))
    read = log.read(0, 5, once=True)
    found = [line async for data in read for line in lines_of(data)]
    assert numbers(found) == [1]
    assert found[1:] == [EndOfRead()]


async def test_a_silent_read_carries_keep_alive_lines(new_log: NewLog) -> None:
    found = await lines(new_log(keepalive_s=0.01), wait_s=0.5)
    assert found[-1] == EndOfRead()
    assert 2 <= found.count(KeepAlive()) <= 50
    assert len(found) == found.count(KeepAlive()) + 1


async def test_a_waiting_read_sees_a_message_when_it_comes(new_log: NewLog) -> None:
    log = new_log()
    read = log.read(0, 5)
    assert await next_of(read) == [KeepAlive()]
    asyncio.get_running_loop().call_later(0.01, log.append, other("a"))
    assert numbers(await next_of(read)) == [1]


async def test_joined_text_is_passed_on_when_its_window_is_over(new_log: NewLog) -> None:
    log = new_log()
    for text in "abc":
        log.append(stream(text))
    assert [m.content["text"] for m in messages(await lines(log))] == ["a"]
    read = log.read(1, 5)
    assert await next_of(read) == [KeepAlive()]
    assert [m.content["text"] for m in messages(await next_of(read))] == ["bc"]


async def test_the_first_lines_of_a_cell_travel_together_within_milliseconds(
    new_log: NewLog,
) -> None:
    log = new_log()
    read = log.read(0, 5)
    busy = Message("iopub", {"msg_id": "1", "msg_type": "status"}, {"execution_state": "busy"})
    waiting = await begun(read)
    log.append(busy)
    await asyncio.sleep(0)
    log.append(stream("output"))
    assert numbers(await waiting) == [1, 2]
    waiting = asyncio.ensure_future(next_of(read))
    log.append(busy)
    assert numbers(await waiting) == [3]


async def test_a_reply_travels_with_the_idle_that_follows_it_or_alone_milliseconds_later(
    new_log: NewLog,
) -> None:
    log = new_log()
    read = log.read(0, 5)
    reply = Message("shell", {"msg_id": "1", "msg_type": "execute_reply"}, {"status": "ok"})
    waiting = await begun(read)
    log.append(reply, idle_follows=True)
    await asyncio.sleep(0)
    log.append(idle("1"))
    assert numbers(await waiting) == [1, 2]
    waiting = asyncio.ensure_future(next_of(read))
    log.append(reply, idle_follows=True)
    assert numbers(await waiting) == [3]


async def test_the_end_comes_after_waiting_text_and_ends_the_read(new_log: NewLog) -> None:
    log = new_log()
    for text in "abc":
        log.append(stream(text))
    log.end("killed", "why")
    log.end("exited", "a second end is none")
    found = await lines(log, wait_s=5)
    assert [m.content["text"] for m in messages(found)] == ["a", "bc"]
    assert found[-1] == BootEnded(3, "killed", "why")
    assert numbers(found) == [1, 2, 3]
    assert log.ended


async def test_a_log_that_ended_is_readable_until_it_is_acknowledged(
    new_log: NewLog,
) -> None:
    log = new_log()
    log.append(other("a"))
    log.end("exited", "")
    for _ in range(2):
        assert numbers(await lines(log)) == [1, 2]
    assert await lines(log, after=2) == []
    assert await lines(log) == []


async def test_a_later_read_ends_an_earlier_one_without_a_word(new_log: NewLog) -> None:
    log = new_log()
    log.append(other("a"))
    earlier = log.read(0, 5)
    await next_of(earlier)
    waiting = asyncio.ensure_future(next_of(earlier))
    await asyncio.sleep(0.01)
    assert numbers(await lines(log)) == [1]
    assert await waiting == []


async def test_superseding_ends_the_read_under_way_with_a_word(new_log: NewLog) -> None:
    log = new_log()
    read = log.read(0, 5)
    waiting = await begun(read)
    log.supersede()
    assert await waiting == [Superseded()]
    assert await lines(log) == [EndOfRead()], "the next read belongs to the newer reader"


async def test_ending_reads_says_nothing_so_that_the_reader_comes_back(new_log: NewLog) -> None:
    log = new_log()
    waiting = await begun(log.read(0, 5))
    log.end_reads()
    assert await waiting == []


async def test_what_is_past_the_memory_bound_comes_back_from_disk(
    new_log: NewLog,
) -> None:
    log = new_log(memory_bytes=50_000)
    sent = [big(f"{i} \ud800 😀", size) for i in range(50) for size in (10, 1000, 10_000)]
    await append(log, sent)
    found = await lines(log)
    assert numbers(found) == list(range(1, 151))
    assert messages(found) == sent
    for after in range(1, 150):
        assert numbers(lines_of((await log._kept.after(after))[0]))[0] == after + 1


@needs_proc
async def test_memory_stays_within_its_bound_and_disk_is_given_back(new_log: NewLog) -> None:
    log = new_log(memory_bytes=MIB // 2)
    before = deleted_file_bytes()
    tracemalloc.start()
    try:
        await append(log, (big(str(i)) for i in range(700)))
        await append(log, (other(str(i)) for i in range(8000)))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.5 * MIB
    assert deleted_file_bytes() - before > 10 * MIB
    log.acknowledge(log.next - 1)
    await until(lambda: deleted_file_bytes() <= before)


async def test_small_texts_do_not_each_keep_a_header_in_memory(
    new_log: NewLog,
) -> None:
    log = new_log(memory_bytes=100_000)
    tracemalloc.start()
    try:
        for i in range(1500):
            message = stream("x", name=("stdout", "stderr")[i % 2])
            # As it comes off the wire: a header of its own for each message.
            message.parent_header.update({f"key {k}": "y" * 150 for k in range(20)})
            await append(log, [message])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    log.close()
    assert held < 2 * MIB


def text_or_other(i: int, every: int = 10) -> Message:
    return other(str(i)) if i % every == 0 else stream(f"{i:05} " + "x" * 994, parent=str(i))


async def test_text_past_the_disk_bound_becomes_gaps_that_count_it(
    new_log: NewLog,
) -> None:
    log = new_log(memory_bytes=20_000, disk_bytes=100_000)
    sent = [text_or_other(i) for i in range(400)]
    await append(log, sent)
    log.end("exited", "")
    found = await lines(log)
    assert numbers(found) == list(range(1, 402)), "a gap keeps the number of what it replaces"
    gaps = [line for line in found if isinstance(line, Gap)]
    assert len(gaps) > 200
    for line, message in zip(found, sent, strict=False):
        if isinstance(line, Gap):
            assert line.parent_header == message.parent_header
            assert (line.name, line.missing_chars) == ("stdout", len(message.content["text"]))
        else:
            assert isinstance(line, LogMessage)
            assert line.message == message
    kept = [line.n for line in found if isinstance(line, LogMessage)]
    assert max(line.n for line in gaps) < 400 - 20
    assert {i + 1 for i in range(0, 400, 10)} <= set(kept), "only text is ever dropped"


@needs_proc
async def test_the_disk_bound_holds_for_the_files_themselves(
    new_log: NewLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spill, "SEGMENT_BYTES", 200_000)
    log = new_log(memory_bytes=100_000, disk_bytes=MIB)
    before, most = deleted_file_bytes(), 0
    for i in range(8000):
        await append(log, [text_or_other(i)])
        if i % 100 == 0:
            most = max(most, deleted_file_bytes() - before)
    assert most < 2 * MIB, "8 MB were printed"
    log.close()
    await until(lambda: deleted_file_bytes() <= before)


def reply(label: str, size: int = 10) -> Message:
    header = {"msg_id": label, "msg_type": "execute_reply"}
    return Message("shell", header, {"x": "r" * size}, {"msg_id": label})


def line_bytes(message: Message) -> int:
    """With a number of one digit."""
    return len(encode_framed(LogMessage(1, message))) - 1


def idle(label: str) -> Message:
    header = {"msg_id": f"{label} idle", "msg_type": "status"}
    return Message("iopub", header, {"execution_state": "idle"}, {"msg_id": label})


@needs_proc
async def test_outputs_past_the_disk_bound_become_gaps_and_cells_end_all_the_same(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "SEGMENT_BYTES", 100_000)
    log = new_log(memory_bytes=100_000, disk_bytes=300_000)
    before, displays, most, held = deleted_file_bytes(), 0, 0, 0
    tracemalloc.start()
    try:
        for cell in map(str, range(16)):
            sent = [other(f"{cell} {i}", parent=cell) for i in range(300)]
            sent += [big(f"{cell} big", 30_000), reply(cell), reply(f"{cell} large", 30_000)]
            await append(log, [*sent, idle(cell)])
            displays += sum(line_bytes(m) for m in sent[:-2])
            del sent
            most = max(most, deleted_file_bytes() - before)
            held = max(held, tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert (held < MIB // 2, most < MIB) == (True, True), (held, most)
    found = await lines(log)
    assert numbers(found) == list(range(1, log.next))
    kept = messages(found)
    assert [m.parent_id for m in kept if m.msg_type == "status"] == [str(i) for i in range(16)]
    replies = {m.parent_id for m in kept if m.channel == "shell"}
    large = [line for line in found if isinstance(line, Oversized)]
    assert large
    for line in large:
        assert (line.channel, line.msg_type, line.limit_bytes) == (
            "shell",
            "execute_reply",
            300_000,
        )
        replies.add(line.parent_header["msg_id"])
    assert replies == {f"{i}{which}" for i in range(16) for which in ("", " large")}
    gaps = [line for line in found if isinstance(line, Gap)]
    assert {gap.parent_header["msg_id"] for gap in gaps if gap.missing_chars} >= {"0", "cell"}
    missing = sum(gap.missing_chars for gap in gaps)
    shown = sum(line_bytes(m) for m in kept if m.msg_type == "display_data")
    longer_numbers = 5 * 16 * 301
    assert 0 <= missing + shown - displays < longer_numbers
    assert any(m.msg_id == "15 299" for m in kept), "the oldest go first"


async def test_what_must_stay_waits_for_its_reader_when_the_disk_bound_is_met(
    new_log: NewLog,
) -> None:
    log = new_log(memory_bytes=20_000, disk_bytes=50_000)
    writing = asyncio.ensure_future(append(log, (idle(str(i)) for i in range(1000))))
    await until(lambda: log.is_full and log._kept._task is None)
    assert not writing.done()
    found: list[LogLine] = []
    while not (found and writing.done() and found[-1].n == 1000):  # type: ignore[union-attr]
        found += lines_of((await log._kept.after(len(found)))[0])
        log.acknowledge(len(found))
        await asyncio.sleep(0)
    assert [m.parent_id for m in messages(found)] == [str(i) for i in range(1000)]


async def test_a_disk_that_does_not_answer_holds_up_nobody_but_the_writer(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = threading.Event(), spill._write

    def write(*args: Any) -> None:
        assert gate.wait(60)
        real(*args)

    monkeypatch.setattr(spill, "_write", write)
    log = new_log(memory_bytes=20_000)
    sent = [big(str(i), 1000) for i in range(100)]
    writing = asyncio.ensure_future(append(log, sent))
    read = log.read(0, 60)
    found: list[LogLine] = []
    while len(numbers(found)) < 10:
        found += await next_of(read)
    assert not writing.done(), "all of it would be in memory"
    assert log.next < 20
    gate.set()
    await writing
    while len(numbers(found)) < 100:
        found += await next_of(read)
    assert messages(found) == sent


@pytest.mark.parametrize("writes", [0, 7])
async def test_a_full_disk_costs_text_but_neither_the_adapter_nor_silence(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    room = writes
    real = spill._write

    def write(*args: Any) -> None:
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        room -= 1
        real(*args)

    monkeypatch.setattr(spill, "_write", write)
    log = new_log(memory_bytes=20_000)
    sent = [text_or_other(i) for i in range(100)]
    await append(log, sent)
    found = await lines(log)
    assert numbers(found) == list(range(1, 101))
    gaps = [line for line in found if isinstance(line, Gap)]
    assert gaps
    texts = [m.content["text"] for m in messages(found) if m.msg_type == "stream"]
    chars = sum(map(len, texts)) + sum(gap.missing_chars for gap in gaps)
    assert chars == 90 * 1000
    assert len([m for m in messages(found) if m.msg_type != "stream"]) == 10


async def test_a_message_too_large_for_a_line_is_replaced_by_its_size(new_log: NewLog) -> None:
    log = new_log(line_bytes=2000)
    reply = Message("shell", {"msg_id": "r", "msg_type": "execute_reply"}, {"x": "y" * 3000})
    sent = [other("a"), big("b"), reply, other("c")]
    for message in sent:
        log.append(message)
    found = await lines(log)
    assert numbers(found) == [1, 2, 3, 4]
    assert messages(found) == [sent[0], sent[3]]
    size = len(encode_framed(LogMessage(2, sent[1]))) - 1
    parent = {"msg_id": "cell"}
    assert found[1] == Oversized(2, parent, "iopub", "display_data", size, 2000)
    assert isinstance(found[2], Oversized)
    assert (found[2].channel, found[2].msg_type) == ("shell", "execute_reply")


async def test_a_line_of_just_the_limit_is_kept(new_log: NewLog, framed: bool) -> None:
    size = len((encode_framed if framed else encode_line)(LogMessage(1, other("a")))) - 1
    for bound, kept in ((size, 1), (size - 1, 0)):
        log = new_log(line_bytes=bound)
        log.append(other("a"))
        assert len(messages(await lines(log))) == kept


async def test_buffers_that_fit_as_they_are_and_not_in_base64_are_named_in_a_line(
    new_log: NewLog, framed: bool
) -> None:
    log = new_log(line_bytes=10_000)
    sent = [replace(other("a"), buffers=(b"x" * 9000,)), other("b")]
    for message in sent:
        log.append(message)
    found = await lines(log)
    assert messages(found) == (sent if framed else sent[1:])
    if not framed:
        size = len(encode_line(LogMessage(1, sent[0]))) - 1
        assert isinstance(found[0], Oversized)
        assert (found[0].n, found[0].msg_type, found[0].limit_bytes) == (1, "display_data", 10_000)
        assert abs(found[0].size_bytes - size) < 100


async def test_a_message_of_very_many_buffers_arrives(new_log: NewLog) -> None:
    log = new_log()
    sent = [replace(other(str(n)), buffers=(b"x",) * n) for n in (MOST_PARTS - 2, MOST_PARTS - 1)]
    for message in sent:
        log.append(message)
    assert messages(await lines(log)) == sent


async def test_a_text_too_large_for_a_line_comes_in_pieces(new_log: NewLog) -> None:
    log = new_log(line_bytes=2000)
    sent = [stream("a"), stream("\x00\ud800é" * 3000), stream("b")]
    for message in sent:
        log.append(message)
    log.end("exited", "")
    found = await lines(log)
    assert joined_runs(messages(found)) == joined_runs(sent)
    assert all(len(encode_line(line)) <= 2001 for line in found)


@pytest.mark.parametrize("make", [other, stream])
async def test_what_stands_for_a_message_is_small_itself(
    new_log: NewLog, make: Callable[..., Message]
) -> None:
    log = new_log(line_bytes=100_000)
    message = make("text", parent="p")
    message.parent_header.update({"more": "z" * 200_000})
    log.append(message)
    (line,) = (line for line in await lines(log) if isinstance(line, Oversized))
    assert line.parent_header == {"msg_id": "p"}


async def test_a_closed_log_calls_nobody_back(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_merger, "WINDOW_S", 0.5)
    log = new_log()
    log.append(stream("a"))
    log.append(stream("b"))
    log.close()
    await asyncio.sleep(0.6)
    assert log.next == 2


# -- any interleaving

appended = st.one_of(
    st.builds(
        stream,
        st.text(max_size=6) | st.just("y" * 700),
        name=st.sampled_from(["stdout", "stderr"]),
        parent=st.sampled_from(["1", "2"]),
    ),
    st.builds(other, st.text(min_size=1, max_size=4)),
)
#: A message, or a read: how many batches, and how many bytes of the last one are lost.
steps = st.lists(
    appended | st.tuples(st.integers(0, 3), st.integers(0, 400)), min_size=1, max_size=60
)


class Reader:
    """Reads, is cut off in the middle of lines, and resumes by number."""

    def __init__(self, log: MessageLog) -> None:
        self._log = log
        self.found: list[LogLine] = []

    async def read(self, batches: int, lost_bytes: int) -> None:
        read = self._log.read(len(numbers(self.found)), 0)
        data = b"".join([await anext(read, b"") for _ in range(batches)])
        whole = data[: max(0, len(data) - lost_bytes)]
        self.found += [line for line in lines_of(whole) if getattr(line, "n", None)]


async def interleaved(
    steps: Sequence[Message | tuple[int, int]], **bounds: Any
) -> tuple[list[Message], list[LogLine]]:
    """What was appended, and what a reader has in the end."""
    log = MessageLog(**bounds)
    reader, sent = Reader(log), []
    for step in steps:
        if isinstance(step, Message):
            await append(log, [step])
            sent.append(step)
        else:
            await reader.read(*step)
    log.end("exited", "over")
    while not (reader.found and isinstance(reader.found[-1], BootEnded)):
        await reader.read(5, 0)
    log.close()
    return sent, reader.found


@settings(deadline=None, max_examples=60)
@given(steps)
def test_any_interleaving_of_writing_reading_and_cuts_gives_each_message_once_in_order(
    steps: list[Message | tuple[int, int]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_lines, "BLOCK_BYTES", 600)
        sent, found = asyncio.run(interleaved(steps, memory_bytes=6000))
    assert numbers(found) == list(range(1, len(found) + 1))
    assert joined_runs(messages(found)) == joined_runs(sent)


@settings(deadline=None, max_examples=60)
@given(steps, st.sampled_from([4000, 8000]))
def test_whatever_is_dropped_every_character_is_delivered_or_accounted_for(
    steps: list[Message | tuple[int, int]], memory_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_lines, "BLOCK_BYTES", 600)
        bounds = {"memory_bytes": memory_bytes, "disk_bytes": 2000}
        sent, found = asyncio.run(interleaved(steps, **bounds))
    assert numbers(found) == list(range(1, len(found) + 1))

    def sizes(messages: list[Message]) -> dict[str, int]:
        """Of what is missing as gaps count it: characters of text, bytes of other lines."""
        total = {"stdout": 0, "stderr": 0}
        for m in messages:
            if m.msg_type == "stream":
                total[m.content["name"]] += len(m.content["text"])
        return total

    kept = sizes(messages(found))
    for gap in (line for line in found if isinstance(line, Gap)):
        if gap.name in kept:
            kept[gap.name] += gap.missing_chars
    assert kept == sizes(sent)
    ids = [m.msg_id for m in messages(found) if m.msg_type != "stream"]
    all_ids = iter([m.msg_id for m in sent if m.msg_type != "stream"])
    assert all(one in all_ids for one in ids), "what is kept is in order"
    displays = sum(g.missing_chars for g in found if isinstance(g, Gap) and g.name not in kept)
    assert (displays > 0) == (len(ids) < len([m for m in sent if m.msg_type != "stream"]))
