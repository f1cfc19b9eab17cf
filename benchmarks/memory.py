"""How much memory each process takes while a cell makes far too much output.

``python -m benchmarks.memory [--scale 1.0] [--only TEXT] [--limit SECONDS]``: 1 GB printed, an
endless print loop interrupted after 10 s, a display of 200 MB, one of 5 million numbers, which is
about as much as is decoded, one of 13 million objects, which is left out, a million tiny messages.
Prints the
peak of the resident size of kernel, adapter and local pool, and fails if a bound is broken or
anything is missing. A cell that is not over within its limit is left there, and how far it came is
told.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from azure_session_kernel.wire import MAX_DECODED_BYTES

from .chaos.world import World

MB = 1024 * 1024
LIMIT_S = 900.0
#: What each process may take above its size before the cell, whatever the cell prints.
STREAM_BOUND_MB = {"kernel": 300, "adapter": 300, "pool": 100}
#: One message is held whole, as JSON and decoded, on its way; so many times its size.
DISPLAY_FACTOR = {"kernel": 6, "adapter": 6, "pool": 1}
#: Of what is left out, the kernel takes nothing, and the adapter the bytes.
LEFT_OUT_FACTOR = {"kernel": 0, "adapter": 4, "pool": 0}
OBJECT_BYTES = 100


@dataclass
class Peaks:
    """Resident sizes in MB: before, and the highest since."""

    before: dict[str, float] = field(default_factory=dict)
    highest: dict[str, float] = field(default_factory=dict)

    def above(self, role: str) -> float:
        return self.highest[role] - self.before[role]


@dataclass
class Seen:
    """What a front end got of one cell."""

    characters: int = 0
    displays: int = 0
    largest: int = 0
    missing: int = 0
    status: str = ""
    counting: Counting | None = None


class Counting:
    """Whether printed lines are the whole numbers from 0 on, one after another."""

    def __init__(self) -> None:
        self.expected = 0
        self.wrong = ""
        self._rest = ""

    def take(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line != str(self.expected) and not self.wrong:
                self.wrong = f"{line[:40]!r} instead of {self.expected}"
            self.expected += 1


class Workshop:
    """A kernel on a local pool, and a watch on their memory."""

    def __init__(
        self,
        world: World,
        manager: KernelManager,
        client: BlockingKernelClient,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._world, self._client, self._limit_s = world, client, limit_s
        self._kernel = psutil.Process(manager.provisioner.pid)  # type: ignore[union-attr]
        self._pool = psutil.Process(world.pool.pid)

    def run(
        self,
        code: str,
        *,
        interrupt_after_s: float | None = None,
        counting: Counting | None = None,
        part: int = 0,
    ) -> tuple[Seen, Peaks]:
        """:param part: after so many characters the code calls ``input()``, which is answered when
        all of them have been read."""
        with self._watched() as peaks:
            msg_id = str(self._client.execute(code, allow_stdin=bool(part)))
            if interrupt_after_s is not None:
                threading.Timer(interrupt_after_s, self._interrupt).start()
            seen = self._read(msg_id, Seen(counting=counting), part)
        return seen, peaks

    def _interrupt(self) -> None:
        self._client.control_channel.send(self._client.session.msg("interrupt_request", {}))

    def _read(self, msg_id: str, seen: Seen, part: int) -> Seen:
        deadline = time.monotonic() + self._limit_s
        answered = 0
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                message = self._client.get_iopub_msg(timeout=1)
                if message["parent_header"].get("msg_id") == msg_id and _count(seen, message):
                    break
                if part and seen.characters >= part * (answered + 1):
                    self._client.get_stdin_msg(timeout=self._limit_s)
                    self._client.input("")
                    answered += 1
        else:
            seen.status = "unfinished"
            return seen
        reply = self._client.get_shell_msg(timeout=10)
        while reply["parent_header"].get("msg_id") != msg_id:
            reply = self._client.get_shell_msg(timeout=10)
        seen.status = reply["content"]["status"]
        return seen

    @contextlib.contextmanager
    def _watched(self) -> Iterator[Peaks]:
        peaks = Peaks(before=self._sizes())
        peaks.highest = dict(peaks.before)
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                for role, size in self._sizes().items():
                    peaks.highest[role] = max(peaks.highest[role], size)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield peaks
        finally:
            over.set()
            thread.join()

    def _sizes(self) -> dict[str, float]:
        adapters = [child for child in self._pool.children(recursive=True) if _is_adapter(child)]
        return {
            "kernel": _rss(self._kernel),
            "adapter": max(map(_rss, adapters), default=0.0),
            "pool": _rss(self._pool),
        }


def _is_adapter(process: psutil.Process) -> bool:
    try:
        return "azure_session_kernel.container" in process.cmdline()
    except psutil.Error:
        return False


def _rss(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / MB
    except psutil.Error:
        return 0.0


def _count(seen: Seen, message: dict[str, Any]) -> bool:
    """True when it is the cell's idle."""
    content = message["content"]
    match message["msg_type"]:
        case "stream":
            seen.characters += len(content["text"])
            if seen.counting is not None:
                seen.counting.take(content["text"])
        case "display_data":
            text = content["data"]["text/plain"]
            seen.missing += "missing here" in text
            seen.displays += 1
            seen.largest = max(seen.largest, len(text))
        case "status":
            return bool(content["execution_state"] == "idle")
    return False


