"""The rules of ``pool --faults``: which requests they choose, and what is wrong with a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.cli.main import main
from azure_session_laboratory.faults.answers import fault_answer
from azure_session_laboratory.faults.plan import (
    FAULTS,
    STATUSES,
    FaultPlan,
    parse_plan,
    read_plan,
)


def plan_of(*rules: dict[str, Any], seed: int = 0) -> FaultPlan:
    plan = FaultPlan()
    plan.replace(*parse_plan({"seed": seed, "rules": list(rules)}))
    return plan


def fired(plan: FaultPlan, count: int, path: str = "/jupyter/send") -> list[int]:
    """Which of ``count`` requests to ``path`` meet a fault, from 1."""
    return [n for n in range(1, count + 1) if plan.choose("POST", path) is not None]


def test_nth_chooses_those_requests_of_its_path_alone() -> None:
    plan = plan_of({"fault": "reset_before", "path": "/jupyter/send", "nth": [2, 3]})
    assert fired(plan, 5, "/jupyter/read") == []
    assert fired(plan, 5) == [2, 3]


def test_every_and_times_choose_so_many() -> None:
    plan = plan_of({"fault": "reset_before", "every": 3, "times": 2})
    assert fired(plan, 12) == [3, 6]


def test_a_probability_is_drawn_from_the_seed() -> None:
    rule = {"fault": "reset_before", "probability": 0.3}
    first = fired(plan_of(rule, seed=1), 200)
    assert first == fired(plan_of(rule, seed=1), 200)
    assert first != fired(plan_of(rule, seed=2), 200)
    assert 30 <= len(first) <= 90


def test_a_method_can_be_asked_for() -> None:
    plan = plan_of({"fault": "reset_before", "method": "GET", "every": 1})
    assert plan.choose("POST", "/health") is None
    assert plan.choose("GET", "/health") is not None


def test_the_first_rule_that_fires_wins() -> None:
    plan = plan_of({"fault": "cut", "nth": [1]}, {"fault": "delay", "every": 1})
    chosen = [plan.choose("POST", "/") for _ in range(2)]
    assert [rule.fault for rule in chosen if rule] == ["cut", "delay"]


def test_answers_are_counted_by_status_and_retry_after() -> None:
    rules, _ = parse_plan(
        {
            "rules": [
                {"fault": "answer", "status": 429, "nth": [1]},
                {"fault": "answer", "status": 429, "retry_after": 2, "nth": [1]},
            ]
        }
    )
    assert [rule.label for rule in rules] == ["answer_429", "answer_429_retry_after"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "rules"),
        ({"rules": {}}, "rules"),
        ({"rules": [], "speed": 1}, "speed"),
        ({"rules": [], "seed": "x"}, "seed"),
        ({"rules": [3]}, r"rules\[0\]"),
        ({"rules": [{"fault": "cuts", "every": 1}]}, "one of refuse, reset_before"),
        ({"rules": [{"fault": "cut"}]}, "needs nth, every or probability"),
        ({"rules": [{"fault": "cut", "every": 0}]}, "number from 1"),
        ({"rules": [{"fault": "cut", "every": True}]}, "number from 1"),
        ({"rules": [{"fault": "cut", "nth": []}]}, "list of numbers from 1"),
        ({"rules": [{"fault": "cut", "every": 1, "seconds": 1}]}, "seconds is not known for cut"),
        ({"rules": [{"fault": "delay", "every": 1, "seconds": -1}]}, "number of seconds"),
        ({"rules": [{"fault": "answer", "every": 1, "status": 418}]}, "one of 400, 401"),
        ({"rules": [{"fault": "duplicate", "every": 1, "answer": "both"}]}, '"first" or "second"'),
        ({"rules": [{"fault": "cut", "probability": 2}]}, "from 0 to 1"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_place_and_what_is_expected(value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_plan(value)


def test_the_command_says_what_is_wrong_with_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "faults.json"
    path.write_text('{"rules": [{"fault": "cuts", "every": 1}]}')
    assert main(["pool", "--faults", str(path)]) == 1
    assert f"{path}: rules[0].fault must be one of" in capsys.readouterr().err
    assert main(["pool", "--faults", str(tmp_path / "none.json")]) == 1
    assert "can't be read" in capsys.readouterr().err


def test_every_fault_can_be_written_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"rules": [{"fault": fault, "every": 9} for fault in FAULTS]}))
    rules, seed = read_plan(path)
    assert [rule.fault for rule in rules] == list(FAULTS)
    assert seed == 0


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_body_of_its_own(status: int) -> None:
    response = fault_answer(status, 3)
    assert response.status_code == status
    assert response.headers["retry-after"] == "3"
