"""What a session that means harm costs its own kernel.

``python -m benchmarks.hostile [--only TEXT] [--idle SECONDS]``: a fake session, which speaks the
protocol as it likes, attacks a real kernel. For each attack: by how much the kernel's process grew
at most, its CPU time, how long a front end waited for ``kernel_info`` at most while it went on, and
how long the kernel took to end after it. Fails where a bound is broken, or a cell ends otherwise
than it must.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from azure_session_kernel.pool.local_record import LocalPool, write_record
from tests.kernel.fake_front import (
    HELLO,
    TOKEN,
    Answer,
    FakeFront,
    FakeSession,
    Respond,
    ending,
    line,
)
from tests.kernel.live_kernel import LiveKernel

MB = 1024 * 1024
#: A cell that is not over by then never ends.
LIMIT_S = 600.0
#: A flood goes on for so long before it is interrupted.
FLOOD_S = 10.0


@dataclass
class Attack:
    """:param respond: of a new session.
    :param grows_mb: the bound of what the kernel's process takes more.
    :param ends: ``ok``, or the name of the cell's error: it is interrupted after ``FLOOD_S`` where
        that is ``KeyboardInterrupt``; "" where none is run, and the kernel is left idle.
    """

    respond: Callable[[], Respond]
    grows_mb: float
    ends: str = "ok"


@dataclass
class Cost:
    """In MB and seconds."""

    grown_mb: float = 0.0
    cpu_s: float = 0.0
    kernel_info_s: float = 0.0
    shutdown_s: float = 0.0
    problems: list[str] = field(default_factory=list)


# -- sessions -------------------------------------------------------------------------------------


def _script(lines: Callable[[str], Iterable[bytes]]) -> Callable[[], Respond]:
    return lambda: FakeSession(lines).respond


def _display(value: Callable[[], bytes]) -> Callable[[], Respond]:
    """A cell that displays this JSON."""

    def lines(msg_id: str) -> list[bytes]:
        shown = line(1, "display_data", msg_id, data="?", metadata={}, transient={})
        return [shown.replace(b'"?"', b'{"application/json":%s}' % value(), 1), *ending(2, msg_id)]

    return _script(lines)


def _flood(of: Callable[[int, str], bytes]) -> Callable[[], Respond]:
    def lines(msg_id: str) -> Iterator[bytes]:
        return (of(n, msg_id) for n in range(1, 1_000_000_000))

    return lambda: _Endless(lines).respond


class _Endless(FakeSession):
    """Sends its lines one by one, for ever."""

    def __init__(self, lines: Callable[[str], Iterator[bytes]]) -> None:
        super().__init__()
        self._lines = lines

    def respond(self, path: str, body: bytes) -> Answer:
        if path == "/jupyter/read":
            return Answer(body=self._from(json.loads(body)["after"]))
        return super().respond(path, body)

    def _from(self, after: int) -> Iterator[bytes]:
        yield b'{"event":"keepalive"}\n'
        for number, one in enumerate(self._lines(self.cell(1)), 1):
            if number > after:
                yield one + b"\n"


def _text(n: int, msg_id: str) -> bytes:
    return line(n, "stream", msg_id, name="stdout", text="x" * 10_000)


def _question(n: int, msg_id: str) -> bytes:
    return line(n, "input_request", msg_id, channel="stdin", prompt="?" * 1000, password=False)


def _stranger(n: int, msg_id: str) -> bytes:
    return line(n, "stream", f"cell-{n}", name="stdout", text="x" * 10_000)


def _answering(read: Callable[[int], bytes]) -> Callable[[], Respond]:
    """A session whose reads end at once. :param read: from ``after`` to the answer."""

    def session() -> Respond:
        boots = iter(range(1_000_000_000))

        def respond(path: str, body: bytes) -> Answer:
            if path == "/jupyter/hello":
                return _json({**HELLO, "boot": f"b-{next(boots)}"})
            if path == "/jupyter/read":
                return Answer(body=read(json.loads(body)["after"]))
            return _json({"accepted": []})

        return respond

    return session


def _ended(after: int) -> bytes:
    ended = {"n": after + 1, "event": "ended", "reason": "restart", "cause": "It exits."}
    return json.dumps(ended).encode() + b"\n"


def _json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"content-type": "application/json"})


def _bomb(member: bytes, size_mb: int) -> Callable[[], bytes]:
    return lambda: b"[" + member * (size_mb * MB // len(member)) + b"1]"


def _numbers() -> bytes:
    return b"[%s]" % b",".join(b"%r" % (n / 7) for n in range(5_000_000))


ATTACKS: dict[str, Attack] = {
    "a display of objects, 40 MB": Attack(_display(_bomb(b"{},", 40)), 250),
    "a display of objects, 280 MB": Attack(_display(_bomb(b"{},", 280)), 900),
    "a display of lists, 100,000 deep": Attack(
        _display(lambda: b"[" * 100_000 + b"]" * 100_000), 100
    ),
    "a display of 5,000,000 numbers": Attack(_display(_numbers), 600),
    "a display of text, 80 MB": Attack(_display(lambda: b'"%s"' % (b"x" * (80 * MB))), 500),
    "a line that never ends": Attack(
        _script(lambda msg_id: [b"x" * (300 * MB)]), 700, "ExecutionUnknown"
    ),
    "text for ever": Attack(_flood(_text), 300, "KeyboardInterrupt"),
    "questions for ever": Attack(_flood(_question), 100, "KeyboardInterrupt"),
    "text of other cells for ever": Attack(_flood(_stranger), 100, "KeyboardInterrupt"),
    "idle: every boot ends at once": Attack(_answering(_ended), 50, ""),
    "idle: every read ends at once": Attack(
        _answering(lambda after: b'{"event":"end_of_read"}\n'), 50, ""
    ),
    "idle: every read is garbage": Attack(_answering(lambda after: b"garbage\n"), 50, ""),
}


# -- what is measured -----------------------------------------------------------------------------


@contextmanager
def _meanwhile(step: Callable[[], None], every_s: float) -> Iterator[None]:
    """Again and again, in a thread."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every_s):
            step()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _watched(kernel: LiveKernel, cost: Cost) -> Iterator[None]:
    process = kernel.process
    before, cpu = process.memory_info().rss, process.cpu_times()

    def look() -> None:
        cost.grown_mb = max(cost.grown_mb, (process.memory_info().rss - before) / MB)

    try:
        with _meanwhile(look, 0.02):
            yield
    finally:
        spent = process.cpu_times()
        cost.cpu_s = spent.user + spent.system - cpu.user - cpu.system


