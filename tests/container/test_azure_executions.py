"""Azure's own execution routes over the interpreter of the running boot."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_session_kernel.azure_api.executions import REMEMBERED
from azure_session_kernel.azure_api.outputs import ABORTED, MAX_STREAM_BYTES, TIMED_OUT
from azure_session_kernel.azure_api.versions import FLAT

from ..azure_facts import specification
from .adapter_process import AdapterProcess, Kernel, execute_request, stdout

UNDER_WAY = ("NotStarted", "Running")
#: Runs until the test says so.
WAIT = """
import pathlib, time
pathlib.Path({began!r}).touch()
while not pathlib.Path({go!r}).exists():
    time.sleep(0.01)
"""


def execute(adapter: AdapterProcess, code: str, **fields: Any) -> dict[str, Any]:
    """The execution, as the flat routes show it."""
    answer = adapter.client.post("/executions", json={"code": code, **fields})
    assert answer.status_code in (200, 202), answer.text
    execution: dict[str, Any] = answer.json()
    return execution


def until(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


@pytest.fixture
def waiting(kernel: Kernel, tmp_path: Path) -> tuple[str, Path, Path]:
    """Code that waits, the file that it writes when it has begun, and the one it waits for."""
    began, go = tmp_path / "began", tmp_path / "go"
    return WAIT.format(began=str(began), go=str(go)), began, go


def test_it_shares_the_namespace_of_the_notebook(kernel: Kernel) -> None:
    kernel.run("shared = 1")
    execution = execute(kernel.adapter, "shared += 1\nshared")
    assert execution["result"]["executionResult"] == 2
    assert kernel.run("print(shared)") == "2\n"


def test_its_messages_are_not_in_the_log(kernel: Kernel, waiting: tuple[str, Path, Path]) -> None:
    code, began, go = waiting
    threaded = f"""
import pathlib, threading
def late():
    exec({code!r})
    print("foreign")
    pathlib.Path({str(go.with_name("over"))!r}).touch()
