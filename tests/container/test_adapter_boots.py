"""The end of one boot and the beginning of the next: restart, death, and what remains readable."""

from __future__ import annotations

import os
import signal
import threading
import time

import httpx
import pytest

from azure_session_kernel.wire import BootEnded, LogMessage

from .adapter_process import Kernel, execute_request, is_over, text_of

#: Generous: what is not seen by then is not seen.
SEEN_WITHIN_S = 60.0


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        ("os._exit(3)", "exited", "code 3"),
        ("os.kill(os.getpid(), 9)", "killed", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "killed", "SIGSEGV"),
        ("os.abort()", "killed", "SIGABRT"),
    ],
    ids=["os._exit", "SIGKILL", "SIGSEGV", "SIGABRT"],
)
def test_a_death_is_told_with_its_cause_and_a_new_boot_follows(
    kernel: Kernel, code: str, reason: str, said: str
) -> None:
    dead, marker = kernel.boot, "last words"
    # What its own thread has not yet handed to ZeroMQ dies with it: hence the pause.
    cell = execute_request(f"import os, time; print('{marker}'); time.sleep(0.3); {code}")
    kernel.send(cell)
    lines = kernel.read_until(lambda line: isinstance(line, BootEnded))
    ended = lines[-1]
    assert isinstance(ended, BootEnded)
    assert ended.reason == reason
    assert said in ended.cause
    assert marker in "".join(text_of(line) for line in lines), "what was said before is kept"
    hello = kernel.hello()
    assert hello.boot != dead
    assert (hello.state, hello.execution_count, hello.running) == ("idle", 0, ())
    assert kernel.run("print('os' in globals())") == "False\n"


def test_a_death_of_an_idle_interpreter_is_told_too(kernel: Kernel) -> None:
    os.kill(kernel.interpreter_pid(), signal.SIGKILL)
    assert kernel.ended().reason == "killed"
    assert kernel.hello().state == "idle"


def test_a_message_for_a_boot_that_died_is_refused(kernel: Kernel) -> None:
    os.kill(kernel.interpreter_pid(), signal.SIGKILL)
    kernel.ended()
    answer = kernel.post("send", messages=[])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "BootMismatch")


def test_processes_that_the_cell_started_end_with_its_interpreter(kernel: Kernel) -> None:
    child = int(
        kernel.run("import subprocess; print(subprocess.Popen(['sleep', '60']).pid)", silent=False)
    )
    os.kill(kernel.interpreter_pid(), signal.SIGKILL)
    kernel.ended()
    deadline = time.monotonic() + SEEN_WITHIN_S
    while child in {p.pid for p in kernel.adapter.processes()}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kernel.hello()


def test_a_log_is_readable_at_any_moment_while_its_boot_is_replaced(kernel: Kernel) -> None:
    kernel.run("import atexit, time; atexit.register(time.sleep, 0.3)")
    dead, after = kernel.boot, kernel.after
    kernel.send(execute_request("print('one more')"))
    kernel.read_until(lambda line: "one more" in text_of(line))
    kernel.post("restart", reason="restart", wait_s=0)
    statuses = set()
    body = {"boot": dead, "reader": kernel.reader, "after": after, "wait_s": 0}
    deadline = time.monotonic() + SEEN_WITHIN_S
    while b'"ended"' not in (answer := kernel.adapter.post("read", body)).content:
        statuses.add(answer.status_code)
        assert time.monotonic() < deadline
    assert statuses == {200}
    assert b"one more" in answer.content, "it was never acknowledged"
    kernel.hello()


def test_the_logs_of_the_last_two_boots_that_ended_are_kept(kernel: Kernel) -> None:
    boots = []
    for number in range(3):
        kernel.run(f"print('boot {number}')")
        boots.append(kernel.boot)
        answer = kernel.post("restart", reason="restart", wait_s=30)
        assert answer.status_code == 200
        kernel.hello()
    answers = [kernel.post("read", boot=boot, after=0, wait_s=0) for boot in boots]
    assert [answer.status_code for answer in answers] == [409, 200, 200]
    for number in (1, 2):
        lines = answers[number].content.splitlines()
        assert b"boot %d" % number in answers[number].content, "it was never acknowledged"
        assert b'"event":"ended"' in lines[-1]
        assert b'"reason":"restart"' in lines[-1]


