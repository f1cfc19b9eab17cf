"""What a process that runs beside the user's code may import."""

from __future__ import annotations

import sys
from pathlib import Path


def without_imports_from_here() -> None:
    """Modules that the user's code writes must not reach this process."""
    here = str(Path.cwd())
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
