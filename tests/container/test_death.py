"""The sentence and the word for each way in which an interpreter's process can end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from azure_session_kernel.container import death
from azure_session_kernel.container.death import cause_of_death, oom_kills

REASONS = {"exited", "killed", "out_of_memory", "restart", "interrupt"}


@pytest.mark.parametrize(
    ("exit_code", "new_oom_kills", "reason", "said"),
    [
        (0, 0, "exited", "code 0"),
        (3, 0, "exited", "code 3"),
        (255, 0, "exited", "code 255"),
        # Another process of the session was the one that the memory limit took.
        (1, 1, "exited", "code 1"),
        (-signal.SIGKILL, 0, "killed", "SIGKILL; the usual reason is that memory ran out"),
        (-signal.SIGKILL, 1, "out_of_memory", "more memory than the session has"),
        (-signal.SIGSEGV, 0, "killed", "killed by SIGSEGV."),
        (-signal.SIGABRT, 0, "killed", "killed by SIGABRT."),
        (-signal.SIGTERM, 0, "killed", "killed by SIGTERM."),
        (-99, 0, "killed", "killed by signal 99."),
    ],
)
def test_an_exit_code_becomes_a_reason_and_a_sentence(
    exit_code: int, new_oom_kills: int, reason: str, said: str
) -> None:
    found = cause_of_death(exit_code, new_oom_kills)
    assert found.reason == reason
    assert found.reason in REASONS
    assert said in found.cause
    assert found.cause.endswith(".")


def test_the_containers_count_of_oom_kills_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "memory.events"
    events.write_text("low 0\nhigh 7\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n")
    monkeypatch.setattr(death, "_CGROUP_EVENTS", events)
    assert oom_kills() == 2


def test_without_a_readable_count_no_oom_kill_is_assumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(death, "_CGROUP_EVENTS", tmp_path / "absent")
    assert oom_kills() == 0
