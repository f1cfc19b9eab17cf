"""Boots that end one after another, and none of them has brought a cell to its end.

An image can do that with a start-up file, a session because it means harm. The first one that ends
is followed at once, the next after a pause, and after ``FEW`` none is opened before a cell asks.
"""

from __future__ import annotations

from ..pool.retry import delays

FEW = 3


class Deaths:
    """:ivar in_a_row: since a cell, or a magic that uses the session, last came to its end."""

    def __init__(self) -> None:
        self.in_a_row = 0
        self._alive = self._has_cell = False
        self._waits = delays()

    def opened(self) -> None:
        self._alive, self._has_cell = True, False

    def gets_cell(self) -> None:
        self._has_cell = True

    def answered(self) -> None:
        """The session says that a cell is over, which counts if there was one to answer."""
        if self._has_cell:
            self.used()

    def used(self) -> None:
        self.in_a_row, self._waits = 0, delays()

    def ended(self) -> None:
        """The boot that was opened last; hearing it twice makes no difference."""
        self.in_a_row += self._alive
        self._alive = False

    @property
    def too_many(self) -> bool:
        return self.in_a_row >= FEW

    def pause_s(self) -> float:
        """Before the next one is opened."""
        return next(self._waits) if self.in_a_row > 1 else 0.0
