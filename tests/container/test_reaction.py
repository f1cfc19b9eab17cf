"""What an interpreter says of a cell that was interrupted."""

from __future__ import annotations

import time

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from azure_session_kernel.wire import Message

from .adapter_process import COMES_WITHIN_S, Kernel, execute_request, text_of

READY = "import asyncio, hashlib, signal, time\ndef ready(): print('ready', flush=True)\n"
CASES = {
    "handled": [
        "while True:\n    try: ready(); time.sleep(600)\n    except KeyboardInterrupt: pass",
        "try: ready(); time.sleep(600)\nexcept KeyboardInterrupt: pass\ntime.sleep(600)",
        "signal.signal(signal.SIGINT, lambda *_: None); ready()\nwhile True: pass",
        "while True:\n    try: ready(); await asyncio.sleep(600)\n"
        "    except asyncio.CancelledError: pass",
    ],
    "handling": [
        "try: ready(); time.sleep(600)\nfinally: time.sleep(600)",
        "try: ready(); time.sleep(600)\nexcept KeyboardInterrupt:\n    try: 1 / 0\n"
        "    except ZeroDivisionError: time.sleep(600)",
        "class Held:\n    def __enter__(self): ready()\n"
        "    def __exit__(self, *_): time.sleep(600)\n"
        "with Held(): time.sleep(600)",
    ],
    "unknown": [
        "signal.signal(signal.SIGURG, signal.SIG_IGN)\n"
        "try: ready(); time.sleep(600)\nfinally: time.sleep(600)",
    ],
}
#: A call that keeps the interpreter lock, one that gives it away, and a loop that never gets round.
BUSY = (
    "sum(range(10**13))",
    "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)",
    "await asyncio.sleep(0)\nwhile True: pass",
)


def _begin(kernel: Kernel, code: str) -> Message:
    cell = execute_request(READY + code)
    kernel.send(cell)
    kernel.read_until(lambda line: "ready" in text_of(line))
    return cell


def reaction(kernel: Kernel, msg_id: str | None = None) -> str:
    answer = kernel.post("reaction", msg_id=msg_id).json()
    assert answer.keys() == {"boot", "reaction"}
    return str(answer["reaction"])


def _becomes(kernel: Kernel, wanted: str, cell: Message) -> bool:
    """A look may come before the signal has; after that it must not change any more."""
    deadline = time.monotonic() + COMES_WITHIN_S
    while time.monotonic() < deadline:
        if {reaction(kernel, one) for one in (cell.msg_id, None, cell.msg_id)} == {wanted}:
            return True
    return False


def _end(kernel: Kernel) -> None:
    kernel.post("restart", reason="interrupt")
    kernel.ended()


@pytest.mark.parametrize(
    ("code", "wanted"),
    [(code, wanted) for wanted, codes in CASES.items() for code in codes],
)
def test_what_a_signal_has_done_to_the_cell(kernel: Kernel, code: str, wanted: str) -> None:
    cell = _begin(kernel, code)
    kernel.post("interrupt", msg_id=cell.msg_id)
    assert _becomes(kernel, wanted, cell)
    _end(kernel)


@pytest.mark.parametrize("code", BUSY)
def test_code_that_no_signal_reaches_shows_no_reaction(kernel: Kernel, code: str) -> None:
    interpreter = psutil.Process(kernel.interpreter_pid())
    cell = _begin(kernel, "ready(); time.sleep(0.3)\n" + code)
    used_s = interpreter.cpu_times().user
    while interpreter.cpu_times().user < used_s + 0.2:  # now it is there
        time.sleep(0.02)
    assert kernel.post("interrupt", msg_id=cell.msg_id).json()["outcome"] == "signalled"
    assert [reaction(kernel, cell.msg_id) for _ in range(3)] == ["none"] * 3
    _end(kernel)


def test_a_cell_that_waits_shows_no_reaction_and_one_that_is_over_needs_none(
    kernel: Kernel,
) -> None:
    over = execute_request(READY)
    kernel.send(over)
    kernel.finish(over)
    _begin(kernel, "ready(); time.sleep(600)")
    waiting = execute_request("1")
    kernel.send(waiting)
    assert reaction(kernel, waiting.msg_id) == "none"
    assert reaction(kernel, over.msg_id) == "handled"
    _end(kernel)
