"""Many sessions opened at once in a local pool, against as many ipykernels started at once.

    python -m benchmarks.sessions [--sessions 30] [--rounds 3] [--processes]

Each round opens ``--sessions`` notebooks at once, in turn with sessions (kernels without a process,
so that only the sessions count), with ``--processes`` also with our kernels' own processes, and
with ipykernels. Printed are the seconds until each was ready and until each had run its first cell,
for the last of them and for the one in the middle, the CPU time that all of their processes took
for one, and what part of it is whose. The ratios are to ipykernel's of the same round. The pool
holds no session ready. Fails where a cell shows something wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
from jupyter_client.manager import AsyncKernelManager

from azure_session_kernel.batch import SessionKernelManager

from .chaos.world import World

SESSIONS, KERNELS, LOCAL = "sessions", "kernels", "ipykernel"
WITHIN_S = 600.0

Cpu = dict[str, float]


@dataclass(frozen=True)
class Round:
    """In seconds. :ivar cpu: by part, for one notebook."""

    ready: list[float]
    first: list[float]
    cpu: Cpu

    def values(self) -> dict[str, float]:
        return {
            "ready, last": max(self.ready),
            "ready, median": statistics.median(self.ready),
            "first cell, last": max(self.first),
            "first cell, median": statistics.median(self.first),
            "CPU for one": sum(self.cpu.values()),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=30, help="at once: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="%(default)s")
    parser.add_argument("--processes", action="store_true", help="our kernels' processes, too")
    args = parser.parse_args()
    kinds = [SESSIONS, *([KERNELS] if args.processes else []), LOCAL]
    rounds: dict[str, list[Round]] = {kind: [] for kind in kinds}
    for _ in range(args.rounds):
        for kind in kinds:
            rounds[kind].append(measured(kind, args.sessions))
    report(rounds, args.sessions)


def measured(kind: str, count: int) -> Round:
    with tempfile.TemporaryDirectory(prefix="ask-", ignore_cleanup_errors=True) as root:
        if kind == LOCAL:
            return asyncio.run(at_once(lambda: local(Path(root)), count))
        world = World(Path(root), ready_sessions=0, max_sessions=count)
        before = dict(os.environ)
        os.environ.update(world.env)
        try:
            manager = SessionKernelManager if kind == SESSIONS else AsyncKernelManager
            return asyncio.run(at_once(lambda: manager(kernel_name="azure-session"), count))
        finally:
            os.environ.clear()
            os.environ.update(before)
            world.close()


def local(directory: Path) -> AsyncKernelManager:
    """Not over TCP, where one of many can find its port taken (docs/reliability.md)."""
    file = directory / f"{uuid.uuid4().hex}.json"
    own = {"connection_file": str(file), "ip": str(file.with_suffix(""))}
    return AsyncKernelManager(kernel_name="python3", transport="ipc", **own)


async def at_once(manager: Callable[[], Any], count: int) -> Round:
    cpu, begun = cpu_by_part(), time.perf_counter()
    managers = [manager() for _ in range(count)]
    took = await asyncio.gather(*(opened(one, begun) for one in managers))
    spent = cpu_by_part()
    await asyncio.gather(*(one.shutdown_kernel(now=True) for one in managers))
    parts = {part: (spent[part] - cpu.get(part, 0.0)) / count for part in spent}
    return Round([ready for ready, _ in took], [first for _, first in took], parts)


async def opened(manager: Any, begun: float) -> tuple[float, float]:
    """When it was ready, and when its first cell was over."""
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=WITHIN_S)
    # A kernel of ours opens its session when it starts, but does not wait for it.
    await shows(client, "", "")
    ready = time.perf_counter() - begun
    await shows(client, "print(6 * 7)", "42\n")
    first = time.perf_counter() - begun
    client.stop_channels()
    return ready, first


async def shows(client: Any, code: str, expected: str) -> None:
    """Run a cell to its idle."""
    msg_id, seen, over = client.execute(code, allow_stdin=False), "", False
    while not over:
        message = await client.get_iopub_msg(timeout=WITHIN_S)
        if message["parent_header"].get("msg_id") == msg_id:
            content = message["content"]
            seen += content.get("text", "") + content.get("evalue", "")
            over = content.get("execution_state") == "idle"
    await client.get_shell_msg(timeout=WITHIN_S)
    if seen != expected:
        raise SystemExit(f"a cell shows {seen!r}")


def cpu_by_part() -> Cpu:
    """Of this process and all below it, in seconds."""
    cpu: Cpu = defaultdict(float)
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            used = process.cpu_times()
            part = part_of(process)
        except psutil.Error:
            continue
        # The children's time is of those that have ended.
        cpu[part] += used.user + used.system + used.children_user + used.children_system
    return cpu


def part_of(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    if process.pid == os.getpid():
        return "client"
    if "launch.py" in command or "ipykernel_launcher" in command:
        return "interpreter"
    if " pool --port" in command:
        return "pool"
    return "kernel" if " -f " in command else "adapter"


def report(rounds: dict[str, list[Round]], count: int) -> None:
    print(f"{count} at once, medians of {len(rounds[LOCAL])} rounds; ratio to ipykernel")
    print(f"{'':22}" + "".join(f"{kind:>12}{'ratio' * (kind != LOCAL):>8}" for kind in rounds))
    for what in rounds[LOCAL][0].values():
        line = f"{what:22}"
        local = [one.values()[what] for one in rounds[LOCAL]]
        for kind, measured_ones in rounds.items():
            values = [one.values()[what] for one in measured_ones]
            line += f"{statistics.median(values):10.2f} s"
            ratio = statistics.median(a / b for a, b in zip(values, local, strict=True))
            line += f"{ratio:8.2f}" if kind != LOCAL else ""
        print(line)
    for kind, measured_ones in rounds.items():
        parts = sorted({part for one in measured_ones for part in one.cpu})
        cpu = {p: statistics.median(one.cpu.get(p, 0.0) for one in measured_ones) for p in parts}
        told = ", ".join(f"{part} {1e3 * value:.0f} ms" for part, value in cpu.items())
        print(f"CPU for one, {kind}: {told}")


if __name__ == "__main__":
    main()
