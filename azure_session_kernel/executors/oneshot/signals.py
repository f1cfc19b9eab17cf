"""Signals behind exit codes: negative in Python's ``subprocess``, above 128 in shells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Linux's, which sessions are, whatever this machine is.
_NAMES: Final[Mapping[int, str]] = {
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
    24: "SIGXCPU",
    25: "SIGXFSZ",
    31: "SIGSYS",
}
_SHELL: Final = 128


def signal_of(code: int | None) -> str:
    """The signal that a negative exit code means, or "". -1 is what many programs say instead of a
    code.
    """
    return "" if code is None else _NAMES.get(-code, "")


def perhaps_signal_of(code: int | None) -> str:
    """The signal that an exit code means if a shell is in between, or ""."""
    return "" if code is None else _NAMES.get(code - _SHELL, "")
