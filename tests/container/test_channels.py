"""The interpreter's sockets on the event loop, with another end that tests send from."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import zmq

from azure_session_kernel.container.channels import Channels

IDLE = b'{"execution_state": "idle"}'


class Log:
    """As a boot's: what came, and whether there is room for more of IOPub."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[bytes]]] = []
        self.full = False
        self.has_room = asyncio.Event()
        self.changed = asyncio.Event()

    def take(self, channel: str, frames: list[bytes]) -> None:
        if frames == [b"fault"]:
            raise ValueError("beyond us")
        self.taken.append((channel, frames))
        self.changed.set()

    def comes_early(self, channel: str, frames: list[bytes]) -> bool:
        taken = [frames for _, frames in self.taken]
        return frames in ([IDLE], [b"reply"]) and not ([IDLE] in taken or [b"reply"] in taken)

    async def room(self) -> None:
        await self.has_room.wait()

    async def until(self, count: int) -> list[tuple[str, list[bytes]]]:
        async def enough() -> None:
            while len(self.taken) < count:
                self.changed.clear()
                await self.changed.wait()

        await asyncio.wait_for(enough(), 30)
        return self.taken


Interpreter = dict[str, "zmq.Socket[bytes]"]


@asynccontextmanager
async def connected(log: Log) -> AsyncIterator[tuple[Channels, Interpreter]]:
    with zmq.Context() as context:
        ours, theirs = {}, {}
        for name in ("iopub", "shell", "stdin"):
            theirs[name], ours[name] = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
            port = theirs[name].bind_to_random_port("tcp://127.0.0.1")
            ours[name].connect(f"tcp://127.0.0.1:{port}")
        channels = Channels(ours, log.take, lambda: log.full, log.room, log.comes_early)
        try:
            yield channels, theirs
        finally:
            await channels.close()
            for socket in theirs.values():
                socket.close(linger=0)


async def test_all_that_comes_is_taken_in_its_order() -> None:
    log = Log()
    async with connected(log) as (_, interpreter):
        for i in range(5000):
            interpreter["iopub"].send_multipart([b"%d" % i, b"rest"])
        taken = await log.until(5000)
    assert taken == [("iopub", [b"%d" % i, b"rest"]) for i in range(5000)]


async def test_what_comes_while_something_is_sent_is_taken() -> None:
    """Sending can take the event that would have told of it."""
    log = Log()
    async with connected(log) as (channels, interpreter):
        for i in range(200):
            interpreter["shell"].send(b"%d" % i)
            interpreter["shell"].poll(1, zmq.POLLOUT)
            channels.send("shell", [b"request"])
            if i % 20 == 0:
                await log.until(i + 1)
        assert len(await log.until(200)) == 200
        assert [interpreter["shell"].recv() for _ in range(200)] == [b"request"] * 200


@pytest.mark.parametrize("waits", ["iopub", "stdin"])
async def test_while_the_log_is_full_outputs_and_questions_wait_and_replies_do_not(
    waits: str,
) -> None:
    log = Log()
    log.full = True
    async with connected(log) as (_, interpreter):
        for i in range(3):
            interpreter[waits].send(b"%d" % i)
        for i in range(3):
            interpreter["shell"].send(b"%d" % i)
        replies = list(await log.until(3))
        assert replies == [("shell", [b"%d" % i]) for i in range(3)]
        log.full = False
        log.has_room.set()
        assert (await log.until(6))[3:] == [(waits, [b"%d" % i]) for i in range(3)]


async def test_one_that_can_not_be_taken_is_told_and_holds_up_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log()
    async with connected(log) as (_, interpreter):
        for frame in (b"before", b"fault", b"behind"):
            interpreter["iopub"].send(frame)
        assert await log.until(2) == [("iopub", [b"before"]), ("iopub", [b"behind"])]
    assert "a message of iopub can't be taken" in caplog.text


async def test_nothing_is_taken_once_they_are_closed_whether_there_was_room_or_not() -> None:
    log = Log()
    for log.full in (False, True):
        async with connected(log) as (channels, interpreter):
            interpreter["shell"].send(b"first")
            interpreter["iopub"].send(b"first")
            await log.until(1)
            await channels.close()
            channels.send("shell", [b"to nobody"])
            count = len(log.taken)
            log.has_room.set()
            for name in ("shell", "iopub"):
                with contextlib.suppress(zmq.Again):  # it knows already that nobody is there
                    interpreter[name].send(b"second", zmq.NOBLOCK)
            await asyncio.sleep(0.05)
            assert len(log.taken) == count


@pytest.mark.parametrize("first", ["shell", "iopub"])
async def test_a_reply_comes_behind_its_output_and_before_its_idle(first: str) -> None:
    """Whichever socket is looked at first."""
    log = Log()
    async with connected(log) as (channels, theirs):
        theirs["shell"].send(b"reply")
        for one in (b"output", IDLE, b"busy of the next"):
            theirs["iopub"].send(one)
        for name in ("iopub", "shell"):  # before the event loop has a turn
            assert channels._sockets[name].poll(30_000)
        channels._read(first)
        taken = [frames[0] for _, frames in await log.until(4)]
    assert taken == [b"output", b"reply", IDLE, b"busy of the next"]


@pytest.mark.parametrize("comes", [True, False])
async def test_an_idle_waits_for_its_reply_but_not_for_ever(comes: bool) -> None:
    log = Log()
    async with connected(log) as (_, theirs):
        for one in (b"output", IDLE, b"behind it"):
            theirs["iopub"].send(one)
        assert await log.until(1) == [("iopub", [b"output"])]
        if comes:
            theirs["shell"].send(b"reply")
        taken = [frames[0] for _, frames in await log.until(4 if comes else 3)]
    reply = [b"reply"] if comes else []
    assert taken == [b"output", *reply, IDLE, b"behind it"]


@pytest.mark.parametrize("comes", [True, False])
async def test_a_reply_waits_for_its_idle_but_not_for_ever(comes: bool) -> None:
    """What was put out before it may come last."""
    log = Log()
    async with connected(log) as (channels, theirs):
        theirs["shell"].send(b"reply")
        assert channels._sockets["shell"].poll(30_000)
        channels._read("shell")
        theirs["iopub"].send(b"output")
        assert await log.until(1) == [("iopub", [b"output"])]
        if comes:
            theirs["iopub"].send(IDLE)
        taken = [frames[0] for _, frames in await log.until(3 if comes else 2)]
    assert taken == [b"output", b"reply", *([IDLE] if comes else [])]


@pytest.mark.parametrize(("channel", "one"), [("iopub", IDLE), ("shell", b"reply")])
async def test_what_waits_when_they_are_closed_is_taken(channel: str, one: bytes) -> None:
    log = Log()
    async with connected(log) as (channels, theirs):
        theirs[channel].send(one)
        assert channels._sockets[channel].poll(30_000)
        channels._read(channel)
        assert log.taken == []
        assert channels.holds
    assert log.taken == [(channel, [one])]
