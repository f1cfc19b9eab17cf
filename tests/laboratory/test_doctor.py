"""doctor on every broken pool: it names the cause, no other for certain, and leaves nothing."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest

from azure_session_kernel.doctor.examination import examine
from azure_session_kernel.doctor.report.result import OK, PROBLEM, WARNING, Report, Result
from azure_session_kernel.doctor.state import LISTEN_S, STALL_S, Options
from azure_session_kernel.pool.call import redact
from azure_session_kernel.session.lease import LeaseStore
from azure_session_laboratory.container import SLOW_START_S
from azure_session_laboratory.scenarios import SCENARIOS

from .conftest import OpenScenario

#: Longer than a busy machine needs to start things. How long doctor takes, with its own limits, is
#: measured by ``benchmarks/laboratory.py``.
PATIENT_S = 90.0
#: 502 is asked again for so long; the programs that do listen here do so within milliseconds.
QUICK = Options(listen_s=0.2, stall_s=PATIENT_S)
SPECIAL = {
    "slow-start": Options(listen_s=SLOW_START_S + PATIENT_S, stall_s=PATIENT_S),
    "no-answer": Options(stall_s=0.3),
    "files-and-interrupts-stall": Options(),
}
#: Evidence from outside that more than one cause can leave.
UNSURE = {
    "nothing-listens-from-outside": "502 is all that can be seen",
    "adapter-crashed-from-outside": "502 is all that can be seen",
    "template-not-active": "the older template may be as good",
    "pool-not-ready": "502 is all that can be seen, and the state may be old",
    "container-fails": "what fails in it is not told",
    "execute-fails": "what fails in it is not told",
    "other-program": "what should be there is not told",
    "container-refuses": "what it wants is not told",
    "code-is-not-run": "what failed is seen, and not why",
    "service-refuses": "an answer that nobody knows",
    "broken-off": "what breaks it off is not told",
    "no-answer": "what is slow is not told",
    "gateway-timeout": "what is slow is not told",
    "wrong-tenant": "a 401 says no reason",
    "endpoint-invalid": "what was meant is not told",
    "session-split": "what failed is seen, and not why",
    "files-fail": "what failed is seen, and not why",
    "files-and-interrupts-stall": "what failed is seen, and not why",
    "interrupt-fails": "what failed is seen, and not why",
    "cells-fail": "what failed is seen, and not why",
    "stop-fails": "what failed is seen, and not why",
}
#: Its session can't be stopped by a client that the pool does not understand.
UNSTOPPABLE = ("api-version-unknown", "stop-fails", "healthy-older", "healthy-oldest")
#: Whether the pool has stopped the session, or has got one, can't be known: the lease may stay.
UNCONFIRMED = (
    "broken-off",
    "no-answer",
    "gateway-timeout",
    "captive-portal",
    "request-too-large",
)
BROKEN = [scenario.name for scenario in SCENARIOS.values() if scenario.cause]
HEALTHY = [scenario.name for scenario in SCENARIOS.values() if not scenario.cause]


def sure(report: Report) -> list[str]:
    return [finding.id for finding in report.findings if finding.confidence == "high"]


@pytest.mark.parametrize("name", BROKEN)
async def test_doctor_names_the_cause_and_leaves_nothing_behind(
    open_scenario: OpenScenario, name: str
) -> None:
    cause = SCENARIOS[name].cause
    async with open_scenario(name, ready=name == "files-and-interrupts-stall") as opened:
        report = await examine(SPECIAL.get(name, QUICK), os.environ)
        left = opened.sessions()
    assert report.findings[0].id == cause
    assert sure(report) == ([] if name in UNSURE else [cause])
    assert not report.healthy
    assert not re.search(r"\{[a-z_]+\}", report.findings[0].explanation + report.findings[0].fix)
    if name not in UNSTOPPABLE:
        assert left == []
        kept = [lease.state for lease in LeaseStore().all()]
        assert kept == [] or (name in UNCONFIRMED and kept == ["stopping"])


async def test_a_session_that_is_split_is_also_told_by_the_calls_about_files(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second hello, which is to find out, gets no answer of an interpreter."""
    rules = (
        {"fault": "replace_session", "path": "/jupyter/files/write", "nth": [1]},
        {"fault": "answer", "status": 503, "path": "/jupyter/hello", "nth": [2]},
    )
    split = replace(SCENARIOS["session-split"], rules=rules)
    monkeypatch.setitem(SCENARIOS, "session-split", split)
    async with open_scenario("session-split"):
        report = await examine(QUICK, os.environ)
    assert report.evidence.same_session is False
    assert report.findings[0].id == "session-split"


async def test_a_slow_stop_after_a_failure_is_waited_for(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ({"fault": "delay", "seconds": 3, "path": "*/session", "method": "DELETE", "every": 1},)
    slow = replace(SCENARIOS["service-refuses"], rules=rules)
    monkeypatch.setitem(SCENARIOS, "service-refuses", slow)
    async with open_scenario("service-refuses") as opened:
        report = await examine(QUICK, os.environ)
        assert opened.sessions() == []
    assert LeaseStore().all() == []
    assert not report.healthy
    assert stop_of(report).verdict == OK


async def test_a_session_that_may_still_run_after_a_failure_is_named_with_what_to_do(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ({"fault": "answer", "status": 500, "path": "/.management/stop*", "every": 1},)
    monkeypatch.setitem(
        SCENARIOS, "other-program", replace(SCENARIOS["other-program"], rules=rules)
    )
    async with open_scenario("other-program") as opened:
        report = await examine(QUICK, os.environ)
        [left] = opened.sessions()
    said = stop_of(report)
    assert said.verdict == WARNING
    assert left not in said.text
    assert said.text.startswith(redact(left))
    assert "azure-session-kernel sessions reap" in said.text
    assert [lease.identifier for lease in LeaseStore().all()] == [left]


async def test_a_stop_that_fails_after_code_ran_names_the_session(
    open_scenario: OpenScenario,
) -> None:
    async with open_scenario("stop-fails") as opened:
        report = await examine(QUICK, os.environ)
        [left] = opened.sessions()
    assert f"{redact(left)} may still run." in report.findings[0].explanation
    assert left not in str(report.as_json())


def stop_of(report: Report) -> Result:
    return next(result for result in report.results if result.check == "stop")


@pytest.mark.parametrize("name", HEALTHY)
async def test_doctor_raises_no_alarm_about_a_healthy_pool(
    open_scenario: OpenScenario, name: str
) -> None:
    async with open_scenario(name) as opened:
        report = await examine(Options(stall_s=PATIENT_S), os.environ)
        left = opened.sessions()
    assert [finding.id for finding in report.findings] == []
    assert [r.text for r in report.results if r.verdict == PROBLEM] == []
    assert report.healthy
    assert left == [] or name in UNSTOPPABLE
    assert LeaseStore().all() == []


def test_a_pool_that_never_listens_leaves_time_for_the_diagnosis() -> None:
    """15 s from a cold start: what is spent on asking again, and then one stall."""
    assert LISTEN_S + 5 < 15
    assert STALL_S <= 10
