"""A message too large for a line of the mailbox is named, and the session goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from azure_session_kernel.common.errors import SessionKernelError
from azure_session_kernel.executors.builtin.reader import MailboxReader, Position
from azure_session_kernel.interpreter import log
from azure_session_kernel.wire import (
    MAX_LINE_BYTES,
    Gap,
    LineSplitter,
    LogLine,
    LogMessage,
    Message,
    Oversized,
    encode_line,
)

from .live_session import LiveSession, cell, result, texts

LIMIT = 20_000
SET_LIMIT = "import sys; sys.modules['_azure_session_mailbox.log'].LINE_BYTES = "


def test_both_ends_have_the_same_limit() -> None:
    assert log.LINE_BYTES == MAX_LINE_BYTES


@pytest.fixture
async def small(session: LiveSession) -> AsyncIterator[LiveSession]:
    """A session whose lines are short, so that no test needs hundreds of megabytes."""
    await session.run(SET_LIMIT + str(LIMIT))
    yield session
    await session.run(SET_LIMIT + str(MAX_LINE_BYTES))


async def test_a_display_too_large_is_named_and_the_next_cell_works(small: LiveSession) -> None:
    asked = await small.send(cell("kept = 17; display({'text/plain': 'x' * 50_000}, raw=True)"))
    seen = await small.over(asked)
    assert [m.msg_type for m in seen if m.channel == "shell"] == ["execute_reply"]
    (missing,) = small.oversized
    assert (missing.channel, missing.msg_type) == ("iopub", "display_data")
    assert missing.parent_header["msg_id"] == asked.msg_id
    assert (missing.size_bytes > 50_000, missing.limit_bytes) == (True, LIMIT)
    assert result(await small.run("kept")) == "17"


async def test_a_reply_too_large_is_named(small: LiveSession) -> None:
    await small.run("get_ipython().set_next_input('x' * 50_000)")
    (missing,) = small.oversized
    assert (missing.channel, missing.msg_type) == ("shell", "execute_reply")
    assert result(await small.run("1")) == "1"


async def test_what_nobody_can_read_is_named_and_the_next_cell_works(session: LiveSession) -> None:
    show = "display({'application/json': 10**5000}, raw=True)"
    limit = "sys.set_int_max_str_digits"
    asked = await session.send_cell(f"import sys; {limit}(0); {show}; {limit}(4300)")
    await session.over(asked)
    (missing,) = session.oversized
    assert (missing.channel, missing.msg_type) == ("iopub", "display_data")
    assert missing.parent_header["msg_id"] == asked.msg_id
    assert missing.reason == "it holds an integer of too many digits"
    assert result(await session.run("1")) == "1"


async def test_a_small_bomb_is_named_and_the_next_cell_works(session: LiveSession) -> None:
    bomb = "display({'application/json': [{}] * 3_000_000}, raw=True)"
    asked = await session.send_cell(f"print('before'); {bomb}; print('after')")
    seen = await session.over(asked)
    (missing,) = session.oversized
    assert (missing.channel, missing.msg_type) == ("iopub", "display_data")
    assert missing.parent_header["msg_id"] == asked.msg_id
    assert missing.reason == "it would take more than 256 MB of memory"
    assert texts(seen) == "before\nafter\n"
    assert result(await session.run("1")) == "1"


async def test_text_is_never_too_large(small: LiveSession) -> None:
    assert texts(await small.run("print('\\x00é' * 50_000)")) == "\x00é" * 50_000 + "\n"
    assert not small.oversized


class Heard:
    """Who gets the lines of a reader."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_line(self, message: Message) -> None:
        self.heard.append(message.content["text"])

    async def drained(self) -> None: ...

    def on_gap(self, gap: Gap | Oversized) -> None:
        self.heard.append(gap)

    def on_unreadable(self, error: SessionKernelError) -> None:
        self.heard.append(error)


async def test_a_line_too_long_in_the_mailbox_is_passed_over() -> None:
    """As an older mailbox writes it: over several files, with other lines around it."""
    data = b"".join(encode_line(line) for line in _lines())
    chunks: Iterator[bytes] = (data[i : i + 700] for i in range(0, len(data), 700))

    async def fetch(number: int) -> bytes | None:
        return next(chunks, None)

    async def is_there() -> bool:
        return True

    heard = Heard()
    reader = MailboxReader(
        fetch,
        heard,
        is_there=is_there,
        running=lambda: True,
        connected=lambda: True,
        position=Position(0, 0, LineSplitter(max_line_bytes=2000)),
        outage_s=5,
    )
    await reader.read_up_to(3)
    await reader.aclose()
    assert heard.heard == ["a", Oversized(2, {}, "", "", 2000, 2000), "c"]


def _lines() -> list[LogLine]:
    header = {"msg_id": "m", "msg_type": "stream"}
    contents = [{"name": "stdout", "text": text} for text in ("a", "b" * 9000, "c")]
    return [LogMessage(n, Message("iopub", header, c)) for n, c in enumerate(contents, 1)]
