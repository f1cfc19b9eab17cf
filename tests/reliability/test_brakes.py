"""What a session makes the kernel do again and again comes ever more seldom, or so many times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from azure_session_kernel.common.errors import SessionKernelError, SessionLost, UnexpectedAnswer
from azure_session_kernel.executors import log_reader
from azure_session_kernel.executors.adapter.executor import MOST_RETIRED, AdapterExecutor
from azure_session_kernel.executors.base import ExecutorContext, ExecutorEvents
from azure_session_kernel.executors.builtin.reader import MailboxReader, Position, Takes
from azure_session_kernel.executors.log_reader import LogReader
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.retry import FIRST_DELAY_S, MAX_DELAY_S, delays, jittered

from ..kernel.fake_front import HELLO, ending, line

LIMIT_S = 60


def test_delays_double_up_to_their_limit_and_are_not_in_step() -> None:
    found = [wait for wait, _ in zip(delays(), range(12), strict=False)]
    for number, wait in enumerate(found):
        longest = min(FIRST_DELAY_S * 2**number, MAX_DELAY_S)
        assert longest / 2 <= wait <= longest
    assert len({jittered(1.0) for _ in range(10)}) > 1


class Events:
    """Of a reader; ``failed`` by boot."""

    def __init__(self) -> None:
        self.failed: dict[str, SessionKernelError] = {}
        self.messages = 0

    def on_message(self, message: Any) -> None:
        self.messages += 1

    def on_gap(self, gap: Any) -> None: ...

    def on_boot_ended(self, boot: str, ended: Any) -> None: ...

    async def drained(self) -> None: ...

    def on_failure(self, boot: str, error: SessionKernelError) -> None:
        self.failed[boot] = error


class Pool:
    """Each read gets the next of ``answers``, whole and at once; after them it stays open."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        self._answers = iter(answers)
        self.reads = self.open = 0
        self.at_end = asyncio.Event()

    def open_ahead(self) -> None: ...

    @asynccontextmanager
    async def stream(self, path: str, **_: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        self.reads += 1
        self.open += 1
        try:
            yield self._chunks(next(self._answers, None))
        finally:
            self.open -= 1

    async def _chunks(self, answer: bytes | None) -> AsyncIterator[bytes]:
        if answer is not None:
            yield answer
            return
        yield b'{"event":"keepalive"}\n'
        self.at_end.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None: ...


KEEPALIVE = b'{"event":"keepalive"}\n'
END = b'{"event":"end_of_read"}\n'
#: Reads that end at once, in each way there is.
SHORT = [END, KEEPALIVE + END, KEEPALIVE, b"", b"\n", b"[]\n", b"{}", KEEPALIVE * 10]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long a reader has waited; it does not really."""
    found: list[float] = []
    sleep = asyncio.sleep

    async def recorded(delay_s: float, *_: Any) -> None:
        found.append(delay_s)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", recorded)
    return found


async def read(answers: list[bytes]) -> Events:
    pool, events = Pool(answers), Events()
    reader = LogReader(
        cast(PoolClient, pool),
        ExecutorContext(cast(ExecutorEvents, events), lambda: True, 1000.0),
        boot="b",
        reader="r",
        after=0,
    )
    await asyncio.wait_for(pool.at_end.wait(), LIMIT_S)
    await reader.aclose()
    return events


@pytest.mark.parametrize("answer", SHORT)
async def test_reads_that_end_at_once_come_ever_more_seldom(
    answer: bytes, waits: list[float]
) -> None:
    await read([answer] * 8)
    between = [wait for wait in waits if wait]
    assert len(between) == 8
    assert all(wait >= min(0.05 * 2**n, 2.5) for n, wait in enumerate(between))


def numbered(*numbers: int) -> bytes:
    lines = [line(n, "stream", "cell", name="stdout", text=".") for n in numbers]
    return b"".join(one + b"\n" for one in lines)


async def test_so_do_those_that_bring_a_line_each(waits: list[float]) -> None:
    events = await read([numbered(n) + (END if n % 2 else b"") for n in range(1, 9)])
    assert events.messages == 8
    assert [wait for wait in waits if wait][-1] >= 2.5


async def test_a_read_that_brought_much_is_followed_at_once(waits: list[float]) -> None:
    text = "x" * log_reader.MUCH_BYTES
    large = [line(n, "stream", "cell", name="stdout", text=text) + b"\n" + END for n in (1, 2, 3)]
    await read(large)
    assert not any(waits)


async def test_a_session_whose_boots_go_on_for_ever_is_not_read_for_ever() -> None:
    pool, events = Pool([]), Events()
    boots = iter(range(100))

    class Answer:
        def json(self) -> dict[str, Any]:
            return {**HELLO, "boot": f"b-{next(boots)}"}

    async def request(*_: Any, **__: Any) -> Answer:
        return Answer()

    pool.request = request  # type: ignore[attr-defined]
    executor = AdapterExecutor(
        cast(PoolClient, pool),
        ExecutorContext(cast(ExecutorEvents, events), lambda: True, 1.0),
    )
    for _ in range(20):
        await executor.start(1.0)
        await asyncio.sleep(0)
    assert pool.open <= MOST_RETIRED + 1
    assert list(events.failed) == [f"b-{n}" for n in range(20 - MOST_RETIRED - 1)]
    assert all(isinstance(error, SessionLost) for error in events.failed.values())
    await executor.aclose()


class Box:
    """Takes what a mailbox's reader reads."""

    def __init__(self) -> None:
        self.lines = 0
        self.failed = asyncio.Event()

    def on_line(self, message: Any) -> None:
        self.lines += 1

    def on_gap(self, gap: Any) -> None: ...

    async def drained(self) -> None: ...

    def on_unreadable(self, error: SessionKernelError) -> None:
        assert isinstance(error, UnexpectedAnswer)
        self.failed.set()


async def test_an_empty_file_of_a_mailbox_is_none() -> None:
    asked: list[int] = []
    enough = asyncio.Event()

    async def fetch(number: int) -> bytes | None:
        asked.append(number)
        if len(asked) == 5:
            enough.set()
        return b"" if len(asked) < 5 else b"\n".join([*ending(1, "m"), b""])

    async def is_there() -> bool:
        return True

    box = Box()
    reader = MailboxReader(
        fetch,
        cast(Takes, box),
        is_there=is_there,
        running=lambda: not enough.is_set(),
        connected=lambda: False,
        position=Position(0, 0),
        outage_s=1.0,
    )
    reader.kick()
    await asyncio.wait_for(enough.wait(), LIMIT_S)
    await reader.read_up_to(2)
    assert asked[:5] == [1] * 5
    assert box.lines == 2
    await reader.aclose()
