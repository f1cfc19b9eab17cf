"""The local pool's built-in kind answers as real built-in pools were recorded to answer.

Compared are status, content type, and the body: its keys, their order, and the values that the
request decides. Not compared: what differs from run to run (times, dates, ids).
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from azure_session_kernel.localpool.kinds import Builtin, interpreter

from ..azure_material import material
from .conftest import RunFront

#: Recorded values that each run has its own of.
OWN = {"id", "executionTimeInMilliseconds", "lastModifiedTime", "lastModifiedAt"}
#: Recorded on executions; how long each took is our own.
TIMES = re.compile(r"x-ms-(?!session-guid)")


@pytest.mark.parametrize(
    ("recording", "container_type"),
    [
        ("code-interpreter-python", "PythonLTS"),
        ("code-interpreter-nodelts", "NodeLTS"),
        ("code-interpreter-python-2024-10-02-preview", "PythonLTS"),
    ],
)
async def test_the_recorded_calls_are_answered_as_recorded(
    run_front: RunFront, recording: str, container_type: str
) -> None:
    exchanges = material(f"recordings/{recording}.json")["exchanges"]
    path, _, _ = exchanges[0]["request"]["path"].partition("/sessionPools/")
    name = exchanges[0]["request"]["path"].removeprefix(f"{path}/sessionPools/").split("/")[0]
    name = name.replace("{pool}", "recorded")
    kind = interpreter(Builtin(container_type))
    async with run_front(kind=kind, name=name) as front:
        endpoint = front.pool.options.path
        for exchange in exchanges:
            request, expected = exchange["request"], exchange["response"]
            call = request["path"].partition("/sessionPools/")[2].partition("/")[2]
            body = _body(request)
            answer = await front.client.request(
                request["method"], f"{endpoint}/{call}", params=request["query"], **body
            )
            assert answer.status_code == expected["status"], answer.text
            _same_headers(answer, expected["headers"])
            _same_body(answer, expected["body"])


def _body(request: dict[str, Any]) -> dict[str, Any]:
    body = request.get("body", {})
    if "multipart" in body:
        file = body["multipart"]["file"]
        return {"files": {"file": (file["filename"], file["content"].encode())}}
    if "text" in body:
        return {"content": body["text"].encode(), "headers": request["headers"]}
    return {"json": body["json"]} if "json" in body else {}


def _same_headers(answer: httpx.Response, recorded: dict[str, str]) -> None:
    for name in ("content-type", "server", "x-powered-by"):
        if name in recorded:
            assert answer.headers.get(name) == recorded[name]
    expected = {name for name in recorded if TIMES.match(name)}
    assert {name for name in answer.headers if TIMES.match(name)} == expected
    if recorded.get("x-ms-session-guid") == "nodelts":
        assert answer.headers["x-ms-session-guid"] == "nodelts"


def _same_body(answer: httpx.Response, recorded: dict[str, Any]) -> None:
    if "text" in recorded:
        assert answer.text == recorded["text"]
    else:
        assert _shape(answer.json()) == _shape(recorded["json"])


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
