"""``azure-session-kernel run``, as a grader types it: real kernels in a real local pool."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

import pytest

from azure_session_kernel.runs.journal import JOURNAL
from azure_session_kernel.runs.results import JUNIT, REPORT

from ..conftest import StartPool
from .conftest import ENDS_WITHIN_S, Course, Gate, heed_ctrl_c, use

MOST_BYTES = 100_000  # of a file, in place of a full disk
OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": ""},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {
                    "cell_type": "code",
                    "language": "python",
                    "metadata": {},
                    "collapsed": False,
                    "input": "print('old')",
                    "outputs": [],
                }
            ],
        }
    ],
}


def test_each_notebook_comes_out_as_it_is_whatever_became_of_the_others(
    pool_course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course = pool_course
    source = course.has("ann/ps1.ipynb", "x = 'of ann'", "print(x)")
    another = {"name": "other", "display_name": "Other", "language": "python"}
    course.has("bob/ps1.ipynb", "print('x' in globals())", kernelspec=another)
    course.has("bad/fails.ipynb", "print('before')", "1 / 0", "print('never')")
    course.has("bad/loops.ipynb", "print('begun', flush=True)\nwhile True: pass", "print('never')")
    course.has("bad/other.ipynb", "1", kernelspec={**another, "name": "ir", "language": "R"})
    course.holds("bad/empty.ipynb", "")
    course.holds("bad/half.ipynb", '{"cells": [')
    course.holds("bad/words.ipynb", '["no notebook"]')
    course.holds("old.ipynb", json.dumps(OLD))
    before = source.read_bytes()

    assert course.run("--jobs", "4", "--cell-timeout", "5") == 2
    records = course.records()
    assert course.statuses() == course.journalled()
    assert course.statuses() == {
        "ann/ps1.ipynb": "ok",
        "bob/ps1.ipynb": "ok",
        "old.ipynb": "ok",
        "bad/fails.ipynb": "failed",
        "bad/loops.ipynb": "failed",
        "bad/empty.ipynb": "not run",
        "bad/half.ipynb": "not run",
        "bad/other.ipynb": "not run",
        "bad/words.ipynb": "not run",
    }
    assert course.printed("ann/ps1.ipynb") == "of ann\n"
    assert course.printed("bob/ps1.ipynb") == "False\n"
    assert course.printed("old.ipynb") == "old\n"
    assert source.read_bytes() == before

    fails, loops = records["bad/fails.ipynb"], records["bad/loops.ipynb"]
    assert (fails.cells, fails.ran) == (3, 2)
    assert [(e.cell, e.ename) for e in fails.errors] == [(1, "ZeroDivisionError")]
    assert course.printed("bad/fails.ipynb") == "before\n"
    assert [(e.cell, e.ename) for e in loops.errors] == [(0, "CellTimeoutError")]
    shown = course.executed("bad/loops.ipynb")["cells"][0]["outputs"]
    assert [o.get("ename", o["output_type"]) for o in shown] == ["stream", "CellTimeoutError"]

    err = capsys.readouterr().err
    assert "bad/empty.ipynb: the file is empty" in err
    assert "bad/half.ipynb: the file is not a notebook" in err
    assert "bad/other.ipynb: it is for the kernel 'ir', whose language is R" in err
    suite = ElementTree.parse(course.output / JUNIT).getroot().find("testsuite")
    assert suite is not None
    assert [suite.get(n) for n in ("tests", "failures", "errors", "skipped")] == list("9204")
    assert "ZeroDivisionError" in (course.output / REPORT).read_text()

    # What was finished is not run again: the marks of its run are as they were.
    outputs = {p: p.stat().st_mtime_ns for p in course.output.rglob("*.ipynb")}
    assert course.run("--cell-timeout", "5") == 2  # refused: no --resume
    assert course.run("--resume") == 2  # refused: other settings
    assert "other settings: --cell-timeout" in capsys.readouterr().err
    course.has("bad/half.ipynb", "print('sent again')")
    course.has("bad/fails.ipynb", "print('mended')")
    assert course.run("--cell-timeout", "5", "--resume") == 2
    assert course.printed("bad/half.ipynb") == "sent again\n"
    assert course.printed("bad/fails.ipynb") == "mended\n"
    assert {p.name for p, at in outputs.items() if p.stat().st_mtime_ns != at} == {"fails.ipynb"}
    assert "1 changed since they were run" in capsys.readouterr().err


def test_what_comes_with_a_notebook(
    pool_course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    course = pool_course
    notebook = json.loads(
        course.has("a/ps1.ipynb", "alpha = 1; n = 0", "print(alpha, n, s)").read_text()
    )
    notebook["cells"][0]["metadata"]["tags"] = ["parameters"]
    course.holds("a/ps1.ipynb", json.dumps(notebook))
    course.has("b/ps1.ipynb", "import os, helper", "print(os.environ['TERM_NAME'], helper.x, n)")
    course.holds("b/helper.py", "x = 'helps'")
    course.has("c/ps1.ipynb", "1 / 0", "print('went on', n)")
    values = tmp_path / "values.yaml"
    values.write_text("alpha: [0.5, null]\ns: 'it''s'\n")
    monkeypatch.setenv("TERM_NAME", "autumn")

    options = ["--parameters", str(values), "-p", "n", "3", "--with", "*.py", "--env", "TERM_NAME"]
    assert course.run(*options, "--allow-errors") == 0
    assert course.printed("a/ps1.ipynb") == "[0.5, None] 3 it's\n"
    assert course.printed("b/ps1.ipynb") == "autumn helps 3\n"
    assert course.printed("c/ps1.ipynb") == "went on 3\n"
    (error,) = course.records()["c/ps1.ipynb"].errors
    assert (error.cell, error.ename) == (1, "ZeroDivisionError")


def test_a_full_pool_is_waited_for_and_everything_is_done(
    course: Course, start_pool: StartPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three places somebody else has one, so the pool refuses what its maximum would allow."""
    pool = start_pool("--max-sessions", "3")
    use(pool, monkeypatch)
    with pool.client() as client:
        assert client.get("/health", params={"identifier": "in-the-way"}).status_code == 200
    names = [f"s{number}/ps1.ipynb" for number in range(12)]
    for name in names:
        course.has(name, f"print({name!r})")
    assert course.run("--jobs", "12") == 0
    assert [course.printed(name) for name in names] == [f"{name}\n" for name in names]


