"""Real kernels on a pool that runs each cell in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..kernel.live_kernel import Cell, LiveKernel


def shown(cell: Cell) -> str:
    return "\n".join(c["data"]["text/plain"] for c in cell.of_type("display_data"))


def test_prints_and_the_last_value_are_shown_as_in_any_notebook(kernel: LiveKernel) -> None:
    cell = kernel.run("print('out')\n6 * 7")
    assert cell.text() == "out\n"
    assert cell.result == "42"
    assert kernel.run("1;").output_types == []
    assert kernel.run("None").output_types == []


def test_an_exception_is_an_error_and_leaves_stderr_to_the_cell(kernel: LiveKernel) -> None:
    code = "import sys\nprint('warned', file=sys.stderr)\n{}['no']"
    cell = kernel.run(code)
    assert cell.error["ename"] == "KeyError"
    assert cell.error["evalue"] == "'no'"
    assert "line 3" in cell.error_text
    assert "{}['no']" in cell.error_text
    assert "lambda" not in cell.error_text
    assert cell.text("stderr") == "warned\n"


def test_a_pool_that_keeps_no_variables_is_named(kernel: LiveKernel) -> None:
    assert kernel.run("x = 1").status == "ok"
    cell = kernel.run("x")
    assert cell.error["ename"] == "NameError"
    assert "keeps no variables between cells" in cell.error["traceback"][-1]
    assert "not kept" in shown(kernel.run("%session"))


def test_the_kind_that_was_found_and_why_are_in_session(kernel: LiveKernel) -> None:
    text = shown(kernel.run("%session"))
    assert "oneshot" in text
    assert "POST /python/execute answers" in text


@pytest.mark.parametrize(
    ("code", "ename", "said"),
    [
        ("import sys; sys.exit(3)", "NonZeroExit", "exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "Killed", "SIGKILL"),
        ("import os; os.kill(os.getpid(), 11)", "Killed", "SIGSEGV"),
        ("while True: pass", "RunTimedOut", "longer than this pool allows"),
        ("print('x' * 1000)", "OutputTooLong", "stdout"),
    ],
)
def test_how_a_program_ended_becomes_an_error(
    piston: LiveKernel, code: str, ename: str, said: str
) -> None:
    cell = piston.run(code)
    assert cell.error["ename"] == ename
    assert said in cell.error["evalue"]


def test_stdin_gives_a_cell_its_input(kernel: LiveKernel, piston: LiveKernel) -> None:
    code = "%%stdin\nAda\n36\n%%code\nname, age = input(), int(input())\n(name, age)"
    assert kernel.run(code).result == "('Ada', 36)"
    assert piston.run(code).result == "('Ada', 36)"


def test_stdin_without_an_end_says_how_it_is_written(kernel: LiveKernel) -> None:
    cell = kernel.run("%%stdin\n1\n2")
    assert cell.error["ename"] == "UsageError"
    assert "%%code" in cell.error_text


def test_a_cell_that_plainly_reads_is_asked_for_before_it_is_sent(kernel: LiveKernel) -> None:
    msg_id = kernel.execute("a = input('A? ')\nprint('got', a, input('B? '))", allow_stdin=True)
    for prompt in ("A? ", "B? "):
        assert kernel.wait_for_question()["content"]["prompt"] == prompt
        kernel.kc.input(prompt[0].lower())
    assert kernel.finish(msg_id).text().endswith("got a b\n")


def test_a_cell_that_gets_no_input_is_told_about_stdin(kernel: LiveKernel) -> None:
    cell = kernel.run("input()")
    assert cell.error["ename"] == "EOFError"
    assert "%%stdin" in cell.error["traceback"][-1]


def test_an_interrupt_stops_the_session_and_says_so(kernel: LiveKernel) -> None:
    msg_id = kernel.execute("while True: pass")
    kernel.wait_until_running(msg_id)
    kernel.interrupt()
    cell = kernel.finish(msg_id)
    assert cell.error["ename"] == "KeyboardInterrupt"
    assert kernel.run("'next'").result == "'next'"


def test_a_missing_file_brings_no_hint_that_can_not_help(kernel: LiveKernel) -> None:
    assert Path("pyproject.toml").exists()
    cell = kernel.run("open('pyproject.toml')")
    assert cell.error["ename"] == "FileNotFoundError"
    assert "%upload" not in cell.error_text


def test_files_are_refused_in_one_sentence(kernel: LiveKernel) -> None:
    cell = kernel.run("%files")
    assert cell.error["ename"] == "FileRefused"
    assert cell.error["evalue"].count(".") == 1


def test_what_there_is_no_interpreter_for_is_answered_all_the_same(kernel: LiveKernel) -> None:
    reply = kernel.reply(kernel.kc.complete("pri"))
    assert reply["content"]["matches"] == []
    reply = kernel.reply(kernel.kc.is_complete("for x in y:"))
    assert reply["content"]["status"] == "incomplete"
    assert kernel.control("create_subshell_request")["status"] == "error"