def test_a_restart_empties_the_namespace_and_keeps_the_files(kernel: Kernel) -> None:
    kernel.run("kept = 1; open('kept.txt', 'w').write('here')")
    before = kernel.boot
    answer = kernel.post("restart", reason="restart", wait_s=30)
    assert answer.status_code == 200
    assert answer.json()["boot"] != before
    assert answer.json()["next"] >= 1
    ended = kernel.ended()
    assert (ended.reason, ended.cause) == ("restart", "The kernel was restarted.")
    kernel.hello()
    assert kernel.run("print('kept' in globals(), open('kept.txt').read())") == "False here\n"


def test_a_restart_that_is_repeated_happens_once(kernel: Kernel) -> None:
    body = {"boot": kernel.boot, "reader": kernel.reader, "reason": "restart", "wait_s": 30}
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(kernel.adapter.post("restart", body)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.append(kernel.adapter.post("restart", body))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["boot"] for answer in answers}) == 1
    assert kernel.hello().boot == answers[0].json()["boot"] != body["boot"]


def test_a_restart_lets_the_interpreter_run_its_atexit_handlers(kernel: Kernel) -> None:
    kernel.run("import atexit; atexit.register(lambda: open('farewell.txt', 'w').write('bye'))")
    kernel.post("restart", reason="restart", wait_s=30)
    kernel.hello()
    assert kernel.run("print(open('farewell.txt').read())") == "bye\n"


def test_an_interpreter_that_ignores_everything_is_restarted_all_the_same(kernel: Kernel) -> None:
    kernel.begin(
        "import signal\n"
        "for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\n"
        "sum(range(10**12))"
    )
    before = kernel.boot
    kernel.post("restart", reason="restart", wait_s=0)
    assert kernel.ended().reason == "restart"
    assert kernel.hello().boot != before


def test_a_working_directory_that_the_user_removed_comes_back(kernel: Kernel) -> None:
    kernel.run("import shutil, os; shutil.rmtree(os.getcwd())")
    kernel.post("restart", reason="restart", wait_s=30)
    kernel.hello()
    assert kernel.run("open('new.txt', 'w').close(); import os; print(os.listdir())") == (
        "['new.txt']\n"
    )


def test_numbers_start_at_one_in_each_boot(kernel: Kernel) -> None:
    kernel.post("restart", reason="restart", wait_s=30)
    kernel.boot = kernel.adapter.post("hello", {"reader": kernel.reader}).json()["boot"]
    kernel.after = 0
    kernel.send(execute_request("print(1)"))
    (*_, line) = kernel.read_until(lambda line: isinstance(line, LogMessage))
    assert isinstance(line, LogMessage)
    assert line.n == 1


#: The user's code can send what it likes.
_ANSWERS_MORE_THAN_ONCE = """
session = get_ipython().kernel.session
send = session.send
def again(stream, kind, *args, **options):
    if kind == "execute_reply":
        for _ in range(20):
            send(stream, kind, *args, **options)
    return send(stream, kind, *args, **options)
session.send = again
"""


def test_a_request_has_one_answer_in_the_log(kernel: Kernel) -> None:
    """The log keeps answers whatever comes, so others would fill it without end."""
    kernel.run(_ANSWERS_MORE_THAN_ONCE)
    cells = [execute_request("1"), execute_request("del session.send")]
    lines = []
    for cell in cells:
        kernel.send(cell)
        lines += kernel.read_until(is_over(cell))
    kernel.run("pass")
    messages = [line.message for line in lines if isinstance(line, LogMessage)]
    answered = [m.parent_id for m in messages if m.msg_type == "execute_reply"]
    assert answered == [cell.msg_id for cell in cells]
