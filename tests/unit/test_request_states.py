"""A request's life: every event in every state, and what others wait for."""

from __future__ import annotations

import pytest

from azure_session_kernel.kernel.request_states import (
    NEXT,
    Event,
    IllegalTransition,
    State,
    following,
)
from azure_session_kernel.kernel.requests import Request
from azure_session_kernel.wire import Message

S, E = State, Event
#: What each event makes of each state; None: it can't happen. In the order of ``Event``:
#: aborted, sent ahead, returned, begun, addressed, arrived, heard, idle, ended.
TABLE = {
    S.WAITING: (S.ABORTED, S.AHEAD, None, S.HERE, None, None, None, None, S.OVER),
    S.ABORTED: (S.ABORTED, None, None, S.HERE, None, None, None, None, S.OVER),
    S.AHEAD: (None, None, S.WAITING, S.SENDING, None, S.AHEAD_SENT, None, None, S.OVER),
    S.AHEAD_SENT: (None, None, S.WAITING, S.SENT, None, S.AHEAD_SENT, None, None, S.OVER),
    S.HERE: (None, None, None, None, S.SENDING, S.SENT, S.STARTED, None, S.OVER),
    S.SENDING: (None, None, S.HERE, None, S.SENDING, S.SENT, S.STARTED, None, S.OVER),
    S.SENT: (None, None, None, None, S.SENT, S.SENT, S.STARTED, None, S.OVER),
    S.STARTED: (None, None, None, None, S.STARTED, S.STARTED, S.STARTED, S.IDLE, S.OVER),
    S.IDLE: (None, None, None, None, S.IDLE, S.IDLE, S.IDLE, S.IDLE, S.OVER),
    S.OVER: (None, None, None, None, S.OVER, S.OVER, None, None, None),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_event_in_every_state(state: State, event: Event) -> None:
    then = TABLE[state][list(Event).index(event)]
    if then is None:
        with pytest.raises(IllegalTransition, match=f"{event.name} while {state.name}"):
            following(state, event)
    else:
        assert following(state, event) is then


def test_no_state_is_without_a_row_and_each_is_reached_from_the_first() -> None:
    assert set(NEXT) == set(State)
    reached, more = {S.WAITING}, {S.WAITING}
    while more:
        more = {then for state in more for then in NEXT[state].values()} - reached
        reached |= more
    assert reached == set(State)


def _request() -> Request:
    header = {"msg_id": "cell", "msg_type": "execute_request"}
    return Request(Message("shell", header, {}), [], "shell")


@pytest.mark.parametrize(
    ("events", "sent", "started", "over"),
    [
        ((E.BEGUN, E.ADDRESSED), False, False, False),
        ((E.BEGUN, E.ADDRESSED, E.ARRIVED), True, False, False),
        ((E.BEGUN, E.ADDRESSED, E.HEARD), True, True, False),
        ((E.BEGUN, E.ADDRESSED, E.HEARD, E.IDLE, E.ENDED), True, False, True),
        ((E.BEGUN, E.ENDED), False, False, True),
        ((E.BEGUN, E.ADDRESSED, E.ENDED, E.ARRIVED), True, False, True),
    ],
)
def test_what_others_wait_for_follows_from_the_events(
    events: tuple[Event, ...], sent: bool, started: bool, over: bool
) -> None:
    request = _request()
    for event in events:
        request.on(event)
    assert (request.sent.is_set(), request.started, request.over.is_set()) == (sent, started, over)


def test_what_can_not_happen_changes_nothing() -> None:
    request = _request()
    with pytest.raises(IllegalTransition):
        request.on(E.HEARD)
    assert request.state is S.WAITING
    assert not request.sent.is_set()
