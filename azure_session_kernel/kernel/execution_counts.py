"""Execution counts: every cell has a number of its own, also one that the session does not run.

The session counts. A cell that ends here (a magic of ours, or one that could not be sent) takes the
next number, and the session hears of it with the next cell that it runs: it leaves that number out,
and has the cell in ``In`` and in its history, as ipykernel would.
"""

from __future__ import annotations

from typing import Final

from .requests import Request

#: Of a cell that ended here, and of all of them. Longer ones are counted, without their text.
_CELL_CHARS: Final = 10_000
_CHARS: Final = 100_000


class Counts:
    def __init__(self) -> None:
        self._session, self._boot = 0, ""
        self._ended_here: list[str] = []

    @property
    def next(self) -> int:
        """The number of a cell that begins now."""
        return self._session + len(self._ended_here) + 1

    def on_hello(self, boot: str, execution_count: int) -> None:
        """A new interpreter counts from its own beginning."""
        if self._boot not in ("", boot):
            self._ended_here.clear()
        self._session, self._boot = execution_count, boot

    def hand_over(self, request: Request) -> None:
        """Called before a cell is sent: the session hears of those that ended here."""
        if request.is_execute and not request.message.content.get("silent"):
            request.elsewhere, self._ended_here = tuple(self._ended_here), []

    def take_back(self, request: Request) -> None:
        """It was not run: the session has not heard of them."""
        self._ended_here[:0], request.elsewhere = request.elsewhere, ()

    def heard(self, request: Request | None, count: int) -> None:
        """The session has begun a cell under that number."""
        self._session = count
        if request is not None:
            request.execution_count, request.elsewhere = count, ()

    def of(self, request: Request) -> int:
        """The number of a cell that is over: the session's, or one that it takes here."""
        if request.execution_count is None:
            self.take_back(request)
            request.execution_count = self.next
            content = request.message.content
            counts = content.get("store_history", True) and not content.get("silent")
            if counts and not request.sent.is_set():  # else the session would have counted it
                self._ended_here.append(self._kept(str(content.get("code", ""))))
        return request.execution_count

    def _kept(self, code: str) -> str:
        room = _CHARS - sum(map(len, self._ended_here))
        return code if len(code) <= min(room, _CELL_CHARS) else ""
