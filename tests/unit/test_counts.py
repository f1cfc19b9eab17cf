"""Every cell has a number of its own, whoever ends it."""

from __future__ import annotations

from typing import Any

from azure_session_kernel.interpreter.history import elsewhere
from azure_session_kernel.kernel.execution_counts import Counts
from azure_session_kernel.kernel.requests import Request
from azure_session_kernel.wire import Message


def cell(code: str, **content: Any) -> Request:
    header = {"msg_id": code, "msg_type": "execute_request"}
    return Request(Message("shell", header, {"code": code, **content}), [], "shell")


def told(request: Request) -> list[str]:
    return elsewhere(request.for_session.metadata)


def test_the_session_hears_of_cells_that_ended_here_with_the_next_that_it_runs() -> None:
    counts = Counts()
    counts.on_hello("boot", 3)
    assert [counts.of(cell("a")), counts.of(cell("b"))] == [4, 5]
    ran, later = cell("c"), cell("d")
    counts.hand_over(ran)
    assert told(ran) == ["a", "b"]
    counts.heard(ran, 6)
    assert counts.of(ran) == 6
    counts.hand_over(later)
    assert told(later) == []
    assert counts.next == 7


def test_a_cell_that_could_not_be_sent_joins_those_it_would_have_told_of() -> None:
    counts = Counts()
    counts.of(cell("a"))
    unsent, ran = cell("b"), cell("c")
    counts.hand_over(unsent)
    assert counts.of(unsent) == 2
    assert counts.of(unsent) == 2, "it has its number"
    counts.on_hello("the first session", 0)
    counts.hand_over(ran)
    assert told(ran) == ["a", "b"]


def test_silent_cells_and_those_without_history_take_no_number_and_tell_nothing() -> None:
    counts = Counts()
    counts.of(cell("a"))
    silent = cell("b", silent=True)
    counts.hand_over(silent)
    assert told(silent) == []
    assert counts.of(silent) == counts.of(cell("c", store_history=False)) == counts.next == 2


def test_a_new_interpreter_counts_from_its_own_beginning() -> None:
    counts = Counts()
    counts.on_hello("boot", 3)
    counts.of(cell("a"))
    counts.on_hello("boot", 3)  # a connection that was resumed
    assert counts.next == 5
    counts.on_hello("another", 0)
    assert counts.next == 1


def test_the_text_of_many_or_long_cells_is_not_kept() -> None:
    counts = Counts()
    for number in range(30):
        assert counts.of(cell("x" * 9_000)) == number + 1
    counts.of(cell("y" * 50_000))
    ran = cell("z")
    counts.hand_over(ran)
    assert len(told(ran)) == 31
    assert sum(map(len, told(ran))) <= 100_000
    assert told(ran)[-1] == ""
