"""Cells that are sent behind one that runs (docs/protocol.md "Cells in a burst")."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from azure_session_kernel.wire import AFTER, After, LogMessage, Message, message_as_json

from .adapter_process import AdapterProcess, Kernel, execute_request, is_over


def behind(before: Message, code: str, *, unless_error: bool = True) -> Message:
    cell = execute_request(code)
    return replace(cell, metadata={AFTER: After(before.msg_id, unless_error).as_json()})


def _replies(kernel: Kernel, last: Message) -> list[tuple[str, str]]:
    """Whose reply said what, until ``last`` is over."""
    lines = kernel.read_until(is_over(last))
    messages = [line.message for line in lines if isinstance(line, LogMessage)]
    replies = [m for m in messages if m.msg_type == "execute_reply"]
    return [(m.parent_id, m.content["status"]) for m in replies]


@pytest.mark.parametrize(
    ("unless_error", "status"), [(True, "aborted"), (False, "ok")], ids=["aborts", "aborts nothing"]
)
def test_an_error_aborts_what_hangs_on_it(kernel: Kernel, unless_error: bool, status: str) -> None:
    first = execute_request("1 / 0")
    second = behind(first, "ran = True", unless_error=unless_error)
    third = behind(second, "1")
    kernel.send(first, second, third)
    expected = [(first.msg_id, "error"), (second.msg_id, status), (third.msg_id, status)]
    assert _replies(kernel, third) == expected
    late = behind(third, "1")
    kernel.send(late)
    assert _replies(kernel, late) == [(late.msg_id, status)]


def test_an_aborted_cell_aborts_what_hangs_on_it_whatever_its_own_error_would(
    kernel: Kernel,
) -> None:
    first = execute_request("1 / 0")
    second = behind(first, "1")
    third = behind(second, "ran = True", unless_error=False)
    kernel.send(first, second, third)
    aborted = [(second.msg_id, "aborted"), (third.msg_id, "aborted")]
    assert _replies(kernel, third) == [(first.msg_id, "error"), *aborted]


def test_a_cell_behind_one_that_nobody_knows_is_refused_with_all_that_came_along(
    kernel: Kernel,
) -> None:
    known, lost = execute_request("print('ran')"), execute_request("1")
    messages = [message_as_json(one) for one in (known, behind(lost, "1"))]
    answer = kernel.post("send", messages=messages)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequest")
    assert kernel.send(known)["accepted"] == [known.msg_id], "it was not delivered before"
    kernel.finish(known)


@pytest.mark.parametrize("condition", [1, {}, {"msg_id": "m"}, {"msg_id": 1, "unless_error": True}])
def test_a_condition_that_is_none_is_refused(kernel: Kernel, condition: Any) -> None:
    cell = replace(execute_request("1"), metadata={AFTER: condition})
    answer = kernel.post("send", messages=[message_as_json(cell)])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequest")


def test_an_interrupt_of_a_cell_that_is_over_is_for_the_one_of_its_burst_that_runs(
    kernel: Kernel,
) -> None:
    """Its kernel has not heard yet that it is over."""
    first = execute_request("1")
    second = behind(first, "import time\nprint('begun', flush=True)\ntime.sleep(600)")
    third = behind(second, "print('ran')")
    kernel.send(first, second, third)
    kernel.finish(first)
    kernel.read_until(lambda line: "begun" in str(line))
    assert kernel.post("interrupt", msg_id=first.msg_id).json()["outcome"] in (
        "signalled",
        "pending",
    )
    expected = [(second.msg_id, "error"), (third.msg_id, "aborted")]
    assert _replies(kernel, third) == expected


def test_what_has_not_begun_when_another_kernel_claims_the_session_does_not_run(
    shared_adapter: AdapterProcess, kernel: Kernel
) -> None:
    running = kernel.begin("import time\nwhile not globals().get('stop'): time.sleep(0.01)")
    kernel.send(behind(running, "claimed = True"))
    newer = Kernel(shared_adapter)
    newer.hello()
    assert newer.post("interrupt").json()["outcome"] in ("signalled", "pending")
    newer.after = kernel.after
    newer.finish(running)
    assert newer.run("print('claimed' in globals())") == "False\n"
