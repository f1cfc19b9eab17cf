"""Why an interpreter's process ended, in words for the person whose cell it took along."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from ..wire import EndReason

_CGROUP_EVENTS = Path("/sys/fs/cgroup/memory.events")


@dataclass(frozen=True, slots=True)
class Death:
    """:ivar cause: a sentence."""

    reason: EndReason
    cause: str


def oom_kills() -> int:
    """How many processes the container's memory limit has killed so far; 0 where unknown."""
    try:
        lines = _CGROUP_EVENTS.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def cause_of_death(exit_code: int, new_oom_kills: int) -> Death:
    """:param exit_code: as ``subprocess`` gives it: negative for a signal."""
    if exit_code < 0:
        name = _signal_name(-exit_code)
        if new_oom_kills > 0:
            return Death("out_of_memory", f"It used more memory than the session has ({name}).")
        if -exit_code == getattr(signal, "SIGKILL", 9):
            return Death(
                "killed", f"It was killed by {name}; the usual reason is that memory ran out."
            )
        return Death("killed", f"It was killed by {name}.")
    return Death("exited", f"Its process exited with code {exit_code} (os._exit, or a crash).")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
