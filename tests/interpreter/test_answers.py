"""What a built-in pool may answer, and what is made of it; no pool is needed to know."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from azure_session_kernel.common.errors import PoolError, UnexpectedAnswer
from azure_session_kernel.executors.builtin.azure import LIMIT_S, VERSIONS, BuiltinPool, Execution
from azure_session_kernel.executors.builtin.code import carrying, installing, said
from azure_session_kernel.executors.builtin.delivery import MAX_CODE_CHARS
from azure_session_kernel.executors.builtin.failures import with_limit
from azure_session_kernel.executors.builtin.opening import open_interpreter
from azure_session_kernel.executors.builtin.plain_cells import plain_result
from azure_session_kernel.executors.plain import ended
from azure_session_kernel.interpreter.place import MARK, SAYS
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.wire import Message

from .live_session import FixedToken, cell

ENDPOINT = "https://eastus.dynamicsessions.io/subscriptions/s/resourceGroups/g/sessionPools/a-pool"

Respond = Callable[[httpx.Request], httpx.Response]


def _pool(respond: Respond) -> BuiltinPool:
    transport = httpx.MockTransport(respond)
    client = PoolClient(
        parse_endpoint(ENDPOINT), FixedToken("a-token"), "a-session", transport=transport
    )
    return BuiltinPool(client)


def _always(status: int, **body: Any) -> BuiltinPool:
    return _pool(lambda _: httpx.Response(status, **body))


async def test_every_recorded_shape_of_an_execution_is_read() -> None:
    flat = {"$id": "1", "id": "x", "status": "Succeeded", "result": {"$id": "2", "stdout": "a\n"}}
    wrapped = {"$id": "1", "properties": {"$id": "2", "status": "Success", "stdout": "a\n"}}
    wrapped["properties"] |= {"result": "", "stderr": ""}  # type: ignore[operator]
    for status, body in ((200, flat), (202, flat), (200, wrapped)):
        execution = await _always(status, json=body).execute("1")
        assert (execution.stdout, execution.succeeded) == ("a\n", True)


@pytest.mark.parametrize(
    ("body", "received"),
    [
        ({"content": b"<html>busy</html>"}, "is not JSON: <html>busy</html>"),
        ({"json": {"result": {"stdout": "x"}}}, '{"result":'),
        ({"json": ["a list"]}, "a list"),
    ],
)
async def test_an_answer_that_is_no_execution_is_named(body: Any, received: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"can't be read|is not JSON") as caught:
        await _always(200, **body).execute("1")
    assert received in str(caught.value)
    assert len(str(caught.value)) < 1000


async def test_the_newest_api_version_that_is_accepted_is_used() -> None:
    asked: list[tuple[str, str]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        version = request.url.params["api-version"]
        asked.append((request.url.path.rpartition("sessionPools/a-pool")[2], version))
        if version.startswith("2025"):
            error = {"code": "UnsupportedApiVersion", "message": "api-version not supported"}
            return httpx.Response(400, json={"error": error})
        assert json.loads(request.content)["codeInputType"] == "inline"
        assert request.headers["operation-id"]
        return httpx.Response(202, json={"status": "Succeeded", "result": {}})

    pool = _pool(respond)
    await pool.first_execution("1", 60)
    assert asked == [("/executions", version.name) for version in VERSIONS[:3]]
    assert pool.version is VERSIONS[2]


async def test_a_pool_that_speaks_no_known_version_is_named() -> None:
    error = {"error": {"code": "SessionPropertiesMissing", "message": "shellCommand is needed"}}
    with pytest.raises(UnexpectedAnswer, match="none of the api-versions") as caught:
        await open_interpreter(_always(400, json=error), "r", {})
    assert "shellCommand is needed" in caught.value.what
    assert all(version.name in caught.value.cause for version in VERSIONS)


async def test_a_refused_token_is_not_taken_for_a_refused_version() -> None:
    with pytest.raises(PoolError) as caught:
        await _always(403, text="Unauthenticated").first_execution("1", 60)
    assert caught.value.status == 403


async def test_a_session_that_is_busy_is_waited_for() -> None:
    said = "Request timed out waiting for code execution to complete"
    body = {"status": "Failed", "result": {"stdout": "", "stderr": said}}
    with pytest.raises(PoolError, match="busy with an earlier cell") as caught:
        await open_interpreter(_always(200, json=body), "r", {})
    assert type(caught.value).__name__ == "PoolUnavailable"


def _failed(stderr: str = "", **more: Any) -> Execution:
    return Execution("failed", more.get("stdout", ""), stderr, None, more.get("error", ""))


def _error_of(execution: Execution) -> dict[str, Any]:
    messages = ended(cell("1"), plain_result(execution), 1)
    (error,) = [m.content for m in messages if m.msg_type == "error"]
    return dict(error)


def test_a_failure_without_a_reason_says_what_was_received() -> None:
    error = _error_of(_failed())
    assert error["ename"] == "UnexpectedAnswer"
    assert "gives no reason" in error["evalue"]
    assert "failed" in "\n".join(error["traceback"])


def test_a_cell_over_the_pools_limit_is_named_with_the_limit() -> None:
    error = _error_of(_failed("Request timed out waiting for code execution to complete"))
    assert f"{LIMIT_S} s" in error["evalue"]


def test_a_broken_image_is_named() -> None:
    image = {"type": "image", "format": "png", "base64_data": "!!not base64!!"}
    error = _error_of(Execution("succeeded", "", "", image, ""))
    assert "!!not base64!!" in error["evalue"]


@pytest.mark.parametrize(
    ("result", "shown"),
    [(2, "2"), (True, "True"), ("", ""), (None, ""), ("nan", "nan"), ([1], "[1]"), (0.5, "0.5")],
)
def test_a_result_of_any_json_type_is_shown(result: Any, shown: str) -> None:
    assert plain_result(Execution("succeeded", "", "", result, "")).result == shown


def test_an_execution_does_nothing_where_our_modules_are_not() -> None:
    code = carrying({"do": "messages", "messages": [{"content": "\n'''"}]})
    assert code.startswith(MARK)
    assert "\n" not in code
    compile(code, "cell", "exec")


def test_code_that_is_sent_in_an_execution_is_no_longer_than_what_the_pool_has_taken() -> None:
    setup = installing({"do": "setup", "boot": "b", "reader": "r", "env": {}})
    assert len(setup) > MAX_CODE_CHARS


def test_an_answer_is_found_among_other_output_and_may_be_cut() -> None:
    assert said(f'noise\n{SAYS}{{"chunk": 3}}\n') == {"chunk": 3}
    assert said(f"{SAYS}not installed\n") == {"missing": True}
    assert said("noise\n") is None


def test_a_cell_that_the_pool_interrupted_at_its_limit_says_so() -> None:
    content = {"ename": "KeyboardInterrupt", "evalue": "", "traceback": ["KeyboardInterrupt"]}
    error = Message("iopub", {"msg_id": "m", "msg_type": "error"}, content)
    told = with_limit(error, LIMIT_S + 1)
    assert f"{LIMIT_S} s" in "\n".join(told.content["traceback"])
    assert with_limit(error, 20) is error
