"""What one-shot pools answer, and what a notebook shows of it; no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.common.errors import (
    ExecutionUnknown,
    NonZeroExit,
    PoolUnavailable,
    UnexpectedAnswer,
)
from azure_session_kernel.executors.oneshot.answer import Ran, read_answer
from azure_session_kernel.executors.oneshot.api import NoPython, piston_version
from azure_session_kernel.executors.oneshot.cannot import Watched
from azure_session_kernel.executors.oneshot.code import SentCode, show_last_value
from azure_session_kernel.executors.oneshot.input import Reads, reads_input
from azure_session_kernel.executors.oneshot.outcome import outcome
from azure_session_kernel.executors.oneshot.probe import read_probe
from azure_session_kernel.executors.oneshot.refusals import ran_after_all, told
from azure_session_kernel.executors.oneshot.traceback import split_traceback


@pytest.mark.parametrize(
    ("value", "ok", "stdout"),
    [
        ({"properties": {"status": "Success", "stdout": "a", "exitCode": 1}}, True, "a"),
        ({"properties": {"status": "Failed", "stdout": "a", "exitCode": 0}}, False, "a"),
        ({"properties": {"stdout": "a", "stderr": "", "returnCode": 0}}, True, "a"),
        ({"stdout": "a", "stderr": ""}, None, "a"),
        ({"run": {"stdout": "a", "code": 0, "signal": None, "status": None}}, True, "a"),
        ({"run": {"stdout": "a", "code": None, "signal": "SIGKILL", "status": "TO"}}, False, "a"),
        ({"run": {"stdout": "a"}, "compile": {"stdout": "c", "code": 1}}, False, "c"),
        ({"status": "Succeeded", "result": {"stdout": "a", "executionResult": 2}}, True, "a"),
        ({"status": "0", "stdout": "a"}, True, "a"),
        ({"error": {"code": "X", "message": "no"}}, False, ""),
        ({"error": "no"}, False, ""),
        ({"output": "a"}, None, "a"),
        ({"run": {"stdout": "a", "stderr": "b", "output": "ab", "code": 0}}, True, "a"),
    ],
)
def test_every_shape_seen_in_the_field_is_read(
    value: dict[str, Any], ok: bool | None, stdout: str
) -> None:
    ran = read_answer(value)
    assert (ran.ok, ran.stdout) == (ok, stdout)


@pytest.mark.parametrize(
    "value",
    [None, 7, "text", [], {}, {"properties": {}}, {"stdout": 3}, {"a": "b" * 100_000}],
    ids=str,
)
def test_any_other_shape_is_a_named_error_with_a_bounded_part_of_it(value: object) -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        read_answer(value)
    assert len(caught.value.what) < 600
    assert "properties" in caught.value.fix


def test_a_token_that_a_container_echoes_is_not_shown() -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        read_answer({"headers": {"authorization": "Bearer abc.def-ghi"}})
    assert "abc.def" not in str(caught.value)


@pytest.mark.parametrize(
    ("ran", "ename"),
    [
        (Ran(ok=False), "RunFailed"),
        (Ran(ok=False, exit_code=3), "NonZeroExit"),
        (Ran(ok=False, exit_code=3, said="Exited with error status 3"), "NonZeroExit"),
        (Ran(ok=False, signal="SIGSEGV"), "Killed"),
        (read_answer({"properties": {"returnCode": -9}}), "Killed"),
        (read_answer({"properties": {"status": "Failed", "returnCode": -11}}), "Killed"),
        (read_answer({"properties": {"returnCode": -1}}), "NonZeroExit"),
        (Ran(ok=False, limit="time"), "RunTimedOut"),
        (Ran(ok=False, limit="stderr"), "OutputTooLong"),
        (Ran(ok=False, said="no room"), "RunFailed"),
    ],
)
def test_each_end_has_its_name(ran: Ran, ename: str) -> None:
    failure = outcome(ran, SentCode("1"), Watched("1"), "1", keeps=False).failure
    assert failure is not None
    assert failure.as_content()["ename"] == ename


@pytest.mark.parametrize(("code", "name"), [(137, "SIGKILL"), (139, "SIGSEGV")])
def test_an_exit_code_behind_which_a_shell_hides_a_signal_names_it(code: int, name: str) -> None:
    ran = Ran(ok=False, exit_code=code)
    failure = outcome(ran, SentCode("1"), Watched("1"), "1", keeps=False).failure
    assert isinstance(failure, NonZeroExit)
    assert name in failure.cause


def _run(code: str, folder: Path, stdin: str = "") -> tuple[SentCode, Ran]:
    sent = show_last_value(code)
    (folder / "main.py").write_text(sent.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "main.py"],
        capture_output=True,
        input=stdin,
        start_new_session=True,  # without a terminal, which getpass would open
        encoding="utf-8",
        cwd=folder,
        check=False,
    )
    return sent, Ran(done.stdout, done.stderr, done.returncode == 0, done.returncode)


@pytest.mark.parametrize(
    ("code", "stdout", "result"),
    [
        ("1 + 1", "", "2"),
        ("print('a'); 'é' + 'ü'  # why", "a\n", "'éü'"),
        ("(1,\n 2)", "", "(1, 2)"),
        ("x = 5\n*[x], 6", "", "(5, 6)"),
        ("1;", "", ""),
        ("if 1:\n  2", "", ""),
    ],
)
def test_the_last_value_is_shown(tmp_path: Path, code: str, stdout: str, result: str) -> None:
    sent, ran = _run(code, tmp_path)
    shown = outcome(ran, sent, Watched(code), code, keeps=False)
    assert (shown.stdout, shown.result, shown.failure) == (stdout, result, None)


def test_output_that_was_cut_in_the_mark_shows_nothing_of_it() -> None:
    sent = show_last_value("1")
    assert sent.split("out" + sent.mark[:4]) == ("out", "")


@pytest.mark.parametrize(
    ("code", "ename", "evalue", "printed"),
    [
        ("1/0", "ZeroDivisionError", "division by zero", ""),
        ("raise ValueError('a\\n  b')", "ValueError", "a\n  b", ""),
        ("import sys; sys.stderr.write('w\\n'); raise KeyError", "KeyError", "", "w\n"),
        ("try:\n 1/0\nexcept Exception as e: raise OSError(2) from e", "OSError", "2", ""),
        ("x = = 1", "SyntaxError", "invalid syntax", ""),
        ("exec('x=')", "SyntaxError", "invalid syntax", ""),
        ("import json; json.loads('')", "JSONDecodeError", "Expecting value", ""),
    ],
)
def test_a_traceback_is_an_error_and_no_output(
    tmp_path: Path, code: str, ename: str, evalue: str, printed: str
) -> None:
    sent, ran = _run(code, tmp_path)
    shown = outcome(ran, sent, Watched(code), code, keeps=False)
    assert shown.failure is not None
    content = shown.failure.as_content()
    assert (content["ename"], shown.stderr) == (ename, printed)
    assert content["evalue"].startswith(evalue)
    assert "lambda v" not in "\n".join(content["traceback"])


def test_a_password_leaves_no_warning_on_stderr(tmp_path: Path) -> None:
    code = "import getpass, sys\nprint('mine', file=sys.stderr)\ngetpass.getpass('Key? ')"
    sent, ran = _run(code, tmp_path, "secret\n")
    shown = outcome(ran, sent, Watched(code), code, keeps=False)
    assert (shown.stderr, shown.result) == ("mine\nKey? \n", "'secret'")


@pytest.mark.parametrize("code", ["?print", "print?", "x = 1\nx.y??", "%time 1", "!ls"])
def test_what_only_ipython_understands_is_named(tmp_path: Path, code: str) -> None:
    sent, ran = _run(code, tmp_path)
    failure = outcome(ran, sent, Watched(code), code, keeps=False).failure
    assert failure is not None
    assert "IPython's magics" in failure.as_content()["traceback"][-1]


def test_a_traceback_that_was_cut_off_stays_on_stderr() -> None:
    cut = 'Traceback (most recent call last):\n  File "main.py", line 1, in <module>\n    1/'
    assert split_traceback(cut) == (cut, None)


@pytest.mark.parametrize(
    ("code", "count", "lines"),
    [
        ("a = input('A')\nb = int(input())", 2, False),
        ("for i in range(3): input()", 0, True),
        ("import sys\nsys.stdin.read()", 0, True),
        ("f = lambda: input()", 0, True),
    ],
)
def test_what_plainly_reads_input_is_seen(code: str, count: int, lines: bool) -> None:
    reads = reads_input(code)
    assert isinstance(reads, Reads)
    assert (len(reads.prompts), reads.lines) == (count, lines)


@pytest.mark.parametrize("code", ["x = 1", "inputs()", "def (", "print('input()')"])
def test_what_does_not_read_input_is_not_asked_for(code: str) -> None:
    assert reads_input(code) is None


def test_the_newest_python_of_piston_is_used_and_none_is_an_error() -> None:
    versions = [{"language": "python", "version": v} for v in ("3.9.4", "3.12.0", "2.7.18")]
    assert piston_version([{"language": "go", "version": "99.0"}, *versions]) == "3.12.0"
    with pytest.raises(NoPython, match="go"):
        piston_version([{"language": "go", "version": "1"}])


def test_a_container_that_runs_no_python_is_named_with_what_it_said() -> None:
    with pytest.raises(NoPython, match="cgroup"):
        read_probe(Ran("", "isolate: no cgroup", False, 2))


def test_a_408_of_the_plain_sample_is_a_run_that_took_too_long() -> None:
    error = UnexpectedAnswer("")
    error.status = 408
    error.whole = '{"properties": {"status": "Failed", "stderr": "Execution timed out"}}'
    ran = ran_after_all(error)
    assert ran is not None
    failure = outcome(ran, SentCode("1"), Watched("1"), "1", keeps=False).failure
    assert failure is not None
    assert failure.as_content()["ename"] == "RunTimedOut"


def test_a_failing_pool_leaves_it_open_whether_the_cell_ran_and_a_refusal_does_not() -> None:
    broken = PoolUnavailable("")
    broken.status = 500
    broken.whole = '{"error": {"code": "InternalServerError", "message": "ECONNREFUSED"}}'
    assert ran_after_all(broken) is None
    unknown = told(broken)
    assert isinstance(unknown, ExecutionUnknown)
    assert "ECONNREFUSED" in unknown.what
    refused = UnexpectedAnswer("")
    refused.status, refused.whole = 400, '{"message": "python-3.99 runtime is unknown"}'
    assert "has not run" in str(told(refused))
