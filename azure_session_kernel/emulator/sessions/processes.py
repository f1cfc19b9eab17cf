"""Which processes belong to a session.

Process groups don't tell: the interpreter leads a group of its own, and a process that user code
started may have left both the group and the tree. A session's home directory tells, because it is
its own and every process inherits it.
"""

from __future__ import annotations

import os
import time

import psutil  # type: ignore[import-untyped,unused-ignore]


def kill_by_home(home: str, *, wait_s: float = 2.0) -> None:
    """Kill this user's processes whose home directory is ``home``; return when they are gone."""
    found = [process for process in psutil.process_iter() if _home(process) == home]
    for process in found:
        try:
            process.kill()
        except psutil.Error:
            continue
    deadline = time.monotonic() + wait_s
    while any(_runs(process) for process in found) and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    """A zombie does not: where process 1 reaps nobody's children, it stays one for ever."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _home(process: psutil.Process) -> str | None:
    if process.pid == os.getpid():
        return None
    try:
        home = process.environ().get("HOME")
    except (psutil.Error, OSError):
        return None
    return home if isinstance(home, str) else None
