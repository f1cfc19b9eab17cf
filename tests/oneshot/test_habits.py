"""What other people's programs answer, and what a notebook shows of it; no network.

``tests/kinds/test_habits.py`` runs cells on pools that have these habits.
"""

from __future__ import annotations

import html
import json
from typing import Any

import pytest

from azure_session_kernel.common.errors import ExecutionUnknown, PoolError, PoolUnavailable
from azure_session_kernel.common.errors import UnexpectedAnswer as Refused
from azure_session_kernel.executors.oneshot.answer import Ran, read_answer, said_in
from azure_session_kernel.executors.oneshot.api import Api, fields_wanted, next_shape
from azure_session_kernel.executors.oneshot.cannot import Watched, watch
from azure_session_kernel.executors.oneshot.code import SentCode, show_last_value
from azure_session_kernel.executors.oneshot.outcome import outcome, without_ours
from azure_session_kernel.executors.oneshot.refusals import ran_after_all, told
from azure_session_kernel.executors.plain import PlainResult

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "main.py", line 1, in <module>\n'
    "    1/0\n"
    "ZeroDivisionError: division by zero"
)
NO_CODE = {
    "type": "missing",
    "loc": ["body", "code"],
    "msg": "Field required",
    "input": "(lambda v",
}


def _shown(answer: Any, sent: SentCode | None = None) -> PlainResult:
    ran = answer if isinstance(answer, Ran) else read_answer(answer)
    return outcome(ran, sent or SentCode("1/0"), Watched("1/0"), "1/0", keeps=False)


def _error(result: PlainResult) -> tuple[str, str]:
    assert result.failure is not None
    content = result.failure.as_content()
    return content["ename"], content["evalue"]


def _failure(status: int, body: Any) -> PoolError:
    error: PoolError = (PoolUnavailable if status >= 500 else Refused)(f"answered with {status}")
    error.status, error.whole = status, body if isinstance(body, str) else json.dumps(body)
    return error


# -- one text, lines, words -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"output": f"before\n{TRACEBACK}\n"},
        {"output": f"before\n{TRACEBACK}", "exit_code": 1},
        {"output": ["before", *TRACEBACK.split("\n")]},
        {"stdout": f"before\n{TRACEBACK}\n"},
        {"stdout": f"before\n{TRACEBACK}\n", "stderr": "", "exitCode": 1},
        {"success": False, "output": f"before\n{TRACEBACK}", "error": ""},
        {"stdout": ["before"], "stderr": TRACEBACK.split("\n")},
        {"stdout": "before\n", "error": f"Execution failed: {TRACEBACK}"},
        {"output": "before\n", "error": {"type": "x", "traceback": TRACEBACK.split("\n")}},
    ],
    ids=str,
)
def test_a_traceback_at_the_end_of_a_text_is_the_cells_error(answer: dict[str, Any]) -> None:
    result = _shown(answer)
    assert _error(result) == ("ZeroDivisionError", "division by zero")
    assert (result.stdout, result.stderr) == ("before\n", "")


@pytest.mark.parametrize(
    "answer",
    [
        {"output": TRACEBACK, "exit_code": 0},
        {"stdout": TRACEBACK, "stderr": ""},
        {"success": True, "output": TRACEBACK},
        {"stdout": "a", "stderr": "Connection timed out\n"},
        {"stdout": "a", "stderr": "Execution timed out\nbut not this one"},
    ],
    ids=str,
)
def test_what_a_cell_that_ended_well_has_printed_is_no_error(answer: dict[str, Any]) -> None:
    assert _shown(answer).failure is None


def test_a_cell_whose_last_value_is_there_has_reached_its_end() -> None:
    sent = show_last_value("traceback.print_exc()\n7")
    result = _shown({"output": f"{sent.mark}7{sent.mark}\n{TRACEBACK}\n"}, sent)
    assert (result.result, result.failure) == ("7", None)
    assert result.stdout == f"{TRACEBACK}\n"


