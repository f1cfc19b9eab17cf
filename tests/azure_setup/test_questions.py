"""Somebody who types the command alone is asked, on a terminal, for what it needs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from azure_session_kernel.cli.main import main

from .played import SUBSCRIPTION, PlayedArm

CAPS = pytest.CaptureFixture[str]
Answering = Callable[..., list[str]]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """A terminal at which these answers are typed; collects the questions."""

    def answer(*answers: str) -> list[str]:
        asked: list[str] = []
        typed = iter(answers)

        def ask(question: str = "") -> str:
            asked.append(question)
            return next(typed)

        monkeypatch.setattr("builtins.input", ask)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        return asked

    return answer


def test_enter_takes_what_is_offered(
    azure: PlayedArm, source: Path, answering: Answering, capsys: CAPS
) -> None:
    asked = answering("", "", "", "", "", "", "")
    assert main(["setup", "--source", str(source)]) == 0
    assert [one.partition(" [")[2].rstrip(": ]") for one in asked] == [
        *("course-sessions", "westeurope", "1", "10", "1", "600", "")
    ]
    said = capsys.readouterr().out
    assert f"Subscription: Teaching ({SUBSCRIPTION})" in said
    again = f"--subscription {SUBSCRIPTION} --resource-group course-sessions --region westeurope"
    assert f"azure-session-kernel setup {again} --kind custom" in said
    assert azure.changed == []


def test_a_wrong_answer_is_explained_and_asked_again(
    azure: PlayedArm, answering: Answering, capsys: CAPS
) -> None:
    azure.subscriptions.append({"subscriptionId": "other", "displayName": "Research"})
    asked = answering(
        *("3", "1"), *("a b", "mine"), *("Mars", "East US"), *("x", "2"), "700", "7", ""
    )
    assert main(["setup"]) == 0
    assert len(asked) == 11
    said = capsys.readouterr().out
    assert "  one that has session pools: eastus, westeurope" in said
    assert "  a number from 1 to 600" in said
    [line] = [one for one in said.splitlines() if one.endswith("--apply")]
    for words in ("--resource-group mine", "--region eastus", "--kind builtin", "--max-sessions 7"):
        assert words in line, shlex.split(line)


def test_a_group_that_is_there_offers_its_region(
    azure: PlayedArm, answering: Answering, source: Path
) -> None:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/there"
    azure.things[group.lower()] = {"id": group, "location": "eastus", "properties": {}}
    asked = answering("", "2", "", "")
    assert main(["setup", "--resource-group", "there"]) == 0
    assert asked[0] == "Region [eastus]: "


def test_removal_asks_for_the_group_only(
    azure: PlayedArm, answering: Answering, capsys: CAPS
) -> None:
    assert answering("mine") == []
    assert main(["setup", "--remove"]) == 0
    assert "There is no resource group mine." in capsys.readouterr().out


def test_without_a_terminal_everything_that_is_missing_is_named(
    azure: PlayedArm, monkeypatch: pytest.MonkeyPatch, capsys: CAPS
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(SystemExit, match="2"):
        main(["setup"])
    assert "--resource-group, --region, --kind: missing" in capsys.readouterr().err
