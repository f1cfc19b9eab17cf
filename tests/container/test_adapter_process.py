"""The calls of ``docs/protocol.md`` to the real adapter with a real interpreter."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import replace
from typing import Any

import pytest

from azure_session_kernel.wire import (
    MAX_BODY_BYTES,
    EndOfRead,
    KeepAlive,
    LogLine,
    LogMessage,
    Message,
    Superseded,
    dump,
    load,
    message_as_json,
    split_body,
)

from .adapter_process import (
    AdapterProcess,
    Kernel,
    execute_request,
    is_over,
    new_id,
    stdout,
    text_of,
)


def error_of(answer: Any) -> tuple[int, str]:
    """The status and code, of an error that has the documented shape."""
    body = answer.json()
    assert body.keys() == {"error", "boot"}
    assert body["error"].keys() == {"code", "message", "source"}
    assert body["error"]["source"] == "azure-session-kernel"
    return answer.status_code, body["error"]["code"]


# -- hello


def test_hello_describes_the_running_boot(kernel: Kernel) -> None:
    kernel.run("1")
    answer = kernel.adapter.post("hello", {"protocol": 1, "reader": kernel.reader, "wait_s": 5})
    hello = answer.json()
    assert hello["protocol"] == 1
    assert hello["boot"] == kernel.boot
    assert hello["state"] == "idle"
    assert hello["execution_count"] >= 1
    assert hello["next"] == kernel.after + 1
    assert hello["info"]["implementation"] == "ipython"
    assert hello["running"] == []
    assert {"interrupt", "restart"} <= set(hello["features"])
    assert hello["limits"] == {"body_bytes": MAX_BODY_BYTES, "read_s": 200.0}


def test_hello_needs_no_time_when_the_interpreter_is_ready(kernel: Kernel) -> None:
    assert kernel.hello(wait_s=0).state == "idle"


def test_hello_names_the_requests_that_have_not_ended(kernel: Kernel) -> None:
    cell = kernel.begin("while True: pass")
    waiting = execute_request("pass")
    kernel.send(waiting)
    hello = kernel.hello()
    assert (hello.state, hello.running) == ("busy", (cell.msg_id, waiting.msg_id))
    kernel.post("interrupt")
    kernel.finish(waiting)
    hello = kernel.hello()
    assert (hello.state, hello.running) == ("idle", ())


def test_a_request_of_an_unknown_type_does_not_stay_among_the_running(kernel: Kernel) -> None:
    kernel.send(Message("shell", {"msg_id": new_id(), "msg_type": "dance_request"}, {}))
    kernel.run("pass")
    assert kernel.hello().running == ()


# -- send


def test_a_message_sent_again_is_acknowledged_and_not_delivered_again(kernel: Kernel) -> None:
    kernel.run("count = 0")
    request = execute_request("count += 1")
    assert kernel.send(request) == {
        "boot": kernel.boot,
        "accepted": [request.msg_id],
        "repeated": [],
    }
    again = {"boot": kernel.boot, "accepted": [], "repeated": [request.msg_id]}
    assert kernel.send(request) == again
    kernel.finish(request)
    assert kernel.send(request) == again
    assert kernel.run("print(count)") == "1\n"


def test_a_message_that_stands_twice_in_one_request_is_delivered_once(kernel: Kernel) -> None:
    kernel.run("count = 0")
    request = execute_request("count += 1")
    answer = kernel.send(request, request)
    assert (answer["accepted"], answer["repeated"]) == ([request.msg_id], [request.msg_id])
    assert kernel.run("print(count)") == "1\n"


def test_buffers_reach_the_interpreter_and_come_back(kernel: Kernel) -> None:
    buffer = bytes(range(256))
    kernel.run(
        "def opened(comm, message):\n"
        "    comm.on_msg(lambda m: comm.send({'n': len(m['buffers'])}, buffers=m['buffers']))\n"
        "get_ipython().kernel.comm_manager.register_target('echo', opened)"
    )
    comm = {"comm_id": new_id(), "data": {}}
    opened = {"msg_id": new_id(), "msg_type": "comm_open"}
    kernel.send(
        Message("shell", opened, {**comm, "target_name": "echo"}),
        Message("shell", {"msg_id": new_id(), "msg_type": "comm_msg"}, comm, buffers=(buffer, b"")),
    )

    def is_echo(line: LogLine) -> bool:
        return isinstance(line, LogMessage) and line.message.msg_type == "comm_msg"

    (*_, line) = kernel.read_until(is_echo)
    assert isinstance(line, LogMessage)
    assert line.message.content["data"] == {"n": 2}
    assert line.message.buffers == (buffer, b"")


def test_a_body_in_parts_in_any_order_and_repeated_is_delivered_once(kernel: Kernel) -> None:
    text = "".join(random.Random(1).choices("abcdefgh", k=3_000_000))
    kernel.run("count = 0")
    request = execute_request(f"count += 1; text = {text!r}")
    whole = {
        "boot": kernel.boot,
        "reader": kernel.reader,
        "messages": [message_as_json(request)],
    }
    parts = [load(body) for body in split_body(dump(whole), "p", kernel.boot, kernel.reader)]
    assert len(parts) > 4
    random.Random(2).shuffle(parts)
    *early, last = parts
    for part in [*early, *early]:
        answer = kernel.adapter.post("send", part)
        assert answer.json() == {"boot": kernel.boot, "received": part["part"]["index"]}
    answer = kernel.adapter.post("send", last)
    assert answer.json() == {"boot": kernel.boot, "accepted": [request.msg_id], "repeated": []}
    kernel.finish(request)
    for part in reversed(parts):
        answer = kernel.adapter.post("send", part)
        acknowledged = {"boot": kernel.boot, "accepted": [], "repeated": [request.msg_id]}
        assert answer.json() == acknowledged
    assert kernel.run("print(count, len(text), text[-10:])") == f"1 3000000 {text[-10:]}\n"


def test_a_body_in_parts_that_is_refused_is_refused_again(kernel: Kernel) -> None:
    message = {**message_as_json(execute_request("#" * MAX_BODY_BYTES)), "channel": "iopub"}
    whole = {"boot": kernel.boot, "reader": kernel.reader, "messages": [message]}
    *early, last = split_body(dump(whole), "refused", kernel.boot, kernel.reader)
    for part in early:
        assert kernel.adapter.post("send", load(part)).status_code == 200
    for _ in range(2):
        answer = kernel.adapter.post("send", load(last))
        assert error_of(answer) == (400, "InvalidRequest")


def test_an_oversized_body_is_refused_and_the_adapter_goes_on(kernel: Kernel) -> None:
    message = message_as_json(execute_request("#" * 2 * MAX_BODY_BYTES))
    assert error_of(kernel.post("send", messages=[message])) == (413, "BodyTooLarge")
    assert kernel.run("print(1)") == "1\n"


def test_the_largest_body_that_a_kernel_sends_whole_is_accepted(kernel: Kernel) -> None:
    request = execute_request("")
    body = {"boot": kernel.boot, "reader": kernel.reader, "messages": [message_as_json(request)]}
    room = MAX_BODY_BYTES - len(dump(body))
    request = replace(request, content={**request.content, "code": "#" * room})
    kernel.send(request)
    kernel.finish(request)


# -- errors


@pytest.mark.parametrize("call", ["send", "interrupt", "reaction", "restart"])
def test_another_boot_is_a_mismatch_and_nothing_is_done(kernel: Kernel, call: str) -> None:
    request = message_as_json(execute_request("import os; os._exit(9)"))
    before = kernel.boot
    body = {"boot": "b-other", "messages": [request], "reason": "restart"}
    answer = kernel.post(call, **body)
    if call == "restart":  # a repeat: answered with the hello of the boot that runs
        assert answer.json()["boot"] == before
    else:
        assert error_of(answer) == (409, "BootMismatch")
        assert answer.json()["boot"] == before
    assert kernel.hello().boot == before
    assert kernel.run("print(1)") == "1\n"


def test_reading_an_unknown_boot_is_a_mismatch(kernel: Kernel) -> None:
    answer = kernel.post("read", boot="b-other", after=0, wait_s=0)
    assert error_of(answer) == (409, "BootMismatch")


def test_a_part_for_another_boot_is_refused_at_once(kernel: Kernel) -> None:
    part = {"id": "p", "index": 0, "count": 9, "data": "eA=="}
    assert error_of(kernel.post("send", boot="b-other", part=part)) == (409, "BootMismatch")


def test_every_call_of_an_older_reader_is_superseded(kernel: Kernel) -> None:
    kernel.run("marker = 1")
    newer = Kernel(kernel.adapter)
    newer.hello()
    clear = message_as_json(execute_request("marker = 2"))
    hello = kernel.adapter.post("hello", {"reader": kernel.reader, "wait_s": 0})
    assert error_of(hello) == (409, "Superseded")
    calls: dict[str, dict[str, Any]] = {
        "send": {"messages": [clear]},
        "read": {"after": 0, "wait_s": 0},
        "interrupt": {},
        "reaction": {},
        "restart": {"reason": "restart"},
    }
    for call, body in calls.items():
        assert error_of(kernel.post(call, **body)) == (409, "Superseded"), call
    assert newer.run("print(marker)") == "1\n"


def test_a_newer_reader_ends_the_read_of_the_older_one(kernel: Kernel) -> None:
    kernel.run("pass")
    read = kernel.read()
    execute = execute_request("display('for the old one')")
    kernel.send(execute)
    assert any(isinstance(line, LogMessage) for line in read)
    newer = Kernel(kernel.adapter)
    newer.hello()
    assert isinstance(list(read)[-1], Superseded)
    assert newer.run("print('for the new one')") == "for the new one\n"


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("hello", b"not json"),
        ("hello", b"\xff"),
        ("hello", b"[]"),
        ("hello", b"[" * 100_000),
        ("hello", b'{"reader": 1}'),
        ("hello", b'{"wait_s": "long"}'),
        ("hello", b'{"wait_s": NaN}'),
        ("send", b"{}"),
        ("send", b'{"messages": {}}'),
        ("send", b'{"messages": [1]}'),
        ("send", b'{"messages": [{"channel": "shell", "header": {}}]}'),
        ("send", b'{"messages": [{"channel":"iopub","header":{"msg_id":"1","msg_type":"x"}}]}'),
        ("read", b'{"after": -1}'),
        ("read", b'{"after": true}'),
        ("read", b'{"after": "1"}'),
        ("interrupt", b'{"msg_id": 1}'),
        ("reaction", b'{"msg_id": 1}'),
        ("restart", b'{"reason": "boredom"}'),
    ],
)
def test_what_is_not_of_the_protocol_is_an_invalid_request(
    kernel: Kernel, call: str, body: bytes
) -> None:
    answer = kernel.adapter.client.post(f"/jupyter/{call}", content=body)
    assert error_of(answer) == (400, "InvalidRequest")
    assert answer.json()["boot"] == kernel.boot


def test_no_debugger_has_to_warn_of_frozen_modules(kernel: Kernel) -> None:
    assert kernel.run("import sys; print(sys._xoptions)") == "{'frozen_modules': 'off'}\n"


@pytest.mark.parametrize(
    "part",
    [
        1,
        {},
        {"id": "p", "index": 2, "count": 2, "data": "eA=="},
        {"id": "p", "index": 0, "count": 10**9, "data": "eA=="},
        {"id": "p", "index": 0, "count": 2, "data": "*"},
        {"id": "p", "index": 0, "count": 1, "data": "eA=="},
    ],
    ids=["no object", "empty", "index", "count", "base64", "whole is no JSON"],
)
def test_a_malformed_part_is_an_invalid_request(kernel: Kernel, part: Any) -> None:
    assert error_of(kernel.post("send", part=part)) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/jupyter/dance"),
        ("GET", "/jupyter/hello"),
        ("DELETE", "/jupyter/send"),
        ("POST", "/health"),
        ("GET", "/jupyter/hello/"),
    ],
)
def test_a_path_that_is_not_served_is_no_such_route(kernel: Kernel, method: str, path: str) -> None:
    answer = kernel.adapter.client.request(method, path)
    assert error_of(answer) == (404, "NoSuchRoute")
    assert answer.json()["boot"] == kernel.boot


def test_the_query_that_a_pool_adds_is_ignored(kernel: Kernel) -> None:
    path = "/jupyter/hello?identifier=someone&api-version=1"
    answer = kernel.adapter.client.post(path, json={"reader": kernel.reader})
    assert answer.json()["boot"] == kernel.boot


# -- read


def test_output_is_readable_while_the_cell_runs(kernel: Kernel) -> None:
    cell = kernel.begin("print('for ' + input(), flush=True)", allow_stdin=True)
    kernel.read_until(
        lambda line: isinstance(line, LogMessage) and line.message.msg_type == "input_request"
    )
    assert kernel.hello().running == (cell.msg_id,)
    reply = {"msg_id": new_id(), "msg_type": "input_reply"}
    kernel.send(Message("stdin", reply, {"value": "you 🎈\u2028"}))
    assert stdout(kernel.finish(cell)) == "for you 🎈\u2028\n"


def test_a_read_cut_at_any_line_goes_on_where_it_was(kernel: Kernel) -> None:
    cell = execute_request(
        "import sys\n"
        "for i in range(60):\n"
        "    print(i, file=(sys.stdout, sys.stderr)[i % 2], flush=True)"
    )
    kernel.send(cell)
    over, cut_after = is_over(cell), random.Random(3)
    lines: list[LogLine] = []
    done = False
    while not done:
        # ``read`` itself checks for holes and repeats.
        some = list(itertools.islice(kernel.read(wait_s=0.5), cut_after.randint(1, 9)))
        done = [over(line) for line in some].count(True) > 0
        lines += some
    printed = "".join(text_of(line) for line in lines)
    assert printed.split() == [str(i) for i in range(60)]


def test_a_read_ends_when_its_time_is_over(kernel: Kernel) -> None:
    kernel.run("pass")
    assert list(kernel.read(wait_s=0.05)) == [KeepAlive(), EndOfRead()]


def test_a_million_characters_arrive_whole_and_in_order(kernel: Kernel) -> None:
    printed = kernel.run("for i in range(50_000): print(i, '😀\\u2028\\x85\\r', 'x' * 20)")
    assert printed == "".join(f"{i} 😀\u2028\x85\r {'x' * 20}\n" for i in range(50_000))


# -- interrupt


def interrupt(kernel: Kernel, msg_id: str | None = None) -> str:
    answer = kernel.post("interrupt", msg_id=msg_id).json()
    assert answer.keys() == {"boot", "outcome"}
    return str(answer["outcome"])


def enames(messages: list[Message]) -> list[str]:
    return [m.content["ename"] for m in messages if m.msg_type == "error"]


def test_interrupting_an_idle_interpreter_does_nothing(kernel: Kernel) -> None:
    assert interrupt(kernel) == "idle"
    assert kernel.run("print(1)") == "1\n"


def test_a_running_cell_is_interrupted(kernel: Kernel) -> None:
    cell = kernel.begin("while True: pass")
    assert interrupt(kernel, cell.msg_id) == "signalled"
    assert enames(kernel.finish(cell)) == ["KeyboardInterrupt"]
    assert interrupt(kernel, cell.msg_id) == "idle"


def test_an_interrupt_for_a_cell_that_waits_follows_when_it_starts(kernel: Kernel) -> None:
    kernel.begin("time.sleep(0.3)")
    waiting = execute_request("while True: pass")
    kernel.send(waiting)
    assert interrupt(kernel, waiting.msg_id) == "pending"
    messages = kernel.finish(waiting)
    errors = [m.parent_id for m in messages if m.msg_type == "error"]
    assert errors == [waiting.msg_id], "and not the cell that ran"
    assert kernel.run("print(1)") == "1\n"


# -- the loop stays responsive


def answers_while_busy(kernel: Kernel) -> bool:
    """How soon is measured by ``benchmarks/compare``."""
    return all(
        kernel.adapter.client.get("/health").json() == {"status": "ok"}
        and kernel.hello().state == "busy"
        for _ in range(9)
    )


@pytest.mark.parametrize(
    "load",
    [
        # Four processes on the machine's CPUs, and the interpreter itself.
        "import subprocess, sys\n"
        "busy = [subprocess.Popen([sys.executable, '-c', 'while 1: pass']) for _ in range(4)]\n"
        "try:\n    while True: pass\n"
        "finally:\n    [(p.kill(), p.wait()) for p in busy]",
        # Messages as fast as they can be made.
        "while True: display({'text/plain': 'x'}, raw=True)",
    ],
    ids=["all CPUs burn", "a flood of messages"],
)
def test_it_answers_while(kernel: Kernel, load: str) -> None:
    cell = kernel.begin(load)
    assert answers_while_busy(kernel)
    assert interrupt(kernel, cell.msg_id) == "signalled"
    kernel.finish(cell)


def test_it_answers_while_a_c_loop_holds_the_gil(kernel: Kernel) -> None:
    kernel.begin("sum(range(10**12))")
    time.sleep(0.05)
    assert answers_while_busy(kernel)
    kernel.post("restart", reason="interrupt")
    assert kernel.ended().reason == "interrupt"


def test_health_is_also_answered_to_nobody_in_particular(shared_adapter: AdapterProcess) -> None:
    answer = shared_adapter.client.get("/health?anything=1")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
