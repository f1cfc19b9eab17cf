"""Joining small prints changes neither their text nor the order of anything."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from azure_session_kernel.container.log.stream_merger import WINDOW_CHARS, WINDOW_S, StreamMerger
from azure_session_kernel.wire import Message


def stream(text: Any, name: Any = "stdout", parent: str = "cell", **fields: Any) -> Message:
    header = {"msg_id": "m", "msg_type": "stream"}
    content = {"name": name, "text": text}
    return Message("iopub", header, content, {"msg_id": parent}, **fields)


def other(label: str = "x", parent: str = "cell") -> Message:
    header = {"msg_id": label, "msg_type": "display_data"}
    return Message("iopub", header, {"data": {"text/plain": label}}, {"msg_id": parent})


def texts(messages: list[Message]) -> list[Any]:
    return [message.content.get("text", "other") for message in messages]


def test_the_first_text_of_a_run_is_passed_on_at_once() -> None:
    assert texts(StreamMerger().add(stream("a"), 0.0)) == ["a"]


def test_texts_within_the_window_are_joined() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    assert merger.add(stream("b"), 0.01) == []
    assert merger.add(stream("c"), 0.02) == []
    assert merger.waiting
    assert merger.due == WINDOW_S
    assert texts(merger.flush()) == ["bc"]
    assert not merger.waiting
    assert merger.flush() == []


def test_a_text_after_a_quiet_window_is_passed_on_at_once() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    assert texts(merger.add(stream("b"), WINDOW_S)) == ["b"]


def test_many_characters_are_passed_on_before_the_window_ends() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    assert merger.add(stream("b" * (WINDOW_CHARS - 1)), 0.0) == []
    (joined,) = merger.add(stream("c"), 0.0)
    assert joined.content["text"] == "b" * (WINDOW_CHARS - 1) + "c"


def test_another_stream_name_ends_a_run() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    merger.add(stream("b"), 0.0)
    assert texts(merger.add(stream("c", name="stderr"), 0.0)) == ["b", "c"]


def test_another_parent_ends_a_run() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    merger.add(stream("b"), 0.0)
    done = merger.add(stream("c", parent="next cell"), 0.0)
    assert [(m.parent_id, m.content["text"]) for m in done] == [("cell", "b"), ("next cell", "c")]


def test_a_message_of_another_type_never_overtakes_text() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    merger.add(stream("b"), 0.0)
    assert texts(merger.add(other(), 0.0)) == ["b", "other"]
    assert texts(merger.add(stream("c"), 0.0)) == ["c"], "it begins a new run"


def test_what_is_not_an_ordinary_text_is_passed_on_unjoined() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    for odd in (stream(None), stream("x", name=7), stream("x", buffers=(b"1",))):
        assert merger.add(odd, 0.0) == [odd]


def test_a_joined_message_has_the_headers_of_its_first_text() -> None:
    merger = StreamMerger()
    merger.add(stream("a"), 0.0)
    first = stream("b", metadata={"k": 1})
    merger.add(first, 0.0)
    merger.add(stream("c"), 0.0)
    (joined,) = merger.flush()
    assert (joined.header, joined.metadata) == (first.header, {"k": 1})
    assert first.content["text"] == "b", "the message that came is not changed"


#: (advance the clock by, flush first?, message)
arrivals = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 0.06]),
        st.booleans(),
        st.one_of(
            st.builds(
                stream,
                st.text(max_size=5),
                name=st.sampled_from(["stdout", "stderr"]),
                parent=st.sampled_from(["1", "2"]),
            ),
            st.builds(other, st.text(max_size=3), parent=st.sampled_from(["1", "2"])),
        ),
    ),
    max_size=40,
)


def joined_runs(messages: list[Message]) -> list[tuple[Any, ...]]:
    """Consecutive texts of one parent and name as one: what a reader is to see."""
    runs: list[tuple[Any, ...]] = []
    for message in messages:
        if message.msg_type != "stream":
            runs.append(("other", message.msg_id, message.parent_id))
            continue
        key, text = (message.parent_id, message.content["name"]), message.content["text"]
        if runs and runs[-1][0] == key:
            runs[-1] = (key, runs[-1][1] + text)
        else:
            runs.append((key, text))
    return runs


@given(arrivals)
def test_nothing_is_lost_repeated_or_moved(arrivals: list[tuple[float, bool, Message]]) -> None:
    merger = StreamMerger()
    now, out = 0.0, []
    for seconds, flush, message in arrivals:
        now += seconds
        if flush:
            out += merger.flush()
        out += merger.add(message, now)
        assert not merger.waiting or merger.due is not None, "text waits, and nobody will call"
    out += merger.flush()
    assert joined_runs(out) == joined_runs([message for _, _, message in arrivals])
    assert len(out) <= len(arrivals)


@given(arrivals)
def test_text_never_waits_longer_than_the_window(
    arrivals: list[tuple[float, bool, Message]],
) -> None:
    merger = StreamMerger()
    now = 0.0
    for seconds, flush, message in arrivals:
        now += seconds
        if flush or (merger.due is not None and now >= merger.due):
            merger.flush()
        merger.add(message, now)
        if merger.waiting:
            assert merger.due is not None
            assert merger.due <= now + WINDOW_S
