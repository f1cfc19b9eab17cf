"""Whom a signal is for, without an interpreter."""

from __future__ import annotations

import asyncio

import pytest

from azure_session_kernel.adapter.running import SETTLE_S, RunningRequests
from azure_session_kernel.wire import Message


@pytest.fixture
def signals() -> list[str]:
    return []


@pytest.fixture
def running(signals: list[str]) -> RunningRequests:
    return RunningRequests(lambda: signals.append("SIGINT"))


def _status(state: str, msg_id: str) -> Message:
    return Message("iopub", {"msg_type": "status"}, {"execution_state": state}, {"msg_id": msg_id})


async def _start(running: RunningRequests, msg_id: str) -> None:
    running.follow(_status("busy", msg_id))
    await asyncio.sleep(SETTLE_S * 1.5)


def test_an_idle_interpreter_gets_no_signal(running: RunningRequests, signals: list[str]) -> None:
    assert running.interrupt(None) == "idle"
    assert signals == []


def test_what_runs_on_a_thread_of_its_own_gets_no_signal(
    running: RunningRequests, signals: list[str]
) -> None:
    async def scenario() -> None:
        running.add("debugger", main_thread=False)
        await _start(running, "debugger")
        assert running.interrupt(None) == "idle"

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
        assert running.interrupt(None) == "signalled"

    asyncio.run(scenario())
    assert signals == ["SIGINT"]


def test_what_is_next_gets_it_when_it_starts(running: RunningRequests, signals: list[str]) -> None:
    async def scenario() -> None:
        running.add("first")
        running.add("second")
        assert running.interrupt(None) == "pending"
        running.follow(_status("idle", "first"))
        await _start(running, "second")
        assert signals == []
        running.add("third")
        assert running.interrupt(None) == "signalled"

    asyncio.run(scenario())
    assert signals == ["SIGINT"]
