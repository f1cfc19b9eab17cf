"""How much one command transfers, and the option that raises it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..common.errors import FileTooLarge, MagicUsage

OPTION: Final = "--max-size"
FILE_BYTES: Final = 256 * 1024**2
COMMAND_BYTES: Final = 1024**3
_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_SIZE: Final = re.compile(r"(\d{1,15})\s*([KMG]?)(?:I?B)?", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """In bytes. :ivar command: all files of one command together."""

    file: int = FILE_BYTES
    command: int = COMMAND_BYTES

    @classmethod
    def parse(cls, text: str | None) -> Limits:
        """What ``--max-size`` says, such as ``500M``; it also raises what a command may have.

        :raises MagicUsage: it is no size.
        """
        if text is None:
            return cls()
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise MagicUsage(f"{text[:50]!r} is not a size.", fix=f"Write {OPTION} 500M, or 2G.")
        size = int(match[1]) * _UNITS[match[2].upper()]
        return cls(size, max(size, COMMAND_BYTES))

    def check(self, name: str, size_bytes: int) -> None:
        """:raises FileTooLarge:"""
        if size_bytes > self.file:
            raise FileTooLarge(
                f"{name!r} has {shown(size_bytes)}; the limit for one file is {shown(self.file)}.",
                fix=f"If it is really needed, raise the limit: {OPTION} {_next(size_bytes)}",
            )

    def check_all(self, total_bytes: int) -> None:
        """:raises FileTooLarge:"""
        if total_bytes > self.command:
            raise FileTooLarge(
                f"These files have {shown(total_bytes)} together; the limit for one command is "
                f"{shown(self.command)}.",
                fix=f"Name fewer files, or raise the limit: {OPTION} {_next(total_bytes)}",
            )


def shown(size_bytes: int) -> str:
    """For people: ``1.5 MB``."""
    size, unit = float(size_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1024, larger
    return f"{size_bytes} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def _next(size_bytes: int) -> str:
    """A value of the option that is large enough."""
    return f"{-(-size_bytes // 1024**2)}M"
