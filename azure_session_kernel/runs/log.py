"""``kernels.log`` in the output folder: what kernel processes would write to their stderr."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LOG: Final = "kernels.log"
_OURS: Final = logging.getLogger("azure_session_kernel")


class _File(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A full disk is told of by what matters more."""


@contextlib.contextmanager
def log_kept(path: Path) -> Iterator[None]:
    """Within, warnings and errors go there, and not to the terminal. Nothing is said: no file."""
    handler = _File(path, delay=True, encoding="utf-8")
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    _OURS.addHandler(handler)
    before, _OURS.propagate = _OURS.propagate, False
    try:
        yield
    finally:
        _OURS.propagate = before
        _OURS.removeHandler(handler)
        handler.close()
