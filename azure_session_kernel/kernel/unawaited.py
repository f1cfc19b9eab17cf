"""Requests that are open in the session although nobody here waits for them any longer.

They were ended here because the session did not answer in time, or they are those of a kernel that
was killed. The cells behind them wait, and an interrupt must reach them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Stray:
    """:ivar found: an earlier kernel has sent it.

    :ivar signalled_at: see ``Request``. :ivar spoke: likewise.
    """

    msg_id: str
    boot: str
    found: bool = False
    signalled_at: float | None = None
    spoke: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Strays:
    """By their ``msg_id``, oldest first, until their idle comes or their boot is over."""

    def __init__(self) -> None:
        self._open: dict[str, Stray] = {}

    def add(self, msg_id: str, boot: str) -> None:
        self._open[msg_id] = Stray(msg_id, boot)

    def found(self, boot: str, msg_ids: Iterable[str]) -> None:
        """``boot`` has these and no others."""
        wanted = list(msg_ids)
        for msg_id in self._open.keys() - wanted:
            self.ended(msg_id)
        for msg_id in wanted:
            self._open.setdefault(msg_id, Stray(msg_id, boot, found=True))

    def ended(self, msg_id: str) -> None:
        stray = self._open.pop(msg_id, None)
        if stray is not None:
            stray.over.set()

    def get(self, msg_id: str) -> Stray | None:
        return self._open.get(msg_id)

    def none_in(self, boot: str) -> None:
        for msg_id in [key for key, stray in self._open.items() if stray.boot == boot]:
            self.ended(msg_id)

    def of(self, boot: str) -> list[Stray]:
        return [stray for stray in self._open.values() if stray.boot == boot]

    @property
    def any_found(self) -> bool:
        """A cell of an earlier kernel still runs: its session must not be left to the cooldown."""
        return any(stray.found for stray in self._open.values())

    def __contains__(self, msg_id: str) -> bool:
        return msg_id in self._open
