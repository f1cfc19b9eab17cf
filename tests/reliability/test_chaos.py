"""A short chaos run. The full one: ``python -m benchmarks.chaos``."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.cells import lines_of, make_cell
from benchmarks.chaos.driver import Outcome
from benchmarks.chaos.run import Options, run
from benchmarks.chaos.verdict import Verdict


def test_under_a_seeded_schedule_of_faults_nothing_runs_twice_and_nothing_is_lost() -> None:
    report = run(Options(cells=220, seed=7, often=0.3, kernels=2))
    assert report.bad == 0, report.text()
    assert sum(report.hits.values()) >= 40, report.text()


def _stream(text: str) -> dict[str, Any]:
    return {"msg_type": "stream", "content": {"name": "stdout", "text": text}}


def _ended(name: str, *texts: str, number: int = 1, evalue: str = "") -> Outcome:
    cell = make_cell(number, Path("effects"), random.Random(3))
    expected = "".join(f"{line}\n" for _, line in cell.expected)
    messages = [_stream(text.replace("EXPECTED", expected)) for text in texts]
    return Outcome(cell, name, evalue, replied=True, messages=messages)


@pytest.mark.parametrize(
    ("outcome", "effects", "what"),
    [
        (_ended("ok", "chain 1\nEXPECTED"), "1\n1\n", "double executions"),
        (_ended("ok", "chain 1\nEXPECTED"), "", "wrong claims"),
        (_ended("SessionLost", evalue="This cell was not run."), "1\n", "wrong claims"),
        (_ended("ok", "chain 1\n"), "1\n", "lost"),
        (_ended("ok", "chain 1\nEXPECTED", "EXPECTED"), "1\n", "duplicated"),
        (_ended("hang"), "1\n", "hangs"),
    ],
)
def test_the_run_sees_what_must_not_be(outcome: Outcome, effects: str, what: str) -> None:
    """Its verdict is worth nothing if it can't be bad."""
    verdict = Verdict()
    verdict.take(outcome)
    verdict.count_executions(effects)
    assert verdict.bad[what] == 1


def test_the_run_sees_variables_that_are_gone_without_a_word() -> None:
    verdict = Verdict()
    verdict.take(_ended("ok", "chain 4\nEXPECTED"))
    verdict.take(_ended("ok", "chain 1\nEXPECTED", number=2))
    assert verdict.bad["silent loss of variables"] == 1


def test_doubt_is_no_wrong_claim() -> None:
    for effects in ("", "1\n"):
        verdict = Verdict()
        verdict.take(_ended("ExecutionUnknown", "chain 1\n"))
        verdict.count_executions(effects)
        assert sum(verdict.bad.values()) == 0


def test_a_line_that_its_interpreters_death_cut_short_is_not_out_of_order() -> None:
    outcome = _ended("InterpreterDied", "chain 1\nEXPECTED")
    content = outcome.messages[0]["content"]
    content["text"] = content["text"][:-2]  # the last line has no end
    told = {"ename": "InterpreterDied", "evalue": "It was killed by SIGKILL."}
    outcome.messages.append({"msg_type": "error", "content": told})
    verdict = Verdict()
    verdict.take(outcome)
    assert sum(verdict.bad.values()) == 0, verdict.notes


def test_output_of_a_lost_cell_that_is_not_how_its_own_begins_is_seen() -> None:
    verdict = Verdict()
    verdict.take(_ended("ExecutionUnknown", "chain 1\nanother\nmore\n"))
    assert verdict.bad["reordered"] == 1


def test_pieces_of_a_stream_are_one_text() -> None:
    assert lines_of([_stream("a"), _stream("b\nc")]) == [("stdout", "ab"), ("stdout", "c")]
