"""What a session sends always comes to something in the front end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from azure_session_kernel.kernel.execution_counts import Counts
from azure_session_kernel.kernel.requests import Request, RequestTable
from azure_session_kernel.kernel.session_messages import SessionMessages
from azure_session_kernel.kernel.zmq_front_end import ZmqFrontEnd
from azure_session_kernel.wire import Message


class Zmq:
    """A ``Session`` that sends nothing of what holds ``bad``, as if it could not be encoded."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, stream: Any, msg_type: str, content: dict[str, Any], **_: Any) -> None:
        if "bad" in content:
            raise RecursionError("maximum recursion depth exceeded")
        self.sent.append((msg_type, content))


HEADER = {"msg_id": "cell", "msg_type": "execute_request"}


@pytest.fixture
def zmq() -> Zmq:
    return Zmq()


@pytest.fixture
def answers() -> list[Message]:
    return []


@pytest.fixture
def messages(zmq: Zmq, answers: list[Message]) -> SessionMessages:
    front = ZmqFrontEnd(zmq, None, {"stdin": None}, "id")  # type: ignore[arg-type, dict-item]
    requests = RequestTable()
    requests.add(Request(Message("shell", HEADER, {"code": "1"}), [], "shell"))

    never: Any = None  # a call would fail
    inputs: Any = SimpleNamespace(answer_input=answers.append)
    return SessionMessages(front, requests, Counts(), never, inputs, never)


async def test_an_output_that_can_not_be_passed_on_is_named(
    messages: SessionMessages, zmq: Zmq
) -> None:
    header = {"msg_id": "m", "msg_type": "display_data"}
    messages.on_message(Message("iopub", header, {"bad": 1}, HEADER))
    ((msg_type, content),) = zmq.sent
    assert msg_type == "display_data"
    assert "(display_data) is missing here" in content["data"]["text/plain"]
    assert "RecursionError" in content["data"]["text/plain"]


async def test_a_question_that_can_not_be_passed_on_is_named_and_gets_no_answer(
    messages: SessionMessages, zmq: Zmq, answers: list[Message]
) -> None:
    header = {"msg_id": "m", "msg_type": "input_request"}
    messages.on_message(Message("stdin", header, {"bad": 1}, HEADER))
    ((_, content),) = zmq.sent
    assert "(input_request) is missing here" in content["data"]["text/plain"]
    assert [answer.content for answer in answers] == [{"value": "\x04"}]


@pytest.mark.parametrize("count", [-1, 10**4000, "1"], ids=["negative", "long", "text"])
async def test_a_count_that_is_none_is_not_believed(messages: SessionMessages, count: Any) -> None:
    header = {"msg_id": "m", "msg_type": "execute_input"}
    messages.on_message(Message("iopub", header, {"execution_count": count}, HEADER))
    assert messages.counts.next == 1
