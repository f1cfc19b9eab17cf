"""``POST /python/execute``, as clients of one-shot containers call it."""

from __future__ import annotations

from typing import Any

import pytest

from .adapter_process import Kernel


def run(kernel: Kernel, code: str, **fields: Any) -> dict[str, Any]:
    answer = kernel.adapter.client.post(
        "/python/execute", json={"properties": {"code": code, **fields}}
    )
    assert answer.status_code == 200, answer.text
    properties: dict[str, Any] = answer.json()["properties"]
    return properties


def test_it_answers_what_one_shot_containers_answer(kernel: Kernel) -> None:
    properties = run(kernel, "import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert properties.pop("executionTimeInMilliseconds") >= 0
    assert properties == {
        "status": "Success",
        "stdout": "out\n",
        "stderr": "err\n",
        "exitCode": 0,
        "returnCode": 0,
        "executionResult": "",
    }


def test_standard_input_feeds_input(kernel: Kernel) -> None:
    code = "name = input('Name? ')\nage = int(input())\nprint(name, age + 1)"
    assert run(kernel, code, stdin="Ada\n36\n")["stdout"] == "Name? Ada 37\n"


def test_at_its_end_input_raises_eoferror(kernel: Kernel) -> None:
    properties = run(kernel, "print(input())\ninput()", stdin="only line")
    assert (properties["status"], properties["exitCode"]) == ("Failed", 1)
    assert properties["stdout"] == "only line\n"
    assert "EOFError" in properties["stderr"]


def test_an_exception_is_a_traceback_without_colours(kernel: Kernel) -> None:
    properties = run(kernel, "1/0")
    assert (properties["status"], properties["exitCode"]) == ("Failed", 1)
    assert "ZeroDivisionError: division by zero" in properties["stderr"]
    assert "\x1b" not in properties["stderr"]


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("sys.exit()", 0), ("sys.exit(0)", 0), ("sys.exit(3)", 3), ("sys.exit('no')", 1)],
)
def test_an_exit_gives_its_code(kernel: Kernel, code: str, exit_code: int) -> None:
    properties = run(kernel, f"import sys\n{code}")
    assert properties["exitCode"] == properties["returnCode"] == exit_code
    assert properties["status"] == ("Failed" if exit_code else "Success")


def test_a_dead_interpreter_is_a_failure_that_says_why(kernel: Kernel) -> None:
    properties = run(kernel, "import os; os.kill(os.getpid(), 9)")
    assert (properties["status"], properties["exitCode"]) == ("Failed", 1)
    assert "SIGKILL" in properties["stderr"]


def test_what_takes_too_long_is_408_as_in_the_sample(kernel: Kernel) -> None:
    body = {"code": "import time; time.sleep(600)", "timeoutInSeconds": 0.2}
    answer = kernel.adapter.client.post("/python/execute", json=body)
    assert answer.status_code == 408
    assert answer.json()["properties"]["stderr"] == "Execution timed out"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "No JSON data provided"),
        (b"code", "No JSON data provided"),
        (b"[1]", "No JSON data provided"),
        (b'{"properties": {}}', "No code or command provided"),
        (b'{"code": 1}', "No code or command provided"),
        (b'{"code": "1", "language": "ruby"}', "Unsupported language: ruby"),
        (b'{"code": "1", "stdin": 5}', "stdin must be text"),
        (b'{"code": "1", "timeoutInSeconds": "x"}', "timeoutInSeconds must be a positive number"),
    ],
)
def test_a_body_that_makes_no_sense_is_400(kernel: Kernel, content: bytes, said: str) -> None:
    answer = kernel.adapter.client.post("/python/execute", content=content)
    assert (answer.status_code, answer.json()) == (400, {"error": said})