print("foreign"); display("foreign")
threading.Thread(target=late).start()
1/0
"""
    assert execute(kernel.adapter, threaded)["result"]["stdout"] == "foreign\n"
    until(began)
    go.touch()
    until(go.with_name("over"))
    request = execute_request("print('mine')")
    kernel.send(request)
    messages = kernel.finish(request)
    assert {message.parent_id for message in messages} == {request.msg_id}
    assert stdout(messages) == "mine\n"


def test_it_waits_for_the_cell_that_runs(kernel: Kernel, waiting: tuple[str, Path, Path]) -> None:
    code, began, go = waiting
    cell = execute_request(f"order = []\n{code}\norder.append('cell')")
    kernel.send(cell)
    until(began)
    with ThreadPoolExecutor(1) as threads:
        execution = threads.submit(execute, kernel.adapter, "order.append('azure')\norder")
        assert not execution.done()
        go.touch()
        kernel.finish(cell)
        assert execution.result()["result"]["executionResult"] == "['cell', 'azure']"


def test_its_failing_does_not_abort_the_cells_behind_it(
    kernel: Kernel, waiting: tuple[str, Path, Path]
) -> None:
    code, began, go = waiting
    with ThreadPoolExecutor(1) as threads:
        execution: Future[dict[str, Any]] = threads.submit(execute, kernel.adapter, f"{code}\n1/0")
        until(began)
        cell = execute_request("print('ran')", stop_on_error=True)
        kernel.send(cell)
        go.touch()
        assert stdout(kernel.finish(cell)) == "ran\n"
        assert execution.result()["status"] == "Failed"


def test_what_takes_too_long_is_interrupted(kernel: Kernel) -> None:
    execution = execute(kernel.adapter, "import time; time.sleep(600)", timeoutInSeconds=1)
    assert (execution["status"], execution["result"]["stderr"]) == ("Failed", TIMED_OUT)
    assert kernel.run("print('free')") == "free\n"


def test_an_asynchronous_one_is_asked_for_later(
    kernel: Kernel, waiting: tuple[str, Path, Path]
) -> None:
    code, began, go = waiting
    started = execute(kernel.adapter, f"{code}\n5", executionType="Asynchronous")
    assert started["status"] in UNDER_WAY
    until(began)
    go.touch()
    path = f"/executions/{started['id']}"
    while (polled := kernel.adapter.client.get(path).json())["status"] in UNDER_WAY:
        time.sleep(0.01)
    assert (polled["status"], polled["result"]["executionResult"]) == ("Succeeded", 5)


def test_those_that_are_not_over_are_bounded(
    kernel: Kernel, waiting: tuple[str, Path, Path]
) -> None:
    """Each is kept with its code until it has run."""
    code, began, go = waiting
    begun = [execute(kernel.adapter, code, executionType="Asynchronous") for _ in range(REMEMBERED)]
    until(began)
    refused = kernel.adapter.client.post("/executions", json={"code": "1"})
    assert refused.status_code == 429
    assert f"{REMEMBERED} executions" in refused.json()["error"]["message"]
    go.touch()
    for one in begun:
        path = f"/executions/{one['id']}"
        while (polled := kernel.adapter.client.get(path).json())["status"] in UNDER_WAY:
            time.sleep(0.01)
        assert polled["status"] == "Succeeded"
    assert execute(kernel.adapter, "1 + 1")["result"]["executionResult"] == 2


def test_large_results_are_forgotten_oldest_first(kernel: Kernel) -> None:
    picture = "display({{'image/png': 'A' * {}_000_000}}, raw=True)"
    codes = (picture.format(16), "5", picture.format(18), picture.format(30))
    ran = [execute(kernel.adapter, code) for code in codes[:3]]
    answers = [kernel.adapter.client.get(f"/executions/{one['id']}") for one in ran]
    assert [answer.status_code for answer in answers] == [404, 200, 200]
    assert answers[0].json()["error"]["code"] == "SessionExecutionNotFound"
    assert answers[2].json() == ran[2]
    ran.append(execute(kernel.adapter, codes[3]))
    answers = [kernel.adapter.client.get(f"/executions/{one['id']}") for one in ran]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 200]


def test_what_is_printed_is_cut_and_shows_it(kernel: Kernel) -> None:
    execution = execute(kernel.adapter, f"print('o' * {3 * MAX_STREAM_BYTES})")
    assert execution["result"]["stdout"] == "o" * (MAX_STREAM_BYTES - 4) + "..."


def test_a_dead_interpreter_is_an_aborted_execution_that_says_why(kernel: Kernel) -> None:
    execution = execute(kernel.adapter, "import os; os.kill(os.getpid(), 9)")
    assert execution["status"] == "Failed"
    assert execution["result"]["stderr"].startswith(ABORTED)
    assert "SIGKILL" in execution["result"]["stderr"]
    assert kernel.ended().reason == "killed", "the notebook's kernel sees its loss as ever"
    kernel.hello()
    assert execute(kernel.adapter, "1 + 1")["result"]["executionResult"] == 2


def test_an_empty_kernel_can_not_be_had(kernel: Kernel) -> None:
    body = {"code": "1", "useEmptyKernel": True}
    answer = kernel.adapter.client.post("/executions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "SessionRequestNotSupported"


def test_input_is_not_to_be_had(kernel: Kernel) -> None:
    assert "StdinNotImplementedError" in execute(kernel.adapter, "input()")["result"]["stderr"]


def test_output_is_cut_only_where_the_request_says(kernel: Kernel) -> None:
    assert execute(kernel.adapter, "print('o' * 99999)")["result"]["stdout"] == "o" * 99999 + "\n"
    cut = execute(kernel.adapter, "print('o' * 99999)", outputStreamsMaxLength=10)
    assert cut["result"]["stdout"] == "o" * 6 + "..."


@pytest.mark.parametrize("version", FLAT)
def test_its_answers_are_as_published(kernel: Kernel, version: str) -> None:
    published, client = specification(version), kernel.adapter.client
    query = {"identifier": "some-identifier", "api-version": version}

    def call(method: str, path: str, **options: Any) -> httpx.Response:
        answer = client.request(method, path, params=query, **options)
        published.check(answer, path)
        return answer

    ran = call("POST", "/executions", json={"code": "1/0"}, headers={"operation-id": "mine"})
    assert (ran.json()["id"], ran.json()["identifier"]) == ("mine", "some-identifier")
    assert call("GET", "/executions/mine").json() == ran.json()
    assert call("GET", "/executions/other").status_code == 404
    assert call("POST", "/executions", json={"properties": {}}).status_code == 400
    call("POST", "/files", files={"file": ("published.txt", b"x")})
    call("GET", "/files")
    call("GET", "/files/published.txt/content")
    assert call("DELETE", "/files/published.txt").status_code == 204


def test_the_older_routes_have_the_older_shapes(kernel: Kernel) -> None:
    client, query = kernel.adapter.client, {"api-version": "2024-02-02-preview"}
    body = {"properties": {"code": "print('hello world')\n1 + 1", "codeInputType": "inline"}}
    properties = client.post("/code/execute", params=query, json=body).json()["properties"]
    assert (properties["status"], properties["result"]) == ("Success", 2)
    sent = client.post("/files/upload", params=query, files={"file": ("older.txt", b"abc")})
    assert sent.json()["value"][0]["properties"]["filename"] == "older.txt"
    listed = client.get("/files", params=query).json()["value"]
    assert ("older.txt", 3) in [
        (f["properties"]["filename"], f["properties"]["size"]) for f in listed
    ]
    assert client.get("/files/content/older.txt", params=query).content == b"abc"
    assert client.get("/files/older.txt", params=query).json()["properties"]["size"] == 3


def test_a_pool_may_keep_the_query_to_itself(kernel: Kernel) -> None:
    client = kernel.adapter.client
    client.post("/files/upload", files={"file": ("queryless.txt", b"abc")})
    assert client.get("/files/content/queryless.txt").content == b"abc"
    answer = client.post("/code/execute", json={"properties": {"code": "6*7"}})
    assert answer.json()["properties"]["result"] == 42
