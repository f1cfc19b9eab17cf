"""Messages made of a plain result: the same, in the same order, as an ipykernel would send."""

from __future__ import annotations

from typing import Any

import pytest

from azure_session_kernel.common.errors import SessionLost
from azure_session_kernel.executors.plain import Counter, PlainResult, PythonError, begun, ended
from azure_session_kernel.executors.plain_requests import answers
from azure_session_kernel.wire import Message, receivable

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
    "Jggg=="
)


def ask(msg_type: str = "execute_request", channel: str = "shell", **content: Any) -> Message:
    return Message(channel, {"msg_id": "m1", "msg_type": msg_type}, content)


def types(messages: list[Message]) -> list[str]:
    assert all(receivable(message) for message in messages)
    assert all(message.parent_id == "m1" for message in messages)
    return [message.msg_type for message in messages]


def test_a_cell_looks_like_any_cell() -> None:
    request = ask(code="1 + 1")
    messages = begun(request, 3) + ended(
        request, PlainResult("out\n", "err\n", "2", (PIXEL,)), count=3
    )
    assert types(messages) == [
        "status",
        "execute_input",
        "stream",
        "stream",
        "display_data",
        "execute_result",
        "execute_reply",
        "status",
    ]
    by_type = {message.msg_type: message.content for message in messages}
    assert by_type["execute_input"] == {"code": "1 + 1", "execution_count": 3}
    assert by_type["execute_result"]["data"] == {"text/plain": "2"}
    assert by_type["display_data"]["data"] == {"image/png": PIXEL}
    assert by_type["execute_reply"]["status"] == "ok"
    assert by_type["execute_reply"]["execution_count"] == 3


def test_the_error_output_and_the_reply_say_the_same() -> None:
    error = PythonError("ValueError", "no", ("Traceback", "ValueError: no"))
    messages = ended(ask(code="x"), PlainResult(failure=error), count=1)
    assert types(messages) == ["error", "execute_reply", "status"]
    shown, reply = messages[0].content, messages[1].content
    assert {name: reply[name] for name in shown} == shown
    assert reply["status"] == "error"


def test_errors_of_this_kernel_can_end_a_cell_too() -> None:
    messages = ended(ask(code="x"), PlainResult(failure=SessionLost("Gone.")), count=1)
    assert messages[0].content["ename"] == "SessionLost"


def test_a_silent_cell_shows_what_ipykernel_shows_of_it() -> None:
    request = ask(code="1", silent=True)
    assert types(begun(request, 1)) == ["status"]
    result = PlainResult("printed", result="1", failure=PythonError("E", "", ("E",)))
    assert types(ended(request, result, 0)) == ["stream", "error", "execute_reply", "status"]


def test_only_cells_that_are_stored_count() -> None:
    counter = Counter()
    assert counter.begin(ask(code="1")) == 1
    assert counter.begin(ask(code="1", silent=True)) == 2
    assert counter.begin(ask(code="1", store_history=False)) == 2
    assert counter.value == 1
    assert counter.begin(ask(code="1", store_history=True)) == 2
    assert counter.value == 2


def test_each_user_expression_is_answered_with_an_error() -> None:
    request = ask(code="1", user_expressions={"a": "1", "b": "2"})
    reply = ended(request, PlainResult(), 1)[0].content
    assert {name: one["status"] for name, one in reply["user_expressions"].items()} == {
        "a": "error",
        "b": "error",
    }


@pytest.mark.parametrize("image", ["no base64 at all!", "", "abc", "x" * 5000])
def test_a_broken_image_is_a_named_error_that_shows_a_bounded_part_of_it(image: str) -> None:
    messages = ended(ask(code="x"), PlainResult("kept", images=(image,)), 1)
    assert types(messages) == ["stream", "error", "execute_reply", "status"]
    assert messages[1].content["ename"] == "UnexpectedAnswer"
    assert image[:20] in messages[1].content["evalue"]
    assert len(messages[1].content["evalue"]) < 300


@pytest.mark.parametrize(
    ("msg_type", "asked", "expected"),
    [
        ("complete_request", {"code": "pri", "cursor_pos": 3}, {"matches": [], "cursor_start": 3}),
        ("inspect_request", {"code": "x", "cursor_pos": 1}, {"found": False, "data": {}}),
        ("history_request", {}, {"history": []}),
        ("comm_info_request", {}, {"comms": {}}),
        ("is_complete_request", {"code": "for x in y:"}, {"status": "incomplete"}),
        ("is_complete_request", {"code": "x = 1"}, {"status": "complete"}),
        ("is_complete_request", {"code": "x = = 1"}, {"status": "invalid"}),
        ("is_complete_request", {"code": "%%time\nx = 1\n"}, {"status": "incomplete"}),
    ],
)
def test_other_requests_get_an_empty_answer(
    msg_type: str, asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    messages = answers(ask(msg_type, **asked))
    assert types(messages) == ["status", msg_type.replace("request", "reply"), "status"]
    content = messages[1].content
    assert {name: content.get(name) for name in expected} == expected


@pytest.mark.parametrize("msg_type", ["debug_request", "create_subshell_request", "usage_request"])
def test_what_there_is_not_is_refused_in_one_sentence(msg_type: str) -> None:
    messages = answers(ask(msg_type, "control", command="attach", seq=7))
    assert types(messages)[1] == msg_type.replace("request", "reply")
    content = messages[1].content
    assert content["status"] == "error"
    assert content["evalue"].count(".") == 1
    if msg_type == "debug_request":
        assert content["success"] is False
        assert (content["request_seq"], content["command"]) == (7, "attach")


def test_a_comm_is_closed_as_ipykernel_closes_one_that_it_does_not_know() -> None:
    messages = answers(ask("comm_open", comm_id="c1", target_name="jupyter.widget"))
    assert types(messages) == ["status", "comm_close", "status"]
    assert messages[1].content["comm_id"] == "c1"
    assert types(answers(ask("comm_msg", comm_id="c1"))) == ["status", "status"]


def test_an_answer_to_input_is_no_request() -> None:
    assert answers(ask("input_reply", "stdin", value="x")) == []
