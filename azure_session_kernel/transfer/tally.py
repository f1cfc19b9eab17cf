"""What uploads and downloads share: how far they are, and the second chance of a changing file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ..common.errors import FileChanged

_T = TypeVar("_T")


@dataclass
class Tally:
    """How far a command is; whoever shows it reads this whenever it likes.

    :ivar left_out: what a pattern means and what can't be transferred, with the reason.
    :ivar changed: what is another file here than the one that was transferred earlier.
    """

    total_files: int = 0
    total_bytes: int = 0
    done_bytes: int = 0
    transferred: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    @property
    def done_files(self) -> int:
        return len(self.transferred) + len(self.unchanged)

    def add_bytes(self, count: int) -> None:
        self.done_bytes += count


async def twice(attempt: Callable[[], Awaitable[_T]]) -> _T:
    """A file that changes while it is read is tried once more. :raises FileChanged: again."""
    try:
        return await attempt()
    except FileChanged:
        return await attempt()
