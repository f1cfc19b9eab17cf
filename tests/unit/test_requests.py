"""The table of requests under way."""

from __future__ import annotations

from azure_session_kernel.kernel.requests import REMEMBERED, Request, RequestTable
from azure_session_kernel.wire import Message


def _request(msg_id: str, msg_type: str = "comm_msg") -> Request:
    header = {"msg_id": msg_id, "msg_type": msg_type}
    return Request(Message("shell", header, {}), [], "shell")


def test_a_cell_that_runs_is_known_however_many_requests_come_meanwhile() -> None:
    table = RequestTable()
    cell = _request("cell", "execute_request")
    table.add(cell)
    for number in range(REMEMBERED + 1):
        other = _request(f"comm-{number}")
        table.add(other)
        table.remove(other)
    assert table.header("cell") == cell.message.header
    assert table.header("comm-0") is None
