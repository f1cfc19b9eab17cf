"""How the command line says what is wrong, and helps: an error stands first, and alone."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from ..common.errors import SessionKernelError, in_a_terminal


class Parser(argparse.ArgumentParser):
    """``argparse`` whose errors have no usage before them, and whose help shows defaults."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": Help, **options})

    def error(self, message: str) -> NoReturn:
        """An error of several lines says itself what to do."""
        more = "" if "\n" in message else f"\n  What to do:   {self.prog} --help"
        self.exit(2, f"{self.prog}: {message.removeprefix('argument ')}{more}\n")


class Help(argparse.HelpFormatter):
    """Names the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        told = action.default in (None, "", [], False, argparse.SUPPRESS) or "default" in str(text)
        how = "g" if isinstance(action.default, float) else "s"
        return text if told else f"{text} (default: %(default){how})"


def in_lines(error: SessionKernelError) -> str:
    """What happened, why, and what to do; commands stand on lines of their own."""
    lines = [error.what]
    if error.cause:
        lines.append(f"  Likely cause: {error.cause}")
    if error.fix:
        lines.append("  What to do:   " + in_a_terminal(error.fix).replace("\n", "\n      "))
    return "\n".join(lines)
