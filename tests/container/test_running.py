"""Whom a signal is for, without an interpreter."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from azure_session_kernel.container.interpreter_process import InterpreterProcess
from azure_session_kernel.container.running import SETTLE_S, RunningRequests
from azure_session_kernel.wire import Message


@pytest.fixture
def signals() -> list[str]:
    return []


@pytest.fixture
def running(signals: list[str]) -> RunningRequests:
    async def signal() -> bool:
        signals.append("SIGINT")
        return True

    return RunningRequests(signal)


def _status(state: str, msg_id: str) -> Message:
    return Message("iopub", {"msg_type": "status"}, {"execution_state": state}, {"msg_id": msg_id})


async def _start(running: RunningRequests, msg_id: str) -> None:
    running.follow(_status("busy", msg_id))
    await asyncio.sleep(SETTLE_S * 1.5)


def test_an_idle_interpreter_gets_no_signal(running: RunningRequests, signals: list[str]) -> None:
    assert asyncio.run(running.interrupt(None)) == "idle"
    assert signals == []


def test_what_runs_on_a_thread_of_its_own_gets_no_signal(
    running: RunningRequests, signals: list[str]
) -> None:
    async def scenario() -> None:
        running.add("debugger", main_thread=False)
        await _start(running, "debugger")
        assert await running.interrupt(None) == "idle"

    asyncio.run(scenario())
    assert signals == []


def test_whatever_runs_gets_it_though_something_was_delivered_before(
    running: RunningRequests, signals: list[str]
) -> None:
    async def scenario() -> None:
        running.add("debugger", main_thread=False)
        running.add("callback")
        running.add("cell")
        await _start(running, "callback")
        assert await running.interrupt(None) == "signalled"

    asyncio.run(scenario())
    assert signals == ["SIGINT"]


def test_what_is_next_gets_it_when_it_starts(running: RunningRequests, signals: list[str]) -> None:
    async def scenario() -> None:
        running.add("first")
        running.add("second")
        assert await running.interrupt(None) == "pending"
        running.follow(_status("idle", "first"))
        await _start(running, "second")
        assert signals == []
        running.add("third")
        assert await running.interrupt(None) == "signalled"

    asyncio.run(scenario())
    assert signals == ["SIGINT"]


def test_a_signal_that_can_not_be_sent_is_not_called_signalled() -> None:
    async def refused() -> bool:
        return False

    async def scenario() -> None:
        running = RunningRequests(refused)
        running.add("cell")
        await _start(running, "cell")
        assert await running.interrupt("cell") == "undelivered"

    asyncio.run(scenario())


def test_an_interpreter_that_was_not_started_or_has_ended_can_not_be_sent_one(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        process = InterpreterProcess(tmp_path, tmp_path, "p")
        assert not await process.interrupt()
        await process.start()
        assert await process.interrupt()
        await process.kill()
        assert not await process.interrupt()
        process.clean_up()

    asyncio.run(scenario())


async def test_a_signal_waits_while_the_interpreter_ignores_it() -> None:
    signals: list[None] = []
    ignores, sent = True, asyncio.Event()

    async def signal() -> bool:
        signals.append(None)
        sent.set()
        return True

    running = RunningRequests(signal, lambda: ignores)
    running.add("1")
    running.follow(Message("stdin", {"msg_type": "input_request"}, {}, {"msg_id": "1"}))
    assert await running.interrupt("1") == "pending"
    assert running.has_started("1") is False
    assert not signals
    ignores = False
    await asyncio.wait_for(sent.wait(), 60)
    assert running.has_started("1") is True
    assert await running.interrupt("1") == "signalled"
    assert len(signals) == 2
