"""How many notebooks may be under way: as many as asked for, and fewer while the pool is full.

What the pool refuses shows how many it has room for; after a pause that doubles, one more is tried,
and each that gets in makes room for the next. So the number follows what others leave free.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..pool.retry import jittered

#: After a refusal, at first and at most; each is shortened by up to a half by chance.
FIRST_S: Final = 0.5
LONGEST_S: Final = 15.0


class Places:
    """:param most: never more than these. :param clock: in seconds."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._limit = most
        self._taken: set[str] = set()
        self._open: set[str] = set()
        self._pause_s = FIRST_S
        self._grows_at = 0.0
        #: Since when the pool has refused all, without a session of ours.
        self._shut_since: float | None = None

    @property
    def with_session(self) -> int:
        return len(self._open)

    @property
    def asking(self) -> int:
        """How many have no session yet."""
        return len(self._taken) - len(self._open)

    @property
    def is_full(self) -> bool:
        """The pool has refused one, and none has got in since."""
        return self._limit < self._most

    def grow(self) -> None:
        """By one, if there is no room and the pause after a refusal is over."""
        if self._limit < self._most and not self.has_room() and self._clock() >= self._grows_at:
            self._limit = max(self._limit, len(self._open)) + 1
            self._grows_at = self._clock() + self._next_pause_s()

    def has_room(self) -> bool:
        return len(self._taken) < self._limit

    def room_in_s(self) -> float | None:
        """When it may have, though nothing ends; None: never."""
        if self._limit >= self._most:
            return None
        return max(0.0, self._grows_at - self._clock())

    def take(self, name: str) -> None:
        self._taken.add(name)

    def opened(self, name: str) -> None:
        self._open.add(name)
        self._shut_since = None
        self._pause_s = FIRST_S
        if self._limit < self._most:
            self._limit = max(self._limit, len(self._open) + 1)

    def refused(self, name: str) -> None:
        """The pool is full. It gives its place back."""
        self._taken.discard(name)
        self._limit = min(self._limit, len(self._open))
        if not self._open and self._shut_since is None:
            self._shut_since = self._clock()
        if self._clock() >= self._grows_at:  # many refused at once are one reason to wait
            self._grows_at = self._clock() + self._next_pause_s()

    def release(self, name: str) -> None:
        self._taken.discard(name)
        if name in self._open:  # so there is room soon, though not always at once
            self._open.discard(name)
            self._pause_s = FIRST_S
            self._grows_at = min(self._grows_at, self._clock() + self._next_pause_s())

    def shut_s(self) -> float:
        """For how long the pool has refused everything, while we had no session."""
        return 0.0 if self._shut_since is None else self._clock() - self._shut_since

    def _next_pause_s(self) -> float:
        pause_s = jittered(self._pause_s)
        self._pause_s = min(self._pause_s * 2, LONGEST_S)
        return pause_s