@contextlib.contextmanager
def workshop(limit_s: float = LIMIT_S) -> Iterator[Workshop]:
    with tempfile.TemporaryDirectory(prefix="mem-", ignore_cleanup_errors=True) as directory:
        world = World(Path(directory))
        try:
            manager, client = world.start_kernel()
            yield Workshop(world, manager, client, limit_s)
            client.stop_channels()
            manager.shutdown_kernel()
        finally:
            world.close()


# -- the workloads --------------------------------------------------------------------------------

Result = tuple[Peaks, str]


def printed(shop: Workshop, characters: int) -> Result:
    lines = characters // 1000
    seen, peaks = shop.run(f"for i in range({lines}): print('x' * 999)")
    ok = seen.characters == lines * 1000 and seen.status == "ok"
    return peaks, "" if ok else f"{seen.characters} of {lines * 1000} characters"


def printed_in_parts(shop: Workshop, parts: int, characters: int) -> Result:
    """A part is printed when the one before has been read: no queue to a front end grows."""
    lines = characters // 1000
    code = f"for i in range({parts}):\n    for j in range({lines}): print('x' * 999)\n    input()"
    seen, peaks = shop.run(code, part=lines * 1000)
    ok = seen.characters == parts * lines * 1000 and seen.status == "ok"
    return peaks, "" if ok else f"{seen.characters} of {parts * lines * 1000} characters"


def endless(shop: Workshop, seconds: float) -> Result:
    code = "i = 0\nwhile True: print(i); i += 1"
    begun = time.monotonic()
    counting = Counting()
    seen, peaks = shop.run(code, interrupt_after_s=seconds, counting=counting)
    took_s = time.monotonic() - begun
    ok = seen.status == "error" and counting.expected and not seen.missing and not counting.wrong
    problem = f"{seen.status} in {took_s:.0f} s, {counting.wrong}"
    return peaks, "" if ok and took_s < 10 * seconds + 30 else problem


def display(shop: Workshop, characters: int) -> Result:
    code = "from IPython.display import display\n"
    code += f"display({{'text/plain': 'x' * {characters}}}, raw=True)"
    seen, peaks = shop.run(code)
    ok = seen.largest == characters
    return peaks, "" if ok else f"{seen.largest} of {characters} characters"


def numbers(shop: Workshop, count: int) -> Result:
    """Few bytes, and many times as many once they are decoded."""
    seen, peaks = shop.run(_as_json(f"[n / 7 for n in range({count})]"))
    return peaks, "" if (seen.displays, seen.missing) == (1, 0) else f"missing: {seen.missing}"


def objects(shop: Workshop, count: int) -> Result:
    seen, peaks = shop.run(_as_json(f"[{{}}] * {count}"))
    wanted = (1, int(count * OBJECT_BYTES > MAX_DECODED_BYTES))
    return peaks, "" if (seen.displays, seen.missing) == wanted else f"missing: {seen.missing}"


def _as_json(value: str) -> str:
    show = f"display({{'application/json': {value}, 'text/plain': ''}}, raw=True)"
    return "from IPython.display import display\n" + show


def tiny(shop: Workshop, count: int) -> Result:
    code = "from IPython.display import display\n"
    code += f"for i in range({count}): display({{'text/plain': str(i)}}, raw=True)"
    seen, peaks = shop.run(code)
    whole = seen.displays == count and seen.status == "ok"
    return peaks, "" if whole else f"{seen.displays} of {count} messages, {seen.status}"


Workload = Callable[[Workshop], Result]


def workloads(scale: float) -> dict[str, tuple[Workload, dict[str, float]]]:
    """Each with the bounds in MB for what it may add."""
    shown = 200 * scale
    stream = {role: float(bound) for role, bound in STREAM_BOUND_MB.items()}
    one = {role: 50 + factor * shown for role, factor in DISPLAY_FACTOR.items()}
    many = {role: 50 + factor * 100 * scale for role, factor in DISPLAY_FACTOR.items()}
    none = {role: 50 + factor * 50 * scale for role, factor in LEFT_OUT_FACTOR.items()}
    return {
        "printed, 1 GB": (lambda shop: printed(shop, int(1e9 * scale)), stream),
        "endless print, 10 s": (lambda shop: endless(shop, max(2.0, 10 * scale)), stream),
        "one display, 200 MB": (lambda shop: display(shop, int(shown * 1e6)), one),
        "one display, 5,000,000 numbers": (lambda shop: numbers(shop, int(5e6 * scale)), many),
        "one display, 13,000,000 objects": (lambda shop: objects(shop, int(13e6 * scale)), none),
        "tiny messages, 1,000,000": (lambda shop: tiny(shop, int(1e6 * scale)), stream),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes (%(default)s)")
    parser.add_argument("--only", default="", help="those whose name contains this text")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="of a cell, s (%(default)s)")
    args = parser.parse_args()
    chosen = {n: w for n, w in workloads(args.scale).items() if args.only in n}
    failed = False
    head = f"{'':32}{'kernel':>16}{'adapter':>16}{'pool':>16}  (MB above the start; bound)"
    print(head, flush=True)
    for name, (work, bounds) in chosen.items():
        begun = time.monotonic()
        with workshop(args.limit) as shop:
            peaks, problem = work(shop)
        sizes = "".join(f"{peaks.above(r):>8.0f} <{bounds[r]:>6.0f}" for r in bounds)
        print(f"{name:32}{sizes}  {time.monotonic() - begun:.0f} s  {problem}", flush=True)
        failed |= bool(problem) or any(peaks.above(role) > bounds[role] for role in bounds)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
