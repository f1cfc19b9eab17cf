"""``azure-session-kernel`` as a process of its own, for every benchmark."""

from __future__ import annotations

import os
import re
import subprocess
import sys

_MAIN = "from azure_session_kernel.cli.main import main; raise SystemExit(main())"
PROGRAM = (sys.executable, "-c", _MAIN)


def inherited() -> dict[str, str]:
    """This environment, without what the user has set for kernels."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "JPY_"))}


def until(process: subprocess.Popen[str], pattern: re.Pattern[str]) -> None:
    """Read what it prints up to the first line with ``pattern`` in it."""
    for line in process.stdout or ():
        if pattern.search(line):
            return
    raise SystemExit("the local pool did not start")
