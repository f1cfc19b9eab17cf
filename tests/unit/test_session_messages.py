"""What a session sends always comes to something in the front end."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.session import Session

from azure_session_kernel.kernel.endings import Endings
from azure_session_kernel.kernel.execution_counts import Counts
from azure_session_kernel.kernel.lanes import Lanes
from azure_session_kernel.kernel.request_states import Event
from azure_session_kernel.kernel.requests import Request, RequestTable
from azure_session_kernel.kernel.session_messages import SessionMessages
from azure_session_kernel.kernel.zmq_front_end import ZmqFrontEnd
from azure_session_kernel.wire import Message
from azure_session_kernel.wire.zmq_messages import decode_frames


class Stream:
    """Of a socket, on which everything waits. :ivar sent: types and contents."""

    def __init__(self) -> None:
        self.session = Session(key=b"k")
        self.sent: list[tuple[str, Mapping[str, Any]]] = []

    def closed(self) -> bool:
        return False

    def sending(self) -> bool:
        return True

    def send_multipart(self, frames: list[bytes], *, copy: bool) -> None:
        message = decode_frames(self.session, "iopub", frames)[1]
        self.sent.append((message.msg_type, message.content))


async def never_called(request: Request) -> None:
    raise AssertionError(request)


def beyond_encoding() -> dict[str, Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return {"bad": deep}


HEADER = {"msg_id": "cell", "msg_type": "execute_request"}


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def answers() -> list[Message]:
    return []


@pytest.fixture
def messages(stream: Stream, answers: list[Message]) -> SessionMessages:
    front = ZmqFrontEnd(stream.session, stream, {"stdin": stream}, "id")  # type: ignore[arg-type, dict-item]
    requests = RequestTable()
    requests.add(Request(Message("shell", HEADER, {"code": "1"}), [], "shell"))

    never: Any = None  # a call would fail
    inputs: Any = SimpleNamespace(answer_input=answers.append)
    ends: Any = SimpleNamespace(say_busy=lambda request: None)  # it has been said
    return SessionMessages(front, requests, Counts(), ends, inputs, never)


async def test_an_output_that_can_not_be_passed_on_is_named(
    messages: SessionMessages, stream: Stream
) -> None:
    header = {"msg_id": "m", "msg_type": "display_data"}
    messages.on_message(Message("iopub", header, beyond_encoding(), HEADER))
    ((msg_type, content),) = stream.sent
    assert msg_type == "display_data"
    assert "(display_data) is missing here" in content["data"]["text/plain"]
    assert "RecursionError" in content["data"]["text/plain"]


async def test_a_question_that_can_not_be_passed_on_is_named_and_gets_no_answer(
    messages: SessionMessages, stream: Stream, answers: list[Message]
) -> None:
    header = {"msg_id": "m", "msg_type": "input_request"}
    messages.on_message(Message("stdin", header, beyond_encoding(), HEADER))
    ((_, content),) = stream.sent
    assert "(input_request) is missing here" in content["data"]["text/plain"]
    assert [answer.content for answer in answers] == [{"value": "\x04"}]


@pytest.mark.parametrize("count", [-1, 10**4000, "1"], ids=["negative", "long", "text"])
async def test_a_count_that_is_none_is_not_believed(messages: SessionMessages, count: Any) -> None:
    header = {"msg_id": "m", "msg_type": "execute_input"}
    messages.on_message(Message("iopub", header, {"execution_count": count}, HEADER))
    assert messages.counts.next == 1


async def test_the_idle_of_a_cell_comes_before_what_follows_it_and_once(stream: Stream) -> None:
    """Its reply has a longer way here: ipykernel sends it from another thread."""
    front = ZmqFrontEnd(stream.session, stream, {"shell": stream}, "id")  # type: ignore[arg-type, dict-item]
    requests, lanes, counts = RequestTable(), Lanes(never_called), Counts()
    ends = Endings(front, requests, lanes, counts, lambda: None, lambda _: None)
    messages = SessionMessages(front, requests, counts, ends, *[SimpleNamespace()] * 2)  # type: ignore[arg-type]
    comm = {"msg_id": "comm", "msg_type": "comm_msg"}
    for header in (HEADER, comm):
        request = Request(Message("shell", header, {"code": "1"}), [], "shell")
        ends.begin(request)
        request.addressed_to("b")
        request.on(Event.ARRIVED)
    for header, state in ((HEADER, "busy"), (HEADER, "idle"), (comm, "busy"), (comm, "idle")):
        told = {"execution_state": state}
        messages.on_message(Message("iopub", {"msg_id": "s", "msg_type": "status"}, told, header))
    reply = {"msg_id": "r", "msg_type": "execute_reply"}
    messages.on_message(Message("shell", reply, {"status": "ok"}, HEADER))
    states = [content["execution_state"] for kind, content in stream.sent if kind == "status"]
    assert states == ["busy", "idle", "busy", "idle"]
    assert stream.sent[-1][0] == "execute_reply"
