"""The interrupt ladder without a session."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from azure_session_kernel.kernel.interrupts import InterruptLadder
from azure_session_kernel.kernel.request_states import Event
from azure_session_kernel.kernel.requests import Request, RequestTable
from azure_session_kernel.wire import Message


async def test_a_cell_that_arrives_while_nothing_is_said_to_run_is_signalled_once_more() -> None:
    header = {"msg_id": "1", "msg_type": "execute_request"}
    cell = Request(Message("shell", header, {"allow_stdin": True}), [], "shell")
    requests = RequestTable()
    requests.add(cell)
    cell.addressed_to("b-1")
    outcomes = ["idle", "signalled"]

    async def interrupt(boot: str, msg_id: str | None, timeout_s: float) -> str:
        """The first overtakes the cell; then the answers to both come."""
        cell.on(Event.ARRIVED)
        return outcomes.pop(0)

    notebook: Any = SimpleNamespace(hello=None, interrupt=interrupt)
    nobody: Any = None
    ladder = InterruptLadder(notebook, requests, nobody, nobody)
    await asyncio.gather(*ladder.climb())
    assert not outcomes
