"""How a session's log is read: as one long stream, or by asking again and again.

Some proxies hold an answer back until it ends. Then a long stream shows nothing for as long as it
lasts, not even the keep-alive line with which every read begins. Behind such a proxy each read ends
with the first thing there is to say. From time to time a stream is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..wire import KEEPALIVE_S, MAX_READ_S

#: A stream that has not brought a byte by then is held back by somebody.
FIRST_BYTE_S: Final = 5.0
#: A stream without even a keep-alive line for so long is dead.
SILENCE_S: Final = KEEPALIVE_S * 2.5
#: A read that ends with the first output: below the limits of common proxies (30 s).
POLL_S: Final = 20.0
#: A stream is tried again after so long, then after twice that, and so on.
FIRST_TRIAL_S: Final = 60.0
LAST_TRIAL_S: Final = 3600.0


@dataclass(frozen=True)
class Style:
    """One read request.

    :ivar wait_s: how long the session may keep it open.
    :ivar once: it ends with the first lines.
    :ivar first_byte_s: how long its first byte may take.
    :ivar silence_s: how long there may be nothing after that.
    """

    wait_s: float
    once: bool
    first_byte_s: float
    silence_s: float


STREAM: Final = Style(MAX_READ_S, False, FIRST_BYTE_S, SILENCE_S)
POLL: Final = Style(POLL_S, True, POLL_S + FIRST_BYTE_S, POLL_S + FIRST_BYTE_S)


class ReadStyle:
    """Chooses the style of each read from what became of the ones before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._trial_after_s = FIRST_TRIAL_S
        self._trial_at: float | None = None

    @property
    def polling(self) -> bool:
        return self._trial_at is not None

    def choose(self) -> Style:
        if self._trial_at is None or self._clock() >= self._trial_at:
            return STREAM
        return POLL

    def flowed(self, style: Style) -> None:
        """The first byte came in time."""
        if not style.once:
            self._trial_at, self._trial_after_s = None, FIRST_TRIAL_S

    def held_back(self, style: Style) -> None:
        """Not a byte came within ``first_byte_s``."""
        if style.once:
            return
        if self._trial_at is not None:
            self._trial_after_s = min(self._trial_after_s * 2, LAST_TRIAL_S)
        self._trial_at = self._clock() + self._trial_after_s
