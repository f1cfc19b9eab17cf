"""Background tasks: kept, heard of when they fail, ended with their owner."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from azure_session_kernel.common.owned_tasks import OwnedTasks

log = logging.getLogger("azure_session_kernel.owner")


async def _turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("of a task")

    tasks = OwnedTasks(log)
    tasks.start(fail())
    await _turns()
    (record,) = caplog.records
    assert record.name == log.name
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "of a task"
    assert len(tasks) == 0


async def test_a_failure_that_is_awaited_is_told_there_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    tasks = OwnedTasks(log)
    with pytest.raises(ZeroDivisionError):
        await tasks.start_awaited(fail())
    await _turns()
    gc.collect()
    assert caplog.records == []


async def test_a_failure_that_nobody_awaits_after_all_is_not_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    tasks = OwnedTasks(log)
    tasks.start_awaited(fail())
    await _turns()
    await tasks.aclose()
    gc.collect()
    assert any("never retrieved" in record.message for record in caplog.records)


async def test_closing_cancels_what_goes_on_and_waits_for_its_last_steps() -> None:
    steps = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await _turns()
            steps.append("cleaned up")

    tasks = OwnedTasks(log)
    tasks.start(work())
    await _turns()
    await tasks.aclose()
    assert steps == ["cleaned up"]
    assert len(tasks) == 0


async def test_closing_waits_no_longer_than_it_may_and_a_task_may_close_its_own_owner() -> None:
    released = asyncio.Event()

    async def does_not_end() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    tasks = OwnedTasks(log)
    stubborn = tasks.start(does_not_end())
    await _turns()
    closer = tasks.start(tasks.aclose(0.0))
    await closer
    assert not stubborn.done()
    released.set()
    await stubborn