@contextmanager
def _asked(kernel: LiveKernel, cost: Cost) -> Iterator[None]:
    """For ``kernel_info`` on the control channel, again and again."""

    def ask() -> None:
        begun = time.monotonic()
        kernel.control("kernel_info_request", limit_s=LIMIT_S)
        cost.kernel_info_s = max(cost.kernel_info_s, time.monotonic() - begun)

    with _meanwhile(ask, 0.05):
        yield


def _attack(kernel: LiveKernel, attack: Attack, cost: Cost, idle_s: float) -> str:
    """How the cell ended."""
    if not attack.ends:
        with _asked(kernel, cost):
            time.sleep(idle_s)
        return ""
    msg_id = kernel.execute("1", allow_stdin=True)
    if attack.ends == "KeyboardInterrupt":
        with _asked(kernel, cost):
            time.sleep(FLOOD_S)
        return str(kernel.interrupt_until_over(msg_id, LIMIT_S).error["ename"])
    with _asked(kernel, cost):
        cell = kernel.finish(msg_id, LIMIT_S)
    return cell.status if cell.status == "ok" else str(cell.error["ename"])


def measure(attack: Attack, idle_s: float) -> Cost:
    cost = Cost()
    with tempfile.TemporaryDirectory(prefix="hostile-") as name, ExitStack() as stack:
        folder = Path(name)
        front = stack.enter_context(FakeFront(attack.respond()))
        env = {"JUPYTER_DATA_DIR": name, "JUPYTER_RUNTIME_DIR": name, "HOME": name}
        os.environ["JUPYTER_DATA_DIR"] = name
        write_record(LocalPool(front.url, TOKEN, os.getpid()))
        kernel = LiveKernel({**env, "AZURE_SESSION_POOL_ENDPOINT": "local"}, folder / "log")
        stack.callback(kernel.stop, now=True)
        kernel.wait_until_ready()
        with _watched(kernel, cost):
            ended = _attack(kernel, attack, cost, idle_s)
        begun = time.monotonic()
        kernel.stop()
        cost.shutdown_s = time.monotonic() - begun
    if ended != attack.ends:
        cost.problems.append(f"the cell ended with {ended}, not {attack.ends}")
    if cost.grown_mb > attack.grows_mb:
        cost.problems.append("it grew too much")
    return cost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose name contains this text")
    parser.add_argument("--idle", type=float, default=20.0, help="of an idle kernel, s")
    args = parser.parse_args()
    print(f"{'the session':36}{'MB more':>9}{'bound':>7}{'CPU, s':>8}{'info, s':>9}{'end, s':>8}")
    failed = False
    for name, attack in ATTACKS.items():
        if args.only not in name:
            continue
        cost = measure(attack, args.idle)
        numbers = f"{cost.grown_mb:>9.0f}{attack.grows_mb:>7.0f}{cost.cpu_s:>8.2f}"
        times = f"{cost.kernel_info_s:>9.2f}{cost.shutdown_s:>8.2f}"
        print(f"{name:36}{numbers}{times}  {'; '.join(cost.problems)}", flush=True)
        failed |= bool(cost.problems)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
