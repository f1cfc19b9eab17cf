"""A cancellation gets through whenever it comes, so that nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from azure_session_kernel.common.within import within
from azure_session_kernel.executors.base import ExecutorContext, ExecutorEvents
from azure_session_kernel.executors.log_reader import LogReader
from azure_session_kernel.pool.client import PoolClient

#: A result and a cancellation meet within so many turns of the loop.
TURNS = range(8)


async def _after(gate: asyncio.Future[None]) -> str:
    await gate
    return "result"


async def test_the_result_or_its_error_is_returned() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    gate.set_result(None)
    assert await within(_after(gate), 5) == "result"
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    failed.set_exception(ValueError("its own"))
    with pytest.raises(ValueError, match="its own"):
        await within(failed, 5)


async def test_what_is_late_is_cancelled() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with pytest.raises(asyncio.TimeoutError):
        await within(_after(gate), 0.01)
    assert gate.cancelled()


async def test_what_is_gathered_and_late_is_cancelled() -> None:
    gates: list[asyncio.Future[None]] = [asyncio.get_running_loop().create_future() for _ in "ab"]
    with pytest.raises(asyncio.TimeoutError):
        await within(asyncio.gather(*map(_after, gates)), 0.01)
    assert all(gate.cancelled() for gate in gates)


async def test_a_result_that_comes_despite_its_cancellation_counts() -> None:
    async def insists() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "all the same"
        raise AssertionError

    assert await within(insists(), 0.01) == "all the same"


@pytest.mark.parametrize("turns", TURNS)
async def test_a_cancellation_that_meets_the_result_is_not_lost(turns: int) -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def goes_on() -> None:
        await within(_after(gate), 5)
        await asyncio.sleep(60)

    task = asyncio.create_task(goes_on())
    await asyncio.sleep(0.01)
    gate.set_result(None)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait((task,), timeout=5)
    assert done
    assert task.cancelled()


class _Pool:
    """Answers a read when ``gate`` opens, and then says nothing more."""

    def __init__(self) -> None:
        self.gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def stream(self, path: str, **options: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        await self.gate
        yield self._silence()

    async def _silence(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""


@pytest.mark.parametrize("turns", TURNS)
async def test_a_reader_is_closed_though_its_answer_begins_just_then(turns: int) -> None:
    pool = _Pool()
    reader = LogReader(
        cast(PoolClient, pool),
        ExecutorContext(cast(ExecutorEvents, None), lambda: True, 5),
        boot="b-1",
        reader="r-1",
        after=0,
    )
    await asyncio.sleep(0.01)
    pool.gate.set_result(None)
    for _ in range(turns):
        await asyncio.sleep(0)
    closing = asyncio.create_task(reader.aclose())
    done, _ = await asyncio.wait((closing,), timeout=5)
    assert done
