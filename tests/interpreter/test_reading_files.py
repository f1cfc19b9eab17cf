"""The reader of a mailbox's files, without a pool."""

from __future__ import annotations

import asyncio
import json

from azure_session_kernel.common.errors import SessionKernelError
from azure_session_kernel.executors.builtin.reader import AHEAD, MailboxReader, Position
from azure_session_kernel.wire import Gap, Message, Oversized

from .live_session import texts

TRIP_S = 0.2


def _file(n: int) -> bytes:
    header = {"msg_id": f"m{n}", "msg_type": "stream"}
    content = {"name": "stdout", "text": f"{n} "}
    message = {"channel": "iopub", "header": header, "content": content}
    rest: dict[str, object] = {"parent_header": {}, "metadata": {}, "buffers": []}
    return json.dumps({"n": n, **message, **rest}).encode() + b"\n"


class Distant:
    """A session that has written ``written`` files, a long way off. It also takes what is read."""

    def __init__(self) -> None:
        self.written = 0
        self.asking = self.most = 0
        self.messages: list[Message] = []
        self.failure: SessionKernelError | None = None
        self.news = asyncio.Event()

    async def fetch(self, chunk: int) -> bytes | None:
        self.asking += 1
        self.most = max(self.most, self.asking)
        await asyncio.sleep(TRIP_S)
        self.asking -= 1
        return _file(chunk) if chunk <= self.written else None

    async def is_there(self) -> bool:
        return True

    def on_line(self, message: Message) -> None:
        self.messages.append(message)
        self.news.set()

    async def drained(self) -> None: ...

    def on_gap(self, gap: Gap | Oversized) -> None:
        raise AssertionError(gap)

    def on_unreadable(self, error: SessionKernelError) -> None:
        raise AssertionError(error)


def _reader(session: Distant) -> MailboxReader:
    return MailboxReader(
        session.fetch,
        session,
        is_there=session.is_there,
        running=lambda: True,
        connected=lambda: True,
        position=Position(0, 0),
        outage_s=1.0,
    )


async def _read(session: Distant, count: int) -> None:
    while len(session.messages) < count:
        session.news.clear()
        await session.news.wait()


async def test_what_the_session_says_it_has_written_is_fetched_at_once_and_taken_in_order() -> None:
    session = Distant()
    reader = _reader(session)
    session.written = 20
    reader.expect(20)
    await _read(session, 20)
    assert texts(session.messages) == "".join(f"{n} " for n in range(1, 21))
    assert session.most == AHEAD
    await reader.aclose()


async def test_a_file_for_each_window_is_kept_up_with_from_afar() -> None:
    """The session writes more files than there are round trips."""
    session = Distant()
    reader = _reader(session)
    reader.kick()
    while session.written < 24:
        session.written += 3
        await asyncio.sleep(TRIP_S)
    await _read(session, 24)
    assert session.most > 1
    assert reader.window_s() >= TRIP_S
    await reader.aclose()
