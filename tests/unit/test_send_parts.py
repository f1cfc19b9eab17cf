"""A message that is too large for one body: what the kernel makes of the answers to its parts."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from azure_session_kernel.common.errors import ExecutionUnknown, PoolUnreachable, SessionLost
from azure_session_kernel.executors.adapter.executor import PARTS_AT_A_TIME, AdapterExecutor
from azure_session_kernel.executors.base import ExecutorContext, ExecutorEvents
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.wire import MAX_BODY_BYTES, Message, PartAssembler, load

LARGE = Message(
    "shell", {"msg_id": "m", "msg_type": "execute_request"}, {"code": "#" * MAX_BODY_BYTES}
)


class Answer:
    def __init__(self, value: dict[str, Any]) -> None:
        self._value = value

    def json(self) -> dict[str, Any]:
        return self._value


class Session:
    """Assembles parts as the adapter does.

    :param events: by the number of a request, from 1: "forget" the parts before it; or an error
        that comes instead of its answer.
    """

    def __init__(self, events: dict[int, str | Exception]) -> None:
        self._events, self._parts = events, PartAssembler()
        self.requests = 0
        self.delivered: list[bytes] = []

    async def request(self, *_: Any, body: bytes, **__: Any) -> Answer:
        self.requests += 1
        event = self._events.get(self.requests)
        if event == "forget":
            self._parts = PartAssembler()
        part = load(body)["part"]
        whole = self._parts.add(part)
        if whole is not None:
            self.delivered.append(whole)
        if isinstance(event, Exception):
            raise event
        return Answer({"received": part["index"]} if whole is None else {"accepted": ["m"]})


async def _send(session: Session, message: Message = LARGE) -> None:
    client = cast(PoolClient, session)
    events = cast(ExecutorEvents, None)
    executor = AdapterExecutor(client, ExecutorContext(events, lambda: True, 1))
    await executor.send("b", [message], 1)


class FarSession(Session):
    """Whose answers come once no more is sent. :ivar beside: requests under way, at each one."""

    def __init__(self, events: dict[int, str | Exception]) -> None:
        super().__init__(events)
        self.under_way, self.beside = 0, list[int]()

    async def request(self, *given: Any, body: bytes, **named: Any) -> Answer:
        self.under_way += 1
        self.beside.append(self.under_way)
        try:
            for _ in range(100):
                await asyncio.sleep(0)
            return await super().request(*given, body=body, **named)
        finally:
            self.under_way -= 1


async def test_a_few_parts_are_on_their_way_at_a_time_and_the_last_one_alone() -> None:
    session = FarSession({})
    code = "#" * 4 * MAX_BODY_BYTES
    await _send(session, Message("shell", LARGE.header, {"code": code}))
    assert len(session.delivered) == 1
    assert max(session.beside) == PARTS_AT_A_TIME
    assert session.beside[-1] == 1


async def test_a_part_that_fails_ends_the_others_and_nothing_is_delivered() -> None:
    session = FarSession({1: SessionLost("The session was replaced. This cell was not run.")})
    with pytest.raises(SessionLost):
        await _send(session)
    assert (session.under_way, session.delivered) == (0, [])


async def test_parts_that_the_session_forgot_are_sent_again() -> None:
    session = Session({3: "forget"})
    await _send(session)
    assert len(session.delivered) == 1
    assert session.requests == 5  # the last part completes what the first round had left


async def test_a_session_that_forgets_again_and_again_is_not_waited_for() -> None:
    session = Session(dict.fromkeys(range(1, 100), "forget"))
    with pytest.raises(ExecutionUnknown, match="parts of this cell are missing"):
        await _send(session)
    assert session.requests == 6


async def test_a_loss_after_the_last_part_may_have_been_delivered_is_not_called_not_run() -> None:
    """An adapter that answers the repeated last part as if it were a first one."""
    gone = SessionLost("The session was replaced. This cell was not run.")
    session = Session({3: PoolUnreachable("cut off"), 5: gone})
    with pytest.raises(ExecutionUnknown):
        await _send(session)
    assert len(session.delivered) == 1
