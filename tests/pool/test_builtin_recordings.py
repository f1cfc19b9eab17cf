"""The local pool's built-in kind answers as real built-in pools were recorded to answer.

Compared are status, content type, and the body: its keys, their order, and the values that the
request decides. Not compared: what differs from run to run (times, dates, ids).
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from azure_session_kernel.emulator.kinds.kinds import Builtin, interpreter

from ..azure_facts import Call, recording
from .conftest import RunFront

#: Recorded values that each run has its own of.
OWN = {"id", "executionTimeInMilliseconds", "lastModifiedTime", "lastModifiedAt"}
#: Recorded on executions; how long each took is our own.
TIMES = re.compile(r"x-ms-(?!session-guid)")


@pytest.mark.parametrize(
    "name",
    [
        "code-interpreter-python",
        "code-interpreter-nodelts",
        "code-interpreter-python-2024-10-02-preview",
    ],
)
async def test_the_recorded_calls_are_answered_as_recorded(run_front: RunFront, name: str) -> None:
    pool = recording(name)
    kind = interpreter(Builtin(pool.container_type))
    async with run_front(kind=kind, name=pool.pool) as front:
        for call in pool.calls:
            path = front.pool.options.path + call.path
            answer = await front.client.request(call.method, path, params=call.query, **_body(call))
            assert answer.status_code == call.status, answer.text
            _same_headers(answer, call)
            _same_body(answer, call.answer)


def _body(call: Call) -> dict[str, Any]:
    """An upload as it was recorded: its part has no type."""
    if not call.file:
        return {} if call.json is None else {"json": call.json}
    name, content = call.file
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    text = f"--bd99\r\n{disposition}\r\n\r\n{content}\r\n--bd99--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=bd99"}
    return {"content": text.encode(), "headers": headers}


def _same_headers(answer: httpx.Response, call: Call) -> None:
    assert {name: answer.headers.get(name) for name in call.headers} == call.headers
    assert {name for name in answer.headers if TIMES.match(name)} == set(call.times)


def _same_body(answer: httpx.Response, recorded: Any) -> None:
    if isinstance(recorded, str):
        assert answer.text == recorded
    else:
        assert _shape(answer.json()) == _shape(recorded)


def _shape(value: Any) -> Any:
    """Objects as lists of pairs, so that the order of keys counts."""
    if isinstance(value, dict):
        return [
            (key, type(item).__name__ if key in OWN else _shape(item))
            for key, item in value.items()
        ]
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return value