def test_a_cell_with_one_text_is_told_to_say_that_it_came_to_its_end() -> None:
    watched = watch("traceback.print_exc()", ends=True)
    assert watched.text.startswith("traceback.print_exc()\n")
    for printed in (f"{TRACEBACK}\n{watched.end}", f"{watched.end}{TRACEBACK}\n"):
        ran = read_answer({"output": printed})
        result = outcome(ran, SentCode(""), watched, "", keeps=False)
        assert (result.stdout.strip(), result.failure) == (TRACEBACK, None)
    ran = read_answer({"output": f"{TRACEBACK}\nand a second line of it\n"})
    result = outcome(ran, SentCode(""), watched, "", keeps=False)
    assert _error(result) == ("ZeroDivisionError", "division by zero\nand a second line of it")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["a", "b"], "a\nb\n"),
        (["a", "", "b", ""], "a\n\nb\n"),
        (["a\n", "b\n"], "a\nb\n"),
        (["a\n", "b"], "a\nb"),
        ([""], ""),
        ([], ""),
    ],
)
def test_lines_are_joined_with_their_ends(lines: list[str], text: str) -> None:
    assert read_answer({"stdout": lines, "stderr": []}).stdout == text


def test_lists_of_lines_keep_what_marks_the_last_value() -> None:
    """``str.splitlines`` and ``str.strip`` do away with more characters than ends of lines."""
    sent = show_last_value("5")
    printed = f"\n{sent.mark}5{sent.mark}\n"
    assert _shown({"stdout": printed.splitlines(), "stderr": []}, sent).result == "5"
    assert _shown({"output": printed.strip()}, sent).result == "5"


@pytest.mark.parametrize(
    "answer",
    [
        {"stdout": "", "stderr": "Execution timed out after 30 seconds"},
        {"stdout": "", "stderr": "warned\nError: time limit exceeded\n"},
        {"stdout": "", "stderr": "Command '['python', '-c', '1\n2']' timed out after 5 seconds"},
        {"stdout": "", "stderr": "Timeout", "exit_code": 124},
        {"stdout": "", "stderr": "Script execution timeout", "exitCode": -9},
        {"output": "Execution timed out"},
        {"error": "Code execution timed out"},
    ],
    ids=str,
)
def test_a_time_out_that_only_words_tell_of_is_one(answer: dict[str, Any]) -> None:
    assert _error(_shown(answer))[0] == "RunTimedOut"


# -- refusals that are none -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 422, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        TRACEBACK,
        {"error": {"message": TRACEBACK}},
        {"error": {"code": "ExecutionFailed", "message": f"Command failed: {TRACEBACK}"}},
        {"detail": TRACEBACK},
        {"detail": {"stdout": "", "stderr": TRACEBACK, "returncode": 1}},
        {"code": 400, "message": "no", "errors": [{"traceback": [TRACEBACK]}]},
        {"detail": json.dumps({"error": TRACEBACK})},
        f"<html><pre>{html.escape(TRACEBACK)}</pre></html>".replace("</pre></html>", ""),
    ],
    ids=str,
)
def test_a_body_with_a_traceback_is_the_cells_own_error(status: int, body: Any) -> None:
    ran = ran_after_all(_failure(status, body))
    assert ran is not None
    result = _shown(ran)
    assert _error(result) == ("ZeroDivisionError", "division by zero")
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "division by zero"}),
        (400, {"error": "name is required"}),
        (400, {"code": 400, "message": "failed"}),
        (422, {"detail": "division by zero"}),
        (500, {"detail": "Internal Server Error"}),
        (400, ""),
    ],
)
def test_what_may_have_run_is_not_said_not_to_have(status: int, body: Any) -> None:
    failure = _failure(status, body)
    assert ran_after_all(failure) is None
    error = told(failure)
    assert isinstance(error, ExecutionUnknown)
    assert "not known whether this cell has run" in error.what


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (422, {"detail": [NO_CODE]}, "`body.code` is required"),
        (400, {"message": "files is required as an array"}, "files is required"),
        (400, {"error": "No code or command provided"}, "No code"),
        (413, "", "no reason given"),
        # What was sent is not what has run.
        (422, {"detail": [{**NO_CODE, "input": {"code": TRACEBACK}}]}, "`body.code`"),
    ],
)
def test_what_was_refused_before_it_ran_says_so(status: int, body: Any, said: str) -> None:
    failure = _failure(status, body)
    assert ran_after_all(failure) is None
    error = told(failure)
    assert "It has not run." in error.what
    assert said in error.what
    assert "lambda" not in str(error)


def test_a_time_out_in_the_words_of_a_refusal_is_one() -> None:
    ran = ran_after_all(_failure(400, {"error": "Execution timed out after 5 s"}))
    assert ran is not None
    assert _error(_shown(ran))[0] == "RunTimedOut"


