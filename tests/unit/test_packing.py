"""Packing in a session, beside jupyter_client's own: equal, but for the texts that it refuses."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from datetime import timezone
from types import CodeType
from typing import Any

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jupyter_client.session import Session, json_packer

from azure_session_kernel.interpreter.packing import let_any_text_pass, pack
from azure_session_kernel.wire.zmq_messages import decode_frames

#: Every code point, lone surrogates included.
any_text = st.text(st.characters(exclude_categories=()) | st.characters(categories=["Cs"]))
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | any_text
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.just(timezone.utc))
    | st.sampled_from([numpy.float32("nan"), numpy.int8(3), numpy.arange(2), object()])
    | st.builds(lambda: 10**5000)
    | st.sets(st.integers())
    | st.tuples(any_text)
)
keys = any_text | st.integers() | st.none() | st.booleans() | st.floats() | st.dates()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
)
contents = st.dictionaries(any_text, values, max_size=3)


@contextlib.contextmanager
def any_text_passes() -> Iterator[None]:
    before: CodeType = json_packer.__code__
    let_any_text_pass()
    try:
        yield
    finally:
        json_packer.__code__ = before


def packed(packer: str, content: dict[str, Any]) -> Any:
    """The frames, or the error, and the warnings on the way."""
    session = Session(key=b"key", packer=packer)
    message = {"header": {}, "parent_header": {}, "metadata": {}, "content": content}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            outcome: Any = session.serialize(message)
        except Exception as error:
            # What can't be cleaned of a surrogate's company was refused for the surrogate.
            known = isinstance(error.__context__, UnicodeEncodeError)
            outcome = UnicodeEncodeError if known else type(error)
    return outcome, [(w.category, str(w.message), w.filename, w.lineno) for w in said]


@pytest.mark.parametrize("packer", ["orjson", "json"])
@given(content=contents)
@example(content={"\udd00": numpy.arange(2)})
def test_a_session_packs_as_jupyter_client_does(packer: str, content: dict[str, Any]) -> None:
    theirs, their_warnings = packed(packer, content)
    with any_text_passes():
        ours, our_warnings = packed(packer, content)
    if theirs is UnicodeEncodeError:
        assert isinstance(ours, list)
    else:
        assert (ours, our_warnings) == (theirs, their_warnings)


@given(text=any_text, packer=st.sampled_from(["orjson", "json"]))
def test_every_text_arrives_as_a_front_end_reads_it(text: str, packer: str) -> None:
    session = Session(key=b"key", packer=packer)
    message = session.msg("stream", {"name": "stdout", "text": text})
    with any_text_passes():
        frames = session.serialize(message)
    read = decode_frames(session, "iopub", frames)[1].content["text"]
    assert read == session.unpack(frames[-1])["text"]
    assert isinstance(read.encode(), bytes)
    assert json.loads(pack({"text": text}).decode())["text"] == read
    if text.isascii() or _is_unicode(text):
        assert read == text


def _is_unicode(text: str) -> bool:
    with contextlib.suppress(UnicodeEncodeError):
        return bool(text.encode())
    return False


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a\udcc3b", "a\ufffdb"),
        ("\udce2\udc82\udcac", "€"),
        ("lone \ud800 and \udfff", "lone \ufffd and \ufffd"),
        ("\ud83d\ude00", "😀"),
    ],
)
def test_surrogates_are_replaced(text: str, read: str) -> None:
    assert json.loads(pack({"text": text})) == {"text": read}


@given(content=contents)
def test_what_the_kernel_packs_is_valid_and_says_nothing(content: dict[str, Any]) -> None:
    with contextlib.suppress(TypeError, ValueError), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(json.loads(pack(content).decode(), parse_constant=pytest.fail), dict)
