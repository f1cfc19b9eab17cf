"""Messages with their parts as they are, both ways, and what who knows only lines gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from azure_session_kernel.wire import (
    FRAMES,
    LogMessage,
    Message,
    body_with,
    encode_framed,
    encode_line,
)
from azure_session_kernel.wire.composed import header

from .adapter_process import AdapterProcess, Kernel, execute_request, new_id
from .test_adapter_process import error_of

MB = 1024 * 1024
COMM = "the-comm"


@pytest.fixture
def framed(shared_adapter: AdapterProcess) -> Iterator[Kernel]:
    kernel = Kernel(shared_adapter, framed=True)
    assert FRAMES in kernel.hello().features
    yield kernel


def by_type(messages: list[Message], msg_type: str) -> list[Message]:
    return [message for message in messages if message.msg_type == msg_type]


def test_both_forms_tell_the_same(framed: Kernel) -> None:
    """An older kernel, with this adapter, misses nothing."""
    code = """
import sys
from ipykernel.comm import Comm
print("é\\u2028", file=sys.stderr)
print("a" * 100_000)
Comm("nobody", data={"x": [1.5, None]}, buffers=[b"\\x00\\n\\xff", b""])
display({"text/plain": "shown"}, raw=True, metadata={"a": {"b": "\\n"}})
1 / 0
"""
    request = execute_request(code)
    framed.send(request)
    begin = framed.after
    found = framed.finish(request)
    plain = Kernel(framed.adapter, framed.reader, framed.boot, begin)
    # What has been read is acknowledged by the next read only.
    again = plain.finish(request)
    assert [(m.channel, m.header, m.parent_header) for m in again] == [
        (m.channel, m.header, m.parent_header) for m in found
    ]
    for one, other in zip(again, found, strict=True):
        assert (one.content, one.metadata, one.buffers) == (
            other.content,
            other.metadata,
            other.buffers,
        )
    assert by_type(found, "comm_open")[0].buffers == (b"\x00\n\xff", b"")
    assert by_type(found, "error")[0].content["ename"] == "ZeroDivisionError"


def test_50_mb_go_there_and_back_as_50_mb(framed: Kernel) -> None:
    framed.run(
        "def opened(comm, message):\n"
        "    comm.on_msg(lambda m: comm.send({}, buffers=[bytes(b) for b in m['buffers']]))\n"
        "get_ipython().kernel.comm_manager.register_target('echo', opened)"
    )
    framed.send(Message("shell", header("comm_open"), {"comm_id": COMM, "target_name": "echo"}))
    framed.sent_bytes = framed.read_bytes = 0
    buffers = bytes(range(256)) * (50 * MB // 256), b"\n" * 1000
    asked = Message("shell", header("comm_msg"), {"comm_id": COMM, "data": {}}, buffers=buffers)
    framed.send(asked)

    def is_answer(line: object) -> bool:
        return isinstance(line, LogMessage) and line.message.msg_type == "comm_msg"

    answer = framed.read_until(is_answer)[-1]
    assert isinstance(answer, LogMessage)
    assert answer.message.buffers == buffers
    size = sum(map(len, buffers))
    assert size < framed.sent_bytes < size * 1.01
    assert size < framed.read_bytes < size * 1.01


WHOLE = encode_framed(LogMessage(1, Message("shell", header("execute_request"), {"code": "1"})))
STRANGE = {
    "not whole": WHOLE[:-2],
    "no message": b'{"event":"keepalive"}\n',
    "garbage": b"\xff\n",
    "not for a session": encode_framed(LogMessage(1, Message("iopub", header("status"), {}))),
    "content that is no object": WHOLE.replace(b'{"code":"1"}', b'["code","1"]'),
    "nested too deeply": WHOLE.replace(b"[2,12]", b"[2,%d]" % 2001).replace(
        b'{"code":"1"}', b"[" * 1000 + b"1" + b"]" * 1000
    ),
    "an unknown event": encode_line(LogMessage(1, Message("shell", header("x"), {})))[:-3] + b"\n",
}


@pytest.mark.parametrize("behind", STRANGE.values(), ids=list(STRANGE))
def test_what_is_no_message_behind_a_body_is_refused(framed: Kernel, behind: bytes) -> None:
    body = body_with(behind, boot=framed.boot, reader=framed.reader)
    answer = framed.adapter.client.post("/jupyter/send", content=body)
    assert error_of(answer) == (400, "InvalidRequest")
    assert framed.run("print(1)") == "1\n"


@pytest.mark.parametrize("cut", [b"", b"\n", b'{"behind":99}\nx', b'{"behind":"1"}\nx'])
def test_a_body_that_says_another_size_is_refused(framed: Kernel, cut: bytes) -> None:
    body = cut or body_with(WHOLE, boot=framed.boot, reader=framed.reader)[:-1]
    answer = framed.adapter.client.post("/jupyter/send", content=body)
    assert error_of(answer) == (400, "InvalidRequest")


def test_what_stands_for_no_bytes_is_not_taken_for_some(framed: Kernel) -> None:
    """``behind`` within JSON says nothing."""
    request = execute_request("print('ran')")
    answer = framed.post("send", messages=[], behind=5)
    assert answer.status_code == 200
    part = {"id": new_id(), "index": 0, "count": 1}
    assert error_of(framed.post("send", part=part, behind=5)) == (400, "InvalidRequest")
    framed.send(request)
    assert "ran" in str(framed.finish(request))
