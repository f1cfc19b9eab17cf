"""How to install what is missing: for the Python that runs, whatever ``pip`` a terminal finds."""

from __future__ import annotations

import shlex
import sys


def pip_install(*requirement: str) -> str:
    """The command, to be pasted into a shell."""
    return shlex.join([sys.executable, "-m", "pip", "install", *requirement])
