"""The local pool's built-in kind runs code and reports it as Azure does (docs/azure.md 6).

Every answer in here is also checked against the published specification.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_session_kernel.azure_api.outputs import ABORTED, TIMED_OUT, cut, json_value
from azure_session_kernel.emulator.kinds.interpreter.app import SessionOptions, create_app

from ..conftest import PoolOfKind
from .data_plane import DataPlane, data_plane

DRAW = """
import base64
from IPython.display import Image, display
display(Image(data=base64.b64decode({png!r}), format="png"))
"""
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and the rest").decode()


@pytest.fixture(scope="module")
def plane(pool_of_kind: PoolOfKind) -> Iterator[DataPlane]:
    """One session for the tests of this file."""
    with data_plane(pool_of_kind("interpreter"), "executions-0001") as plane:
        yield plane


def test_a_synchronous_execution_is_answered_when_it_is_over(plane: DataPlane) -> None:
    execution = plane.start("print(7*9)", {"operation-id": "my-operation"})
    assert execution["id"] == "my-operation"
    assert (execution["identifier"], execution["status"]) == ("executions-0001", "Succeeded")
    result = execution["result"]
    assert (result["stdout"], result["stderr"], result["executionResult"]) == ("63\n", "", "")
    assert result["executionTimeInMilliseconds"] >= 0


def test_variables_stay_until_the_next_execution(plane: DataPlane) -> None:
    plane.run("kept = 41")
    assert plane.run("kept + 1")["executionResult"] == 42


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1 + 1", 2),
        ("-3", -3),
        ("10**30", 1e30),
        ("0.5", 0.5),
        ("1e400", "inf"),
        ("float('nan')", "nan"),
        ("True", True),
        ("'it\\'s'", "it's"),
        ("'ü\\x1b'", "ü\x1b"),
        ("[1, 'a']", "[1, 'a']"),
        ("{'a': 1}", "{'a': 1}"),
        ("x = 5", ""),
        ("x = 5;", ""),
        ("a = None;a", None),
        ("print('')", ""),
    ],
)
def test_a_result_has_the_form_that_azure_gives_it(plane: DataPlane, code: str, value: Any) -> None:
    assert plane.run(code)["executionResult"] == value


def test_a_bare_none_is_empty_before_2025_10(plane: DataPlane) -> None:
    older = DataPlane(plane.client, plane.identifier, "2025-02-02-preview")
    assert older.run("None")["executionResult"] == ""


def test_the_last_image_takes_the_place_of_the_result(plane: DataPlane) -> None:
    image = {"type": "image", "format": "png", "base64_data": PNG}
    assert plane.run(DRAW.format(png=PNG))["executionResult"] == image
    assert plane.run(DRAW.format(png=PNG) + "1 + 1")["executionResult"] == 2
    html = "from IPython.display import HTML, display\ndisplay(HTML('<b>b</b>'))"
    assert plane.run(html)["executionResult"] == "", "other rich output is dropped"


def test_streams_are_cut_at_1023_characters_or_where_the_request_says(plane: DataPlane) -> None:
    code = "import sys\nprint('o' * 5000)\nprint('e' * 5000, file=sys.stderr)"
    default = plane.run(code)
    assert default["stdout"] == "o" * 1020 + "..."
    assert default["stderr"] == "e" * 1020 + "..."
    assert plane.run(code, outputStreamsMaxLength=10_000)["stdout"] == "o" * 5000 + "\n"
    assert plane.run(code, outputStreamsMaxLength=100)["stdout"] == "o" * 96 + "..."
    assert plane.run("print('o' * 1023)")["stdout"] == "o" * 1023 + "\n"


def test_an_exception_is_a_failed_execution_with_its_traceback_in_stderr(plane: DataPlane) -> None:
    result = plane.fail("print('before')\n1/0")
    assert result["stdout"] == "before\n"
    assert "ZeroDivisionError" in result["stderr"]
    assert "division by zero" in result["stderr"]
    assert plane.run("1")["executionResult"] == 1, "what comes next runs"


def test_input_is_not_to_be_had(plane: DataPlane) -> None:
    assert "StdinNotImplementedError" in plane.fail("input()")["stderr"]


def test_a_killed_kernel_is_an_aborted_execution_and_a_new_kernel(plane: DataPlane) -> None:
    plane.run("lost = 1")
    result = plane.fail("import os; os.kill(os.getpid(), 9)")
    assert (result["stdout"], result["stderr"]) == ("", ABORTED)
    assert "NameError" in plane.fail("lost")["stderr"]


def test_an_asynchronous_execution_is_accepted_and_asked_for_later(plane: DataPlane) -> None:
    gate = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\n"
    execution = plane.start(gate + "print('done')\n5", executionType="Asynchronous")
    assert execution["status"] in ("NotStarted", "Running")
    assert "result" not in execution
    path = f"/executions/{execution['id']}"
    while (status := plane.get(path).json()["status"]) != "Running":
        assert status == "NotStarted"
        time.sleep(0.01)
    plane.upload("go", b"")
    while (polled := plane.get(path).json())["status"] == "Running":
        time.sleep(0.01)
    assert polled["status"] == "Succeeded"
    assert polled["result"]["stdout"] == "done\n"
    assert polled["result"]["executionResult"] == 5


def test_a_synchronous_executions_result_can_be_asked_for_again(plane: DataPlane) -> None:
    first = plane.start("print('once')", {"operation-id": "again"})
    assert plane.get("/executions/again").json() == first


def test_an_unknown_execution_is_404(plane: DataPlane) -> None:
    answer = plane.get("/executions/unknown")
    assert answer.status_code == 404
    assert "No execution available for operation Id: unknown" in answer.json()["error"]["message"]


def test_operation_location_is_where_the_result_can_be_had(plane: DataPlane) -> None:
    body = {"code": "6*7"}
    answer = plane.call("POST", "/executions", json=body, headers={"operation-id": "a b/c"})
    assert answer.headers["operation-id"] == "a b/c"
    again = plane.client.get(answer.headers["operation-location"])
    assert again.json() == answer.json()


def test_synchronous_executions_run_one_at_a_time(plane: DataPlane) -> None:
    plane.run("import time\nlog = []")
    code = "log.append('in')\ntime.sleep(0.05)\nlog.append('out')"
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(plane.run, [code] * 3))
    assert plane.run("log")["executionResult"] == str(["in", "out"] * 3)


def test_files_are_served_while_a_synchronous_execution_runs(plane: DataPlane) -> None:
    code = (
        "import pathlib, time\npathlib.Path('begun.txt').write_text('yes')\n"
        "while not pathlib.Path('answer.txt').exists(): time.sleep(0.01)\n"
        "print(pathlib.Path('answer.txt').read_text())"
    )
    results: list[dict[str, Any]] = []
    running = threading.Thread(target=lambda: results.append(plane.run(code)))
    running.start()
    while plane.get("/files/begun.txt").status_code == 404:
        time.sleep(0.01)
    assert plane.get("/files/begun.txt/content").content == b"yes"
    assert plane.upload("answer.txt", b"42").status_code == 200
    running.join()
    assert results[0]["stdout"] == "42\n"


def test_an_empty_kernel_is_another_one(plane: DataPlane) -> None:
    plane.run("mine = 1")
    assert "NameError" in plane.fail("mine", useEmptyKernel=True)["stderr"]
    assert plane.run("mine")["executionResult"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"properties": {"code": "1"}}, "SessionPropertiesMissing"),
        ([], "SessionPropertiesMissing"),
        ({}, "SessionRequestValidationFailed"),
        ({"code": "1", "codeInputType": "File"}, "SessionRequestValidationFailed"),
        ({"code": "1", "executionType": "Later"}, "SessionRequestValidationFailed"),
        ({"code": "1", "timeoutInSeconds": -1}, "SessionRequestValidationFailed"),
        ({"code": "%", "codeInputType": "InlineBase64"}, "SessionRequestValidationFailed"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(plane: DataPlane, body: Any, code: str) -> None:
    answer = plane.call("POST", "/executions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_code_can_be_base64(plane: DataPlane) -> None:
    encoded = base64.b64encode("print('ü')".encode()).decode()
    assert plane.run(encoded, codeInputType="InlineBase64")["stdout"] == "ü\n"


async def test_what_takes_too_long_fails_and_is_not_interrupted(tmp_path: Path) -> None:
    """As GOPROXY: the next execution waits behind it (docs/azure.md 6.3)."""
    app = create_app(SessionOptions(tmp_path, limit_s=1))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://session", timeout=100) as client,
    ):
        code = (
            "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\n"
            "went_on = True"
        )
        late = await client.post("/executions", json={"code": code, "timeoutInSeconds": 600})
        assert (late.status_code, late.json()["status"]) == (200, "Failed")
        assert late.json()["result"]["stderr"] == TIMED_OUT
        (tmp_path / "go").touch()
        following = await client.post("/executions", json={"code": "went_on"})
        assert following.json()["result"]["executionResult"] is True


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("", 4, ""),
        ("abcd", 4, "abcd"),
        ("abcde", 4, "..."),
        ("abcdef", 5, "a..."),
        ("éééé", 7, "é..."),
    ],
)
def test_a_cut_stream_never_ends_within_a_character(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 2.0**63),
        ("1_000", "1_000"),
        ("'", "'"),
        ("'a' + 'b'", "a' + 'b"),
        ("+5", 5),
        ("1e999", "1e999"),
        ("0x10", "0x10"),
    ],
)
def test_a_results_text_is_taken_for_what_it_looks_like(text: str, value: Any) -> None:
    assert json_value(text) == value
    assert type(json_value(text)) is type(value)
