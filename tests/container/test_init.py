"""The adapter as a container's first process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

_BECOME_HEIR = """
import ctypes, os, signal, subprocess, sys, time
import psutil
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, for one, starts programs that ignore it
from azure_session_kernel.container.init import split_off_init
assert ctypes.CDLL(None).prctl(36, 1) == 0  # PR_SET_CHILD_SUBREAPER: inherits as process 1 does
split_off_init()
heir = psutil.Process(os.getppid())
"""


@contextmanager
def _run(code: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _BECOME_HEIR + code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            for left in psutil.Process(process.pid).children() if process.poll() is None else []:
                left.kill()
            process.kill()


def test_what_nobody_waits_for_is_reaped_and_the_exit_code_is_the_adapters() -> None:
    code = """
subprocess.run(["sh", "-c", "sleep 0.2 & sleep 0.2 &"])
inherited = []
while not inherited:
    inherited = [p for p in heir.children() if p.pid != os.getpid()]
while any(p.is_running() for p in inherited):
    time.sleep(0.01)
sys.exit(7)
"""
    with _run(code) as process:
        assert process.wait(30) == 7


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_adapter(signum: signal.Signals) -> None:
    with _run("print('ready', flush=True); time.sleep(600)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signum)
        assert process.wait(30) == 128 + signum
