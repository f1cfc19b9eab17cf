"""This kernel in a local pool against a local ipykernel: the same work, in turn, as ratios.

    python -m benchmarks.side_by_side [--cells 200] [--starts 10] [--floods 5] [--interrupts 20]
        [--tabs 3]

Each measurement is made on both kernels alternately, so that a machine whose speed drifts is the
same machine for both; the ratio is taken pair by pair and its median printed. Nothing here passes
or fails. A ratio of 2.0 for a time means twice as long as ipykernel; for throughput, 0.9 means
nine tenths of ipykernel's.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from .program import PROGRAM, until

OURS, LOCAL = "azure-session", "python3"
LINES, LINE_CHARS = 200_000, 81
FLOOD = f"for i in range({LINES}): print('x' * {LINE_CHARS - 1})"
INTERRUPTED = {
    "a loop": "print('looping', flush=True)\nwhile True: pass",
    "time.sleep": "import time; print('sleeping', flush=True); time.sleep(600)",
    "all CPUs burn": "import os, subprocess, sys\n"
    "one = [sys.executable, '-c', 'while True: pass']\n"
    "burning = [subprocess.Popen(one) for _ in range(os.cpu_count())]\n"
    "try:\n    print('burning', flush=True)\n    while True: pass\n"
    "finally:\n    for one in burning: one.kill(); one.wait()",
}

#: What a student has run before they press Tab, and how long they have looked at it.
IMPORTED, LOOKED_S = "import pandas as pd\ndf = pd.DataFrame({'a': [1]})", 30.0

Started = tuple[KernelManager, BlockingKernelClient]


@dataclass(frozen=True)
class Cell:
    """One run of a cell, in seconds from the moment it was sent."""

    first_output_s: float
    over_s: float
    characters: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=_at_least_one, default=200)
    parser.add_argument("--starts", type=_at_least_one, default=10)
    parser.add_argument("--floods", type=_at_least_one, default=5)
    parser.add_argument("--interrupts", type=_at_least_one, default=20)
    parser.add_argument("--tabs", type=_at_least_one, default=3)
    args = parser.parse_args()
    with local_pool():
        print(f"{'':34}{'ours':>12}{'ipykernel':>12}{'ratio':>8}   (medians; ratio of pairs)")
        measure_starts(args.starts)
        with both() as kernels:
            for _, client in kernels.values():
                run(client, "1 + 1")
            measure_cells(kernels, args.cells)
            measure_floods(kernels, args.floods)
            measure_interrupts(kernels, args.interrupts)
    measure_tabs(args.tabs)


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def measure_starts(count: int) -> None:
    ready: dict[str, list[float]] = {OURS: [], LOCAL: []}
    first: dict[str, list[float]] = {OURS: [], LOCAL: []}
    for _ in range(count):
        for name in (OURS, LOCAL):
            begun = time.perf_counter()
            manager, client = start(name)
            ready[name].append(time.perf_counter() - begun)
            run(client, "print(1)")
            first[name].append(time.perf_counter() - begun)
            end(manager, client)
            # The pool replaces a session it has handed out; a class does not start in one second.
            time.sleep(2.5)
    report("start to ready", ready, "ms")
    report("start to first output", first, "ms")


def measure_cells(kernels: dict[str, Started], count: int) -> None:
    over: dict[str, list[float]] = {OURS: [], LOCAL: []}
    first: dict[str, list[float]] = {OURS: [], LOCAL: []}
    for _ in range(count):
        for name, (_, client) in kernels.items():
            cell = run(client, "1 + 1")
            over[name].append(cell.over_s)
            first[name].append(cell.first_output_s)
    report("small cell, sent to idle", over, "ms")
    report("small cell, sent to first output", first, "ms")


def measure_floods(kernels: dict[str, Started], count: int) -> None:
    rate: dict[str, list[float]] = {OURS: [], LOCAL: []}
    for _ in range(count):
        for name, (_, client) in kernels.items():
            cell = run(client, FLOOD)
            if cell.characters != LINES * LINE_CHARS:
                raise SystemExit(f"{name} lost output: {cell.characters} characters arrived")
            rate[name].append(cell.characters / cell.over_s / 1e6)
    report(f"stdout, {LINES:,} lines", rate, "MB/s")


def measure_interrupts(kernels: dict[str, Started], count: int) -> None:
    for what, code in INTERRUPTED.items():
        over: dict[str, list[float]] = {OURS: [], LOCAL: []}
        for _ in range(count):
            for name, (manager, client) in kernels.items():
                over[name].append(interrupt(manager, client, code))
        report(f"{what}, interrupt to idle", over, "ms")


def measure_tabs(count: int) -> None:
    """The first Tab after ``df.``, where jedi has kept nothing of earlier sessions."""
    took: dict[str, list[float]] = {OURS: [], LOCAL: []}
    for _ in range(count):
        with local_pool(), both() as kernels:
            for _, client in kernels.values():
                # As a person's front end sends it: for runners nothing is read ahead.
                client.execute(IMPORTED, reply=True, timeout=120, allow_stdin=True)
            time.sleep(LOOKED_S)
            for name, (_, client) in kernels.items():
                begun = time.perf_counter()
                reply = client.complete("df.", 3, reply=True, timeout=120)
                took[name].append(time.perf_counter() - begun)
                if "columns" not in str(reply["content"]["matches"]):
                    raise SystemExit(f"{name}: Tab does not offer df.columns")
    report("Tab after import pandas", took, "ms")


def report(what: str, values: dict[str, list[float]], unit: str) -> None:
    factor = 1e3 if unit == "ms" else 1.0
    ours, local = (statistics.median(values[name]) * factor for name in (OURS, LOCAL))
    ratio = statistics.median(a / b for a, b in zip(values[OURS], values[LOCAL], strict=True))
    print(f"{what:34}{ours:>9.1f} {unit:<4}{local:>7.1f} {unit:<4}{ratio:>6.2f}", flush=True)


def run(client: BlockingKernelClient, code: str) -> Cell:
    begun = time.perf_counter()
    first = characters = 0.0

    def on_output(message: dict[str, Any]) -> None:
        nonlocal first, characters
        if message["msg_type"] in ("stream", "execute_result"):
            first = first or time.perf_counter() - begun
            characters += len(message["content"].get("text", ""))

    client.execute_interactive(code, timeout=120, output_hook=on_output, allow_stdin=False)
    return Cell(first, time.perf_counter() - begun, int(characters))


def interrupt(manager: KernelManager, client: BlockingKernelClient, code: str) -> float:
    """Seconds from the interrupt, as jupyter_client sends it, until the cell is over."""
    begun = 0.0

    def on_output(message: dict[str, Any]) -> None:
        nonlocal begun
        if message["msg_type"] == "stream" and not begun:
            time.sleep(0.05)  # from its output until it loops or sleeps; nothing tells
            begun = time.perf_counter()
            manager.interrupt_kernel()

    reply = client.execute_interactive(code, timeout=120, output_hook=on_output, allow_stdin=False)
    if reply["content"].get("ename") != "KeyboardInterrupt":
        raise SystemExit(f"{manager.kernel_name}: the cell was not interrupted")
    return time.perf_counter() - begun


@contextmanager
def both() -> Iterator[dict[str, Started]]:
    kernels = {name: start(name) for name in (OURS, LOCAL)}
    try:
        yield kernels
    finally:
        for manager, client in kernels.values():
            end(manager, client)


def start(name: str) -> Started:
    return start_new_kernel(kernel_name=name, startup_timeout=60, stderr=subprocess.DEVNULL)


def end(manager: KernelManager, client: BlockingKernelClient) -> None:
    client.stop_channels()
    manager.shutdown_kernel()


@contextmanager
def local_pool() -> Iterator[None]:
    """A pool with a Jupyter data directory of its own, which kernels started here inherit."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["JUPYTER_DATA_DIR"] = directory
        os.environ["XDG_CACHE_HOME"] = str(Path(directory) / "cache")
        os.environ["AZURE_SESSION_POOL_ENDPOINT"] = "local"
        pool = subprocess.Popen(
            [*PROGRAM, "pool", "--port", "0", "--ready-sessions", "2"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            until(pool, re.compile(r"listening"))
            time.sleep(2.5)
            yield
        finally:
            pool.terminate()
            pool.wait(10)
            if pool.stdout is not None:
                pool.stdout.close()


if __name__ == "__main__":
    main()