# -- what is ours ---------------------------------------------------------------------------------

CODE = "import matplotlib\nx = {'a': \"b\\n\"}\nf(x)[\n  'é']"


@pytest.mark.parametrize(
    "quoted",
    [
        str,
        repr,
        json.dumps,
        html.escape,
        lambda text: json.dumps({"detail": repr(text)}),
        lambda text: json.dumps(text).replace("'", "\\u0027").replace("+", "\\u002B"),
        lambda text: f"Traceback:\n    {text}\n    ^^^^\n",
    ],
)
def test_a_text_that_echoes_a_cell_shows_the_users_code_only(quoted: Any) -> None:
    sent = show_last_value(CODE)
    watched = watch(sent.text, ends=True)
    text = sent.unwrapped(watched.unwatched(quoted(watched.text)))
    assert text.replace("\\n", "\n").rstrip("\n'\"}").replace("\\n", "\n") == (
        quoted(CODE + "\n\n").replace("\\n", "\n").rstrip("\n'\"}").replace("\\n", "\n")
    )


@pytest.mark.parametrize("kept", [15, 30, 47, 60, 90, 110])
@pytest.mark.parametrize("cut", ["…", "...", ""])
def test_nor_does_one_that_was_cut(kept: int, cut: str) -> None:
    sent = show_last_value("1/0")
    assert sent.unwrapped(f"input: {sent.text[:kept]}{cut}").startswith("input: ")
    text = sent.unwrapped(f"input: {sent.text[:kept]}{cut}")
    assert "lambda" not in text
    assert "repr(v)" not in text


def test_nor_does_one_that_was_cut_in_its_middle() -> None:
    """As Pydantic writes a value."""
    sent = show_last_value("1/0")
    value = repr({"properties": {"code": sent.text}})
    text = sent.unwrapped(f"input_value={value[:28]}...{value[-24:]}")
    assert text.endswith("...1/0'}}")


def test_a_lambda_of_the_users_own_is_left_alone() -> None:
    sent = show_last_value("(lambda v: None if v else 1)(0)")
    text = f"in (lambda v: None if v else 1)(0), {sent.text}"
    users = "(lambda v: None if v else 1)(0)"
    assert sent.unwrapped(text) == f"in {users}, {users}"


def test_every_text_of_a_result_is_cleaned() -> None:
    sent = show_last_value("1/0")
    refused = Refused(sent.text, cause=sent.text, fix=sent.text)
    result = without_ours(PlainResult(sent.text, sent.text, sent.text, (), refused), sent.unwrapped)
    texts = (result.stdout, result.stderr, result.result, refused.what, refused.cause, refused.fix)
    assert set(texts) == {"1/0"}


# -- shapes of requests ---------------------------------------------------------------------------


def test_fields_that_are_wanted_or_not_are_tried_until_nothing_new_is_said() -> None:
    extra = {"type": "extra_forbidden", "loc": ["body", "stdin"], "msg": "not permitted"}
    language = {"type": "value_error.missing", "loc": ["body", "language"], "msg": "field required"}
    first = next_shape(Api("/run"), _failure(422, {"detail": [NO_CODE]}))
    assert first == Api("/run", fields=("code", "stdin"))
    second = next_shape(first, _failure(422, {"detail": [extra, language]}))
    assert second == Api("/run", fields=("code", "language"))
    assert second.body("1", "in") == {"code": "1", "language": "python"}
    assert next_shape(second, _failure(422, {"detail": [NO_CODE]})) is None
    assert next_shape(Api("/run"), _failure(404, "")) is None


@pytest.mark.parametrize("detail", [[NO_CODE], [{**NO_CODE, "type": "value_error.missing"}]])
def test_a_refusal_names_the_fields_and_not_what_was_sent(detail: Any) -> None:
    error = fields_wanted("/python/execute", _failure(422, {"detail": detail}))
    assert error is not None
    assert (
        error.what
        == "The container's `/python/execute` wants other fields: `body.code` is required."
    )
    assert "AZURE_SESSION_EXECUTE_PATH" in error.fix


@pytest.mark.parametrize(
    "detail", [3, [], [3], [{"loc": 3}], [{"loc": []}], [{"loc": [{}] * 99, "msg": "x" * 9999}]]
)
def test_a_list_of_any_shape_is_read(detail: Any) -> None:
    assert len(said_in({"detail": detail})) < 1000
