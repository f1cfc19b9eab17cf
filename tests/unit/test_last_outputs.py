"""What ``%session last`` shows."""

from __future__ import annotations

import tracemalloc
from typing import Any

from azure_session_kernel.kernel.last_outputs import LastOutputs, ShownLast
from azure_session_kernel.wire import Message


def message(msg_type: str, parent: str, text: str = "") -> Message:
    return Message("iopub", {"msg_type": msg_type}, {"text": text}, {"msg_id": parent})


def texts(last: LastOutputs) -> list[str]:
    return [kept.content["text"] for kept in last.messages]


def test_the_outputs_of_the_newest_cell_are_kept_in_order() -> None:
    last = LastOutputs()
    for one in (("stream", "a", "old"), ("execute_input", "b"), ("stream", "b", "1")):
        last.add(message(*one))
    last.add(message("status", "b"))
    last.add(message("display_data", "b", "2"))
    assert texts(last) == ["1", "2"]


def test_a_cell_whose_beginning_was_not_heard_counts_as_well() -> None:
    last = LastOutputs()
    last.add(message("stream", "a", "old"))
    last.add(message("stream", "b", "new"))
    assert texts(last) == ["new"]


def test_what_a_thread_of_an_earlier_cell_prints_takes_nothing_away() -> None:
    last = LastOutputs()
    for one in (("execute_input", "b"), ("stream", "b", "new"), ("stream", "a", "late")):
        last.add(message(*one))
    last.add(message("clear_output", "a"))
    assert texts(last) == ["new"]


def test_what_is_to_be_cleared_stays_until_something_takes_its_place() -> None:
    last = LastOutputs()
    last.add(message("stream", "a", "10 %"))
    last.add(Message("iopub", {"msg_type": "clear_output"}, {"wait": True}, {"msg_id": "a"}))
    assert texts(last) == ["10 %"]
    last.add(message("stream", "a", "20 %"))
    assert texts(last) == ["20 %"]


def test_what_a_cell_has_cleared_is_not_shown_again() -> None:
    last = LastOutputs()
    for one in (("stream", "a", "10 %"), ("clear_output", "a"), ("stream", "a", "20 %")):
        last.add(message(*one))
    assert texts(last) == ["20 %"]


def test_past_the_bound_the_oldest_go_and_that_is_known() -> None:
    last = LastOutputs(kept_bytes=2000)
    for number in range(10):
        last.add(message("stream", "a", f"{number}" * 20))
    assert not last.complete
    assert texts(last)[-1] == "9" * 20
    assert 1 < len(last.messages) < 5
    last.add(message("execute_input", "b"))
    assert last.complete


def test_an_output_is_kept_with_its_metadata_and_buffers() -> None:
    last = LastOutputs()
    content, metadata = {"data": {"text/plain": "\ud800 é"}}, {"needs_background": "light"}
    header = {"msg_type": "display_data"}
    last.add(Message("iopub", header, content, {"msg_id": "a"}, metadata, (b"\x00",)))
    (kept,) = last.messages
    assert (kept.content, kept.metadata, kept.buffers) == (content, metadata, (b"\x00",))
    assert kept.msg_type == "display_data"


def test_what_can_not_be_kept_ends_nothing() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    last = LastOutputs()
    last.add(message("stream", "a", "1"))
    last.add(Message("iopub", {"msg_type": "display_data"}, {"data": deep}, {"msg_id": "a"}))
    last.add(message("stream", "a", "2"))
    assert texts(last) == ["1", "2"]
    assert not last.complete


def test_what_came_in_a_line_too_large_is_not_even_encoded() -> None:
    last = LastOutputs(kept_bytes=2000)
    last.add(message("stream", "a", "1"))
    content, parent = {"data": object()}, {"msg_id": "a"}
    last.add(Message("iopub", {"msg_type": "error"}, content, parent, size_bytes=4001))
    last.add(message("stream", "a", "2"))
    assert texts(last) == ["2"]
    assert not last.complete


def test_many_tiny_outputs_take_no_more_memory_than_the_bound() -> None:
    last = LastOutputs(kept_bytes=1_000_000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            last.add(message("display_data", "a", str(number)))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(last.messages) > 2000
    assert after - before < 1_000_000


def test_the_cells_before_are_kept_with_their_numbers_and_get_what_is_theirs() -> None:
    last = LastOutputs()
    for number, cell in enumerate("ab", 1):
        content = {"execution_count": number, "code": f"\nprint('{cell}')\nmore"}
        last.add(Message("iopub", {"msg_type": "execute_input"}, content, {"msg_id": cell}))
        last.add(message("stream", cell, cell))
    last.add(message("stream", "a", "late"))
    last.add(message("stream", "unknown", "?"))
    shown = [(c.number, c.title, [m.content["text"] for m in c.messages]) for c in last.cells]
    assert shown == [(1, "print('a')", ["a", "late"]), (2, "print('b')", ["b"])]


def test_past_the_bound_outputs_of_the_oldest_cell_go_first_and_empty_cells_last() -> None:
    last = LastOutputs(kept_bytes=4000)
    for number in range(100):
        last.add(message("execute_input", f"cell-{number}"))
        last.add(message("stream", f"cell-{number}", "x" * 20))
    assert [cell.parent for cell in last.cells] == ["cell-97", "cell-98", "cell-99"]
    assert last.complete
    for _ in range(100):
        last.add(message("stream", "cell-99", "y" * 20))
    assert [cell.parent for cell in last.cells] == ["cell-99"]
    assert 1 < len(last.messages) < 12


def _shown(parent: dict[str, Any], header: dict[str, Any] | None = None) -> int:
    last = ShownLast()
    last.add(Message("iopub", {"msg_type": "stream"}, {"text": "1"}, parent), header)
    return sum(map(len, last.cells()))


def test_what_no_cell_has_printed_is_not_shown_again() -> None:
    """As a debugger does, and ipykernel's complaint about a comm that it does not know."""
    assert _shown({"msg_id": "a", "msg_type": "execute_request"}) == 1
    assert _shown({"msg_id": "a"}, {"msg_id": "a", "msg_type": "execute_request"}) == 1
    assert _shown({"msg_id": "a", "msg_type": "debug_request"}) == 0
    assert _shown({"msg_id": "a", "msg_type": "comm_msg"}, {"msg_type": "comm_msg"}) == 0
    assert _shown({}) == 0
