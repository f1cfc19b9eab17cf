"""The life of one request, as a table: states, events, and what follows.

::

              ╭──────────────── returned ────────────────╮
              │                                          │
           WAITING ─sent ahead─▶ AHEAD ─arrived─▶ AHEAD_SENT      then begun: SENDING, SENT

    WAITING ─begun─▶ HERE ─addressed─▶ SENDING ─arrived─▶ SENT ─heard─▶ STARTED ─idle─▶ IDLE
     │                │                   │                │              │              │
  aborted             │                   │                │              │              │
     ▼                ▼                   ▼                ▼              ▼              ▼
    ABORTED ─ended─▶ OVER ◀─ended─────────┴────────────────┴──────────────┴──────────────┘

A cell may be sent while one before it runs (``ahead.py``): it is AHEAD until its turn comes, and
WAITING again, or HERE, when it was not delivered. An ABORTED one begins as a WAITING one does,
where an interrupt ends it first. Rules:

1. What a state does not name is a fault of this kernel, and raises ``IllegalTransition``.
2. What a session says is never one: it may name a request before it was sent there, and again when
   all was said. So ``ARRIVED`` and ``HEARD`` lead onwards from each state in which a request is in
   the table (``requests.py``), and never back.
3. A request is addressed again when the boot that it was meant for is gone and nothing was lost.
4. Sending a request may end after the request has, when the session's answer was faster.

Its reply is no state: it comes before idle or after it, from different sockets. What is answered on
the spot (interrupt, connect, shutdown) stays WAITING. No I/O here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class State(Enum):
    #: In its lane, or on its way there.
    WAITING = auto()
    #: The same, and a cell before it has failed.
    ABORTED = auto()
    #: On its way to the boot in which a cell before it runs; its turn has not come.
    AHEAD = auto()
    #: There, and its turn has not come.
    AHEAD_SENT = auto()
    #: Its turn has come; the session has not been chosen, or need not be.
    HERE = auto()
    #: On its way to a boot.
    SENDING = auto()
    #: There, as far as is known.
    SENT = auto()
    #: Something of it has come from the session, so it runs there, or ran.
    STARTED = auto()
    #: The session is done with it.
    IDLE = auto()
    #: Reply and idle have gone to the front end.
    OVER = auto()


class Event(Enum):
    #: A cell before it in the queue failed.
    ABORTED = auto()
    #: It is sent, and its turn has not come.
    SENT_AHEAD = auto()
    #: It was not delivered.
    RETURNED = auto()
    #: Its turn has come.
    BEGUN = auto()
    #: The boot is known that it is sent to.
    ADDRESSED = auto()
    #: The session has it.
    ARRIVED = auto()
    #: The session has said something of it.
    HEARD = auto()
    #: The session has said that it is done with it; only after HEARD.
    IDLE = auto()
    #: It was answered, by the session or here.
    ENDED = auto()


NEXT: Final[Mapping[State, Mapping[Event, State]]] = {
    State.WAITING: {
        Event.ABORTED: State.ABORTED,
        Event.SENT_AHEAD: State.AHEAD,
        Event.BEGUN: State.HERE,
        Event.ENDED: State.OVER,
    },
    State.AHEAD: {
        Event.RETURNED: State.WAITING,
        Event.BEGUN: State.SENDING,
        Event.ARRIVED: State.AHEAD_SENT,
        Event.ENDED: State.OVER,
    },
    State.AHEAD_SENT: {
        Event.RETURNED: State.WAITING,
        Event.BEGUN: State.SENT,
        Event.ARRIVED: State.AHEAD_SENT,
        Event.ENDED: State.OVER,
    },
    State.ABORTED: {
        Event.ABORTED: State.ABORTED,
        Event.BEGUN: State.HERE,
        Event.ENDED: State.OVER,
    },
    State.HERE: {
        Event.ADDRESSED: State.SENDING,
        Event.ARRIVED: State.SENT,
        Event.HEARD: State.STARTED,
        Event.ENDED: State.OVER,
    },
    State.SENDING: {
        Event.RETURNED: State.HERE,
        Event.ADDRESSED: State.SENDING,
        Event.ARRIVED: State.SENT,
        Event.HEARD: State.STARTED,
        Event.ENDED: State.OVER,
    },
    State.SENT: {
        Event.ADDRESSED: State.SENT,
        Event.ARRIVED: State.SENT,
        Event.HEARD: State.STARTED,
        Event.ENDED: State.OVER,
    },
    State.STARTED: {
        Event.ADDRESSED: State.STARTED,
        Event.ARRIVED: State.STARTED,
        Event.HEARD: State.STARTED,
        Event.IDLE: State.IDLE,
        Event.ENDED: State.OVER,
    },
    State.IDLE: {
        Event.ADDRESSED: State.IDLE,
        Event.ARRIVED: State.IDLE,
        Event.HEARD: State.IDLE,
        Event.IDLE: State.IDLE,
        Event.ENDED: State.OVER,
    },
    State.OVER: {
        Event.ADDRESSED: State.OVER,
        Event.ARRIVED: State.OVER,
    },
}


class IllegalTransition(Exception):
    """A fault of this kernel: an event in a state in which it can't happen."""


def following(state: State, event: Event) -> State:
    """:raises IllegalTransition:"""
    try:
        return NEXT[state][event]
    except KeyError:
        raise IllegalTransition(f"{event.name} while {state.name}") from None
