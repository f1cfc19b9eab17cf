"""The life of a notebook's session, as a table: states, events, and what follows.

::

    CLOSED ──wanted──▶ OPENING ──opened──▶ READY ──lost──▶ CLOSED
       ▲                  │                  │
       └──────failed──────┘                  │
                          ├──────taken───────┴──▶ TAKEN
    any of these ──close──▶ CLOSING ──ended──▶ OVER

Rules:

1. An event that a state does not name changes nothing there: a boot that is lost while the session
   is opened again is no news, and what is taken stays so.
2. Who makes a change acts on it, and nobody else: one request opens, and one caller closes.
3. From CLOSING on nothing opens, whoever asks and whatever ends.

No I/O here: ``session.py`` acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class State(Enum):
    CLOSED = auto()
    OPENING = auto()
    READY = auto()
    TAKEN = auto()
    CLOSING = auto()
    OVER = auto()


class Event(Enum):
    #: A request needs the session, or the kernel has begun.
    WANTED = auto()
    #: Its hello has come.
    OPENED = auto()
    #: It can't be opened: the next request tries again.
    FAILED = auto()
    #: Its boot has ended, or can't be reached any more.
    LOST = auto()
    #: A newer kernel has claimed it.
    TAKEN = auto()
    #: Shutdown, restart, SIGTERM, or the parent's end.
    CLOSE = auto()
    #: Closing has come to its end, well or not.
    ENDED = auto()


NEXT: Final[Mapping[State, Mapping[Event, State]]] = {
    State.CLOSED: {
        Event.WANTED: State.OPENING,
        Event.TAKEN: State.TAKEN,
        Event.CLOSE: State.CLOSING,
    },
    State.OPENING: {
        Event.OPENED: State.READY,
        Event.FAILED: State.CLOSED,
        Event.TAKEN: State.TAKEN,
        Event.CLOSE: State.CLOSING,
    },
    State.READY: {
        Event.LOST: State.CLOSED,
        Event.TAKEN: State.TAKEN,
        Event.CLOSE: State.CLOSING,
    },
    State.TAKEN: {Event.CLOSE: State.CLOSING},
    State.CLOSING: {Event.ENDED: State.OVER},
    State.OVER: {},
}


class Life:
    """Where one session is in its life."""

    def __init__(self) -> None:
        self.state = State.CLOSED

    def on(self, event: Event) -> bool:
        """True when ``event`` changes the state: then the caller acts."""
        following = NEXT[self.state].get(event)
        if following is None:
            return False
        self.state = following
        return True

    @property
    def ending(self) -> bool:
        return self.state in (State.CLOSING, State.OVER)
