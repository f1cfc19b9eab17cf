"""The wire protocol: what goes in comes out, and nothing hostile does more than raise WireError."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_client.session import Session

from azure_session_kernel import wire
from azure_session_kernel.wire import (
    BootEnded,
    EndOfRead,
    Gap,
    Hello,
    KeepAlive,
    LineSplitter,
    LineTooLong,
    LogLine,
    LogMessage,
    Message,
    Oversized,
    PartAssembler,
    Superseded,
    WireError,
    decoded_size,
)
from azure_session_kernel.wire.messages import ContentUnreadable
from azure_session_kernel.wire.words import END_REASONS
from azure_session_kernel.wire.zmq_messages import decode_frames, parent_id_of

#: Every code point, lone surrogates included.
any_text = st.text(st.characters(exclude_categories=()), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(any_text, json_values, max_size=3)
headers = st.builds(
    lambda rest, msg_id, msg_type: {**rest, "msg_id": msg_id, "msg_type": msg_type},
    objects,
    any_text.filter(bool),
    any_text.filter(bool),
)
messages = st.builds(
    Message,
    channel=st.sampled_from(sorted(wire.CHANNELS)),
    header=headers,
    content=objects,
    parent_header=objects,
    metadata=objects,
    buffers=st.lists(st.binary(max_size=40), max_size=3).map(tuple),
)
numbers = st.integers(min_value=1)
sizes = st.integers(min_value=0, max_value=2**63 - 1)
lines = st.one_of(
    st.builds(LogMessage, numbers, messages),
    st.builds(BootEnded, numbers, st.sampled_from(END_REASONS), any_text),
    st.builds(Gap, numbers, objects, any_text, sizes),
    st.builds(Oversized, numbers, objects, any_text, any_text, sizes, sizes),
    st.sampled_from([KeepAlive(), EndOfRead(), Superseded()]),
)


def message(text: str = "x", **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "channel": "iopub",
        "header": {"msg_id": "1", "msg_type": "stream"},
        "content": {"name": "stdout", "text": text},
    }
    return Message(**{**fields, **changes})


# -- log lines


@given(lines)
def test_a_log_line_survives_the_wire(line: LogLine) -> None:
    data = wire.encode_line(line)
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert wire.decode_line(data[:-1]) == line


@given(st.lists(st.builds(LogMessage, st.integers(1, 10**18 - 1), messages), max_size=4), st.data())
def test_messages_with_their_parts_survive_any_chunking(
    sent: list[LogMessage], data: st.DataObject
) -> None:
    """Between ordinary lines, with which they may be mixed."""
    one_by_one = [wire.encode_framed(line) for line in sent]
    log = b"".join(one + wire.encode_line(KeepAlive()) for one in one_by_one)
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=8))
    splitter = LineSplitter()
    found = [
        wire.decode_line(line)
        for start, end in itertools.pairwise(sorted({0, len(log), *cuts}))
        for line in splitter.feed(log[start:end])
    ]
    assert found[::2] == sent
    assert set(found[1::2]) <= {KeepAlive()}
    assert splitter.between_lines
    assert list(wire.entries(b"".join(one_by_one))) == [one[:-1] for one in one_by_one]
    count = data.draw(st.integers(0, len(sent)))
    assert wire.without_first(b"".join(one_by_one), count) == b"".join(one_by_one[count:])


@given(st.lists(st.builds(LogMessage, st.integers(1, 10**18 - 1), messages), max_size=4))
def test_messages_with_their_parts_become_ordinary_lines(sent: list[LogMessage]) -> None:
    log = b"".join(map(wire.encode_framed, sent)) + wire.encode_line(KeepAlive())
    found = wire.as_lines(log).split(b"\n")
    assert [wire.decode_line(line) for line in found[:-1]] == [*sent, KeepAlive()]


def framed(content: bytes = b"{}", *more: bytes, head: bytes = b"", n: int = 7) -> bytes:
    """A message with these parts behind its metadata, as it is on the wire."""
    parts = (b"{}", content, *more)
    sizes = b",".join(b"%d" % len(part) for part in parts)
    head = head or b'"channel":"iopub","header":{"msg_id":"m","msg_type":"stream"}'
    return b'{"n":%d,"sizes":[%b],%b}\n%b\n' % (n, sizes, head, b"".join(parts))


def test_parts_are_relayed_as_they_came_and_buffers_are_no_base64() -> None:
    content, buffer = b'{"name": "stdout",\n "text": "\xc3\xa9"}', bytes(range(256))
    (data,) = LineSplitter().feed(framed(content, buffer))
    line = wire.decode_line(data)
    assert isinstance(line, LogMessage)
    assert (line.message.raw, line.message.buffers) == (content, (buffer,))
    again = wire.encode_framed(line)
    assert content + buffer in again
    (as_one_line,) = wire.as_lines(again).splitlines()
    assert wire.decode_line(as_one_line) == line


@pytest.mark.parametrize(
    "data",
    [
        framed(b"[]"),
        framed(b"1"),
        framed(b""),
        framed(b"{"),
        framed(b"{}{}"),
        framed(b'{"a":"\xff"}'),
        framed(head=b'"channel":"iopub"'),
        framed(head=b'"channel":["iopub"],"header":{"msg_id":"m","msg_type":"x"}'),
        framed(head=b'"channel":"heartbeat","header":{"msg_id":"m","msg_type":"x"}'),
        framed(head=b'"channel":"iopub","header":{"msg_id":"m"}'),
        framed(head=b'"channel":"iopub","header":{"msg_id":"m","msg_type":"x"'),
        framed(head=b'"channel":"iopub","header":' + b"[" * 900),
        framed().replace(b"[2,2]", b"[2]"),
        framed().replace(b"[2,2]", b"[2,1]"),
        framed().replace(b"[2,2]", b"[2,2,2]"),
        framed().replace(b"[2,2]", b"[2,,2]"),
        framed().replace(b"[2,2]", b"[,2]"),
        framed().replace(b"[2,2]", b"[2,02000000000]"),
        framed().replace(b"[2,2]", b"[2" + b",0" * 1000 + b"]"),
        framed().replace(b"{}{}", b"{}\xff\xff"),
    ],
    ids=range(20),
)
def test_each_malformed_message_with_parts_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        for line in LineSplitter().feed(data + b'{"event":"keepalive"}\n' * 2):
            assert not isinstance(wire.decode_line(line), KeepAlive)


@given(st.binary(max_size=100), st.integers(0, 99), st.binary(max_size=9))
def test_a_broken_message_with_parts_only_raises_wire_error(
    content: bytes, at: int, instead: bytes
) -> None:
    data = framed(content, b"buffer")
    with contextlib.suppress(WireError):
        for line in LineSplitter().feed(data[:at] + instead + data[at + len(instead) :]):
            wire.decode_line(line)


def test_what_parts_would_take_is_known_before_they_come() -> None:
    """And whoever goes on finds what is behind them."""
    splitter = LineSplitter(max_line_bytes=200)
    data = framed(b"x" * 300, n=17)
    head, _, rest = data.partition(b"\n")
    with pytest.raises(LineTooLong) as raised:
        list(splitter.feed(head + b"\n"))
    assert raised.value.n == 17
    assert not splitter.between_lines
    assert list(splitter.feed(rest + framed(n=18))) == [framed(n=18)[:-1]]


def test_parts_behind_a_head_that_is_too_long_are_passed_over() -> None:
    head = b'"channel":"iopub","x":"' + b"y" * 300 + b'"'
    data = framed(b"\n" * 500, head=head, n=17) + b"next\n"
    for piece in (1, 7, len(data)):
        splitter, found = LineSplitter(max_line_bytes=200), list[bytes | int | None]()
        for start in range(0, len(data), piece):
            chunk = data[start : start + piece]
            while True:
                try:
                    found += splitter.feed(chunk)
                    break
                except LineTooLong as error:
                    found.append(error.n)
                    chunk = b""
        assert found == [17, b"next"]


@pytest.mark.parametrize(
    "text", ["\u2028", "\u2029", "\x85", "\r", "\n", "\x1b[31m", "😀", "\ud800"]
)
def test_awkward_characters_neither_split_a_line_nor_change(text: str) -> None:
    data = wire.encode_line(LogMessage(1, message(f"a{text}b")))
    (found,) = LineSplitter().feed(data)
    line = wire.decode_line(found)
    assert isinstance(line, LogMessage)
    assert line.message.content["text"] == f"a{text}b"


def test_ordinary_unicode_is_not_escaped() -> None:
    assert "é\u2028".encode() in wire.dump({"text": "é\u2028"})


@given(st.binary(max_size=200))
def test_arbitrary_bytes_only_raise_wire_error(data: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.decode_line(data)


@given(
    json_values
    | st.fixed_dictionaries(
        {},
        optional={
            "n": json_values,
            "event": json_values | st.sampled_from(["ended", "gap", "keepalive", "superseded"]),
            "channel": any_text | st.none() | st.just("iopub"),
            "header": json_values | headers,
            "parent_header": json_values,
            "content": json_values,
            "metadata": json_values,
            "buffers": json_values,
            "missing_chars": json_values,
            "limit_bytes": json_values,
            "reason": json_values,
        },
    )
)
def test_hostile_json_only_raises_wire_error(value: Any) -> None:
    with contextlib.suppress(WireError):
        wire.decode_line(wire.dump(value))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"\xff",
        b"[]",
        b"{}",
        b'{"n": 0}',
        b'{"n": true}',
        b'{"n": 1.5}',
        b'{"n": 1, "event": "dance"}',
        b'{"n": 1, "event": []}',
        b'{"n": 1, "channel": [], "header": {"msg_id": "1", "msg_type": "x"}}',
        b'{"n": 1, "channel": "heartbeat", "header": {"msg_id": "1", "msg_type": "x"}}',
        b'{"n": 1, "channel": "iopub", "header": {"msg_id": "", "msg_type": "x"}}',
        b'{"n": 1, "channel": "iopub", "header": {"msg_id": 1, "msg_type": "x"}}',
        b'{"n":1,"channel":"iopub","header":{"msg_id":"1","msg_type":"x"},"buffers":["*"]}',
        b'{"n":1,"channel":"iopub","header":{"msg_id":"1","msg_type":"x"},"buffers":[1]}',
        b'{"n":1,"event":"gap","missing_chars":"many"}',
        b'{"n":1,"event":"gap","missing_chars":-1}',
        b'{"n":1,"event":"gap","missing_chars":1,"limit_bytes":true}',
        b'{"n":1,"event":"gap","missing_chars":1,"limit_bytes":1' + b"0" * 400 + b"}",
    ],
    ids=range(19),
)
def test_each_malformed_line_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode_line(data)


def test_a_reader_that_knows_no_oversized_messages_takes_one_for_a_gap() -> None:
    line = wire.load(wire.encode_line(Oversized(7, {"msg_id": "p"}, "iopub", "error", 99, 50)))
    del line["channel"], line["limit_bytes"]
    assert wire.decode_line(wire.dump(line)) == Gap(7, {"msg_id": "p"}, "error", 99)


def test_a_message_nested_too_deeply_is_named_instead_of_stopping_the_reader() -> None:
    header = {"msg_id": "m", "msg_type": "display_data"}
    message = Message("iopub", header, {"deep": "?"}, {"msg_id": "p"})
    line = wire.encode_line(LogMessage(7, message)).replace(b'"?"', b"[" * 99_999 + b"]" * 99_999)
    missing = wire.decode_line(line)
    assert isinstance(missing, Oversized)
    assert (missing.n, missing.channel, missing.msg_type) == (7, "iopub", "display_data")
    assert missing.parent_header == {"msg_id": "p"}
    assert missing.reason == "it is nested too deeply"


Shown = Callable[..., bytes]


def _shown_in_a_line(value: bytes, *, metadata: bytes = b"{}") -> bytes:
    """A line of the log with a display of this JSON."""
    header = {"msg_id": "m", "msg_type": "display_data"}
    message = Message("iopub", header, {"data": "?"}, {"msg_id": "p"}, {"x": "!"})
    line = wire.encode_line(LogMessage(7, message))[:-1]
    return line.replace(b'"?"', value).replace(b'{"x":"!"}', metadata)


def _shown_with_parts(value: bytes, *, metadata: bytes = b"{}") -> bytes:
    head = b'"channel":"iopub","header":{"msg_id":"m","msg_type":"display_data"}'
    head += b',"parent_header":{"msg_id":"p"}'
    data = b'{"data":%b}' % value
    line = framed(data, head=head).replace(b"[2,", b"[%d," % len(metadata), 1)
    return line.replace(b"\n{}", b"\n" + metadata, 1)[:-1]


@pytest.fixture(params=[_shown_in_a_line, _shown_with_parts], ids=["line", "framed"])
def shown(request: pytest.FixtureRequest) -> Shown:
    """How an entry of the log with a display is made, of its JSON."""
    found: Shown = request.param
    return found


#: Made when needed: together they are hundreds of MB, in every process that collects tests.
BOMBS: dict[str, Callable[[], bytes]] = {
    "objects": lambda: b"[" + b"{}," * 5_000_000 + b"{}]",
    "lists": lambda: b"[" + b"[]," * 5_000_000 + b"[]]",
    "numbers": lambda: b"[" + b"1," * 6_000_000 + b"1]",
    "strings": lambda: b"[" + b'"a",' * 4_000_000 + b"1]",
    "members": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(1_500_000)) + b"}",
    "wide": lambda: b'"' + b"x" * 90_000_000 + "😀".encode() + b'"',
    "escaped": lambda: b'"' + b"x" * 90_000_000 + rb"\ud83d\ude00" + b'"',
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("in_metadata", [False, True], ids=["content", "metadata"])
def test_a_message_that_would_take_too_much_memory_is_named_and_not_decoded(
    monkeypatch: pytest.MonkeyPatch, shown: Shown, name: str, in_metadata: bool
) -> None:
    bomb = BOMBS[name]()
    line = shown(b"1", metadata=bomb) if in_metadata else shown(bomb)
    loads, longest = json.loads, 0

    def watched(text: str) -> Any:
        nonlocal longest
        longest = max(longest, len(text))
        return loads(text)

    monkeypatch.setattr(json, "loads", watched)
    missing = wire.decode_line(line)
    assert isinstance(missing, Oversized)
    assert (missing.n, missing.channel, missing.msg_type) == (7, "iopub", "display_data")
    assert missing.parent_header == {"msg_id": "p"}
    assert missing.reason == "it would take more than 256 MB of memory"
    assert longest < 1000


LARGE: dict[str, Callable[[], Any]] = {
    "text": lambda: "a,b:c{d}[e]" * 1_500_000,
    "table": lambda: '"1","2",\\\n' * 1_500_000,
    "colours": lambda: "\x1b[31mred\x1b[0m," * 1_000_000,
    "wide text": lambda: "Größe 😀 ,{" * 1_500_000,
    "image": lambda: base64.b64encode(bytes(16_000_000)).decode(),
    "figure": lambda: {"x": [n / 7 for n in range(600_000)], "y": list(range(600_000))},
    "records": lambda: [{"id": n, "x": n / 7, "name": "a"} for n in range(100_000)],
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_message_passes_whatever_is_in_its_texts(shown: Shown, name: str) -> None:
    value = LARGE[name]()
    line = wire.decode_line(shown(wire.dump(value)))
    assert isinstance(line, LogMessage)
    assert line.message.content == {"data": value}


def test_the_content_of_a_display_stays_as_it_came(shown: Shown) -> None:
    value = b'[1.0e+2, "\\u00e9", {"b":1,"a":[]}]'
    line = wire.decode_line(shown(value))
    assert isinstance(line, LogMessage)
    assert line.message.raw == b'{"data":%s}' % value
    assert line.message.content == {"data": [100.0, "é", {"b": 1, "a": []}]}
    again = wire.encode_line(line)
    assert line.message.raw in again
    assert wire.decode_line(again[:-1]) == line


#: JSON in a display, and what the careful way makes of it.
NOT_RELAYED: dict[str, tuple[bytes, object]] = {
    "half a character": (rb'"\ud800"', "\ud800"),
    "not a number": (b"[NaN]", None),
    "no UTF-8": (b'"\xff"', WireError),
    "no JSON": (b"[1,]", WireError),
    "too many digits": (b"1" * 5000, "it holds an integer of too many digits"),
    "many digits in a text": (b'"%s"' % (b"1" * 5000), "1" * 5000),
}


@pytest.mark.parametrize(("value", "meant"), NOT_RELAYED.values(), ids=list(NOT_RELAYED))
def test_a_display_that_a_front_end_could_not_read_is_not_relayed(
    shown: Shown, value: bytes, meant: object
) -> None:
    if meant is WireError:
        with pytest.raises(WireError):
            wire.decode_line(shown(value))
        return
    line = wire.decode_line(shown(value))
    if isinstance(line, Oversized):
        assert line.reason == meant
        return
    assert isinstance(line, LogMessage)
    assert line.message.raw == b""
    assert meant is None or line.message.content == {"data": meant}


def _frames(session: Session, content: bytes, msg_type: str = "display_data") -> list[bytes]:
    header = {"msg_id": "m", "msg_type": msg_type}
    parts = [wire.dump(header), b"{}", b"{}", content]
    return [b"<IDS|MSG>", session.sign(parts), *parts, b"\x00"]


def test_frames_are_not_decoded_on_their_way() -> None:
    session = Session(key=b"k")
    for content in (b'{"data": {"text/plain": "\xc3\xa9"}}', b'{"a":\n1}', b'{"text": "1"}'):
        _, message = decode_frames(session, "iopub", _frames(session, content))
        assert (message.raw, message.buffers) == (content, (b"\x00",))
        assert message.content == json.loads(content)
    _, message = decode_frames(session, "iopub", _frames(session, b'{"a":"\xff"}'))
    assert (message.raw, message.content) == (b"", {"a": "\ufffd"})
    with pytest.raises(ContentUnreadable):
        decode_frames(session, "iopub", _frames(session, b"[1]"))


def test_a_signature_is_verified_unless_it_tells_nothing() -> None:
    session = Session(key=b"k")
    frames = _frames(Session(key=b"another"), b"{}")
    with pytest.raises(WireError, match="wrong signature"):
        decode_frames(session, "iopub", frames)
    assert decode_frames(session, "iopub", frames, verify=False)[1].msg_id == "m"


@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'{"[[[\\"":'])
def test_messages_may_be_nested_up_to_a_depth(shown: Shown, opened: bytes) -> None:
    around = (
        2 if shown is _shown_in_a_line else 1
    )  # what is in texts, or was closed, does not count

    def nested(depth: int) -> LogLine:
        closed = b"]" if opened == b"[" else b"}"
        deep = opened * (depth - around) + b"1" + closed * (depth - around)
        return wire.decode_line(shown(deep, metadata=b'{"x":[%s1]}' % (b"[[]]," * 1000)))

    assert isinstance(nested(wire.MAX_DEPTH), LogMessage)
    missing = nested(wire.MAX_DEPTH + 1)
    assert isinstance(missing, Oversized)
    assert missing.reason == "it is nested too deeply"


def _marks(value: Any) -> Iterator[str]:
    """Strings as ``""``, and everything else that is counted."""
    match value:
        case str():
            yield '""'
        case list():
            yield from ("[", ",".join("".join(_marks(item)) for item in value), "]")
        case dict():
            yield "{"
            for n, item in enumerate(value.items()):
                yield "," * bool(n) + "".join(_marks(item[0])) + ":" + "".join(_marks(item[1]))
            yield "}"


@given(json_values, st.integers(1, 9))
def test_texts_are_told_from_what_is_around_them(value: Any, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoded_size, "_PIECE_BYTES", piece)
        pieces = list(decoded_size._pieces(wire.dump(value)))
    found = b"".join(outside for outside, _ in pieces).decode()
    wanted = "".join(_marks(value))
    for mark in "[]{},:":
        assert found.count(mark) == wanted.count(mark)
    assert sum(len(texts) for _, texts in pieces) >= wanted.count('""')


def test_texts_of_an_ended_boot_are_bounded() -> None:
    line = wire.decode_line(
        wire.dump({"n": 1, "event": "ended", "reason": "x", "cause": "x" * 9999})
    )
    assert line == BootEnded(1, "exited", "x" * 500)


# -- messages


def test_only_message_types_of_the_spec_on_their_own_channel_are_receivable() -> None:
    assert wire.receivable(message())
    assert not wire.receivable(message(channel="shell"))
    assert not wire.receivable(message(header={"msg_id": "1", "msg_type": "shutdown_reply"}))


def test_a_message_answers_for_its_headers() -> None:
    found = message(parent_header={"msg_id": "p"})
    assert (found.msg_id, found.msg_type, found.parent_id) == ("1", "stream", "p")
    assert message().parent_id == ""


# -- splitting


@given(
    st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=8),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_any_chunking_gives_the_same_lines(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(part + b"\n" for part in parts)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    splitter = LineSplitter()
    found = [
        line for start, end in itertools.pairwise(places) for line in splitter.feed(data[start:end])
    ]
    assert found == [part for part in parts if part]


def test_an_unfinished_line_is_kept_for_later() -> None:
    splitter = LineSplitter()
    assert list(splitter.feed(b"one\ntw")) == [b"one"]
    assert list(splitter.feed(b"")) == []
    assert list(splitter.feed(b"o\n")) == [b"two"]


@pytest.mark.parametrize("chunks", [[b"x" * 11], [b"x" * 6] * 2, [b"ok\n" + b"x" * 11]])
def test_a_line_beyond_the_limit_is_refused(chunks: list[bytes]) -> None:
    splitter = LineSplitter(max_line_bytes=10)
    with pytest.raises(WireError, match="longer than 10"):
        for chunk in chunks:
            list(splitter.feed(chunk))


def test_the_limit_is_for_each_line_and_not_for_all() -> None:
    splitter = LineSplitter(max_line_bytes=10)
    assert list(splitter.feed(b"x" * 10 + b"\n" + b"y" * 10)) == [b"x" * 10]
    assert list(splitter.feed(b"\n")) == [b"y" * 10]


@given(st.lists(st.integers(0, 90), max_size=8))
def test_a_line_beyond_the_limit_is_told_once_and_passed_over(cuts: list[int]) -> None:
    data = b'one\n{"n":2,"x":"' + b"y" * 60 + b'"}\nthree\n\nfour\n'
    places = sorted({0, len(data), *cuts})
    splitter, found = LineSplitter(max_line_bytes=40), list[bytes | int | None]()
    for start, end in itertools.pairwise(places):
        piece = data[start:end]
        while True:
            try:
                found += splitter.feed(piece)
                break
            except LineTooLong as error:
                found.append(error.n)
                piece = b""
    assert [line for line in found if isinstance(line, bytes)] == [b"one", b"three", b"four"]
    assert [line for line in found if not isinstance(line, bytes)] == [2]
    assert splitter.between_lines


@pytest.mark.parametrize(
    ("head", "n"),
    [
        (b'{"n":17,', 17),
        (b' { "n" : 17 ,', 17),
        (b'{"n":017,', None),
        (b'{"n":-1,', None),
        (b'{"n":1.5,', None),
        (b'{"n":9999999999999999999999,', None),
        (b'{"event":"gap","n":17,', None),
        (b"garbage", None),
    ],
)
def test_the_number_of_a_line_beyond_the_limit_is_read_or_unknown(
    head: bytes, n: int | None
) -> None:
    splitter = LineSplitter(max_line_bytes=50)
    with pytest.raises(LineTooLong) as raised:
        for chunk in (head[:3], head[3:], b"x" * 50):
            list(splitter.feed(chunk))
    assert raised.value.n == n


# -- hello

LANGUAGE = {
    "name": "python",
    "version": "3.12.1",
    "mimetype": "text/x-python",
    "file_extension": ".py",
    "pygments_lexer": "ipython3",
    "nbconvert_exporter": "python",
    "codemirror_mode": {"name": "ipython", "version": 3},
}
INFO = {
    "protocol_version": "5.4",
    "language_info": LANGUAGE,
    "banner": "Python",
    "help_links": [{"text": "Python", "url": "https://docs.python.org"}],
    "supported_features": ["debugger"],
}
HELLO = Hello(1, "azure-session-kernel 0.1.0", "b1", "idle", 3, 17, INFO, ("debug",), ("m1",))


def test_a_hello_survives_the_wire() -> None:
    assert wire.hello_from_json(json.loads(wire.dump(HELLO.as_json()))) == HELLO
    limits = HELLO.as_json()["limits"]
    assert limits == {"body_bytes": wire.MAX_BODY_BYTES, "read_s": wire.MAX_READ_S}


#: What no adapter says of itself, by the field that an error must name.
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("boot", {"boot": 1}),
    ("boot", {"boot": ""}),
    ("boot", {"boot": "b\n1"}),
    ("boot", {"boot": "b" * 101}),
    ("protocol", {"protocol": "1"}),
    ("protocol", {"protocol": [1]}),
    ("adapter", {"adapter": ["0.1"]}),
    ("adapter", {"adapter": "\ud800"}),
    ("state", {"state": None}),
    ("execution_count", {"execution_count": True}),
    ("execution_count", {"execution_count": 2**53}),
    ("next", {"next": -1}),
    ("next", {"next": 1.0}),
    ("first", {"first": 18}),
    ("first", {"first": 0}),
    ("features", {"features": "interrupt"}),
    (r"features\[1\]", {"features": ["interrupt", 1]}),
    (r"running\[0\]", {"running": [None]}),
    ("info", {"info": []}),
]
WRONG_INFO: list[tuple[str, Any]] = [
    ("protocol_version", [1]),
    ("protocol_version", ""),
    ("protocol_version", "6.0"),
    ("protocol_version", "five"),
    ("language_info", 5),
    ("language_info.name", {**LANGUAGE, "name": 1}),
    ("language_info.version", {key: LANGUAGE[key] for key in LANGUAGE if key != "version"}),
    ("language_info.mimetype", {**LANGUAGE, "mimetype": []}),
    ("language_info.file_extension", {**LANGUAGE, "file_extension": None}),
    ("language_info.pygments_lexer", {**LANGUAGE, "pygments_lexer": {}}),
    ("language_info.codemirror_mode", {**LANGUAGE, "codemirror_mode": 3}),
    ("language_info.codemirror_mode", {**LANGUAGE, "codemirror_mode": {"version": 3}}),
    (
        "language_info.codemirror_mode.version",
        {**LANGUAGE, "codemirror_mode": {"name": "", "version": 1e400}},
    ),
    ("banner", 1),
    ("help_links", {"text": "", "url": ""}),
    (r"help_links\[0\]", ["https://docs.python.org"]),
    (r"help_links\[0\].text", [{"url": "https://docs.python.org"}]),
    (r"help_links\[0\].url", [{"text": "", "url": "javascript:alert(1)"}]),
    (r"supported_features\[0\]", [{}]),
]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        *WRONG,
        *(
            (name, {"info": {**INFO, name.split(".")[0].split("\\")[0]: value}})
            for name, value in WRONG_INFO
        ),
    ],
)
def test_a_wrong_field_of_a_hello_is_named(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(WireError, match=rf"^{field} "):
        wire.hello_from_json({**HELLO.as_json(), **change})


def test_what_a_hello_has_besides_is_left_out() -> None:
    more = {**HELLO.as_json(), "x": [1], "info": {**INFO, "status": 7, "debugger": "x"}}
    more["info"]["language_info"] = {**LANGUAGE, "x": {}}
    assert wire.hello_from_json(more) == HELLO


@pytest.mark.parametrize("info", [{}, {"language_info": {**LANGUAGE, "codemirror_mode": "python"}}])
def test_a_hello_need_not_say_all(info: dict[str, Any]) -> None:
    value = {"protocol": 1, "boot": "b", "execution_count": 0, "next": 1, "info": info}
    assert wire.hello_from_json(value) == Hello(1, "", "b", "", 0, 1, info, (), ())


@given(json_values)
def test_a_hostile_hello_only_raises_wire_error(value: Any) -> None:
    with contextlib.suppress(WireError):
        wire.hello_from_json(value)


# -- parts


def parts_of(body: bytes, part_id: str = "p") -> list[Any]:
    found = [wire.load(data) for data in wire.split_body(body, part_id, "boot", "reader")]
    assert all(part["boot"] == "boot" and part["reader"] == "reader" for part in found)
    return [part["part"] for part in found]


def test_a_body_within_the_limit_is_sent_as_it_is() -> None:
    body = b"x" * wire.MAX_BODY_BYTES
    assert list(wire.split_body(body, "p", "boot", "reader")) == [body]


def test_parts_stay_within_the_limit_themselves() -> None:
    body = b"x" * (wire.MAX_BODY_BYTES + 1)
    sizes = [len(data) for data in wire.split_body(body, "p", "boot", "reader")]
    assert len(sizes) == 3
    assert max(sizes) <= wire.MAX_BODY_BYTES


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_parts_in_any_order_and_repeated_make_the_body_again(order: tuple[int, ...]) -> None:
    body = bytes(range(256)) * 4097
    parts = parts_of(body)
    assembler = PartAssembler()
    *early, last = order
    for index in early:
        assert assembler.add(parts[index]) is None
        assert assembler.add(parts[index]) is None
    assert assembler.add(parts[last]) == body


def test_two_bodies_do_not_mix() -> None:
    one, two = b"1" * (2**20 + 1), b"2" * (2**20 + 1)
    assembler = PartAssembler()
    found = [
        assembler.add(part)
        for pair in zip(parts_of(one, "a"), parts_of(two, "b"), strict=True)
        for part in pair
    ]
    assert found == [None] * 4 + [one, two]


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1},
        {"index": -1},
        {"index": 3},
        {"index": "0"},
        {"count": 0},
        {"count": 10**9},
        {"data": "*"},
        {"data": None},
        {"data": base64.b64encode(b"x" * (wire.PART_BYTES + 1)).decode()},
    ],
)
def test_a_malformed_part_is_refused(change: dict[str, Any]) -> None:
    part = {"id": "p", "index": 0, "count": 3, "data": "eA=="}
    with pytest.raises(WireError):
        PartAssembler().add({**part, **change})


@given(json_values)
def test_a_hostile_part_only_raises_wire_error(value: Any) -> None:
    with contextlib.suppress(WireError):
        PartAssembler().add(value)


def test_parts_that_disagree_on_their_count_are_refused() -> None:
    assembler = PartAssembler()
    for index in (4, 5):
        assembler.add({"id": "p", "index": index, "count": 6, "data": "eA=="})
    with pytest.raises(WireError):
        assembler.add({"id": "p", "index": 0, "count": 3, "data": "eA=="})


def test_bodies_that_are_never_finished_do_not_pile_up() -> None:
    """The oldest unfinished body is forgotten once the bound is passed."""
    assembler = PartAssembler(max_bytes=2 * wire.PART_BYTES)
    data = base64.b64encode(b"x" * wire.PART_BYTES).decode()
    for part_id in ("a", "b", "c"):
        assert assembler.add({"id": part_id, "index": 0, "count": 2, "data": data}) is None
    assert assembler.add({"id": "c", "index": 1, "count": 2, "data": "eA=="}) is not None
    assert assembler.add({"id": "a", "index": 1, "count": 2, "data": "eA=="}) is None


@pytest.mark.parametrize("parent", [b"no JSON", b"[]", b'{"msg_id":["m"]}', b"{}", b"[" * 5000])
def test_who_asks_for_a_parent_that_can_not_be_read_gets_none(parent: bytes) -> None:
    assert parent_id_of([b"<IDS|MSG>", b"signature", b"{}", parent, b"{}", b"{}"]) == ""
    assert parent_id_of([b"<IDS|MSG>", b"signature"]) == parent_id_of([parent]) == ""
    assert parent_id_of([b"to", b"<IDS|MSG>", b"", b"{}", b'{"msg_id":"m-1"}', parent]) == "m-1"