def test_a_run_that_was_killed_goes_on_and_repeats_nothing_that_was_done(
    pool_course: Course, gate: Gate
) -> None:
    course = pool_course
    course.has("1.ipynb", gate.mark("one"))
    course.has("2.ipynb", gate.waits, gate.mark("two"))
    course.has("3.ipynb", gate.mark("three"))
    with course.running("--jobs", "1") as process:
        course.until_told("done", "1.ipynb")
        gate.until_reached()
        process.kill()
        process.wait(ENDS_WITHIN_S)
    assert gate.marks == ["in", "one"]
    with (course.output / JOURNAL).open("a") as journal:
        journal.write('{"event": "done", "reco')  # as a kill may leave it
    gate.open()
    with course.running("--jobs", "1", "--resume") as process:
        _, told = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode == 0, told
    assert "1 done by the earlier run" in told
    assert "1 cut off in the earlier run: run again" in told
    assert gate.marks == ["in", "in", "one", "three", "two"]
    assert set(course.statuses().values()) == {"ok"}


def test_ctrl_c_once_finishes_what_runs(pool_course: Course, gate: Gate) -> None:
    course = pool_course
    course.has("1.ipynb", gate.waits, gate.mark("end"))
    course.has("2.ipynb", gate.mark("never"))
    with course.running("--jobs", "1") as process:
        gate.until_reached()
        process.send_signal(signal.SIGINT)
        until_said(process.stderr, "Finishing the 1 that run")
        gate.open()
        assert process.wait(ENDS_WITHIN_S) == 2
    assert gate.marks == ["end", "in"]
    assert course.journalled() == {"1.ipynb": "ok", "2.ipynb": "not run"} == course.statuses()


def test_ctrl_c_twice_stops_the_sessions(
    course: Course, gate: Gate, start_pool: StartPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = start_pool()
    use(pool, monkeypatch)
    course.has("1.ipynb", gate.waits)
    course.has("2.ipynb", gate.mark("never"))
    with course.running("--jobs", "1") as process:
        gate.until_reached()
        process.send_signal(signal.SIGINT)
        until_said(process.stderr, "Finishing the 1 that run")
        process.send_signal(signal.SIGINT)
        assert process.wait(ENDS_WITHIN_S) == 2
    assert not pool.session_processes()
    assert course.journalled() == {"1.ipynb": "cut off", "2.ipynb": "not run"} == course.statuses()
    assert gate.marks == ["in"]


def test_when_the_pool_is_gone_halfway_the_rest_is_told_as_not_run(
    course: Course,
    gate: Gate,
    start_pool: StartPool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pool = start_pool()
    use(pool, monkeypatch)
    course.has("1.ipynb", gate.mark("one"))
    course.has("2.ipynb", gate.waits)
    course.has("3.ipynb", gate.mark("never"))
    with course.running("--jobs", "1") as process:
        gate.until_reached()
        pool.stop()
        out, _ = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode == 2
    assert "Not everything was run: no session can be had: LocalPoolNotRunning" in out
    expected = {"1.ipynb": "ok", "2.ipynb": "cut off", "3.ipynb": "not run"}
    assert course.journalled() == expected == course.statuses()
    assert gate.marks == ["in", "one"]


def test_a_full_disk_leaves_what_was_finished(pool_course: Course) -> None:
    course = pool_course
    course.has("1.ipynb", "print('small')")
    course.has("2.ipynb", f"print('x' * {MOST_BYTES})")
    course.has("3.ipynb", "print('never')")

    def limited() -> None:
        heed_ctrl_c()
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES,) * 2)

    with course.running("--jobs", "1", preexec_fn=limited) as process:
        out, _ = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode == 2
    assert "results can't be written: File too large" in out
    assert course.journalled() == {"1.ipynb": "ok", "2.ipynb": "cut off", "3.ipynb": "not run"}
    assert course.printed("1.ipynb") == "small\n"
    assert {path.name for path in course.output.rglob("*.ipynb*")} == {"1.ipynb"}


def test_a_notebook_of_50_mb_runs(pool_course: Course) -> None:
    course = pool_course
    notebook = json.loads(course.has("big.ipynb", "print('ran')").read_text())
    text = {"output_type": "stream", "name": "stdout", "text": "x" * 50_000_000}
    notebook["cells"][0]["outputs"] = [text]
    course.holds("big.ipynb", json.dumps(notebook))
    assert course.run("--timeout", "60") == 0
    assert course.printed("big.ipynb") == "ran\n"


def until_said(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    for line in stream:
        if text in line:
            return
    pytest.fail(f"{text!r} was not said")
