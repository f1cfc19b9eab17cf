"""The first process of a container: it reaps what nobody else waits for.

User code leaves processes behind, and whoever is process 1 inherits them. The adapter itself does
not wait for strangers, so as process 1 it would collect a zombie for each of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Final

_PASSED_ON: Final = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")


def split_off_init() -> None:
    """Go on in a child; this process passes signals on, reaps, and ends as the child does."""
    if sys.platform == "win32":
        return
    signals = [getattr(signal, name) for name in _PASSED_ON]
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if child:

        def pass_on(number: int, frame: FrameType | None) -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

        for number in signals:
            signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    if child:
        os._exit(_reap_until(child))


def _reap_until(child: int) -> int:
    """The exit code of ``child``, in the shell's form when a signal ended it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
