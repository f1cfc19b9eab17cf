"""What a notebook costs the machine that runs it, with a kernel process and without one.

``python -m benchmarks.batch [--notebooks 300] [--jobs 50] [--processes 20]``: nbclient in one
process, ``jobs`` notebooks at a time, each with a session of its own in a local pool. Then as many
as ``--processes`` says with kernel processes. Memory is what a notebook takes while ``jobs`` are
open at once, CPU what this side needs for a whole one: start, cells, end. The pool's own is not
counted. Fails if a notebook shows something wrong, or a session is left.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import psutil  # type: ignore[import-untyped,unused-ignore]
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from azure_session_kernel.batch import SessionKernelManager

from .chaos.world import World

MB = 1024 * 1024
MANAGERS = {"no process": SessionKernelManager, "process": AsyncKernelManager}
CELLS = (
    "number = {n}",
    "for i in range(100): print(i, number)",
    "from IPython.display import HTML, display\ndisplay(HTML(f'<b>{{number}}</b>'))",
    "import math\n[math.sqrt(i) for i in range(200)]",
    "1 / (number - number)",
    "number * 2",
)
PATIENT: dict[str, Any] = {"timeout": 600, "startup_timeout": 600, "iopub_timeout": 600}


class Run:
    """:ivar open: notebooks whose kernel is ready. The first ``jobs`` wait for one another."""

    def __init__(self, kind: str, notebooks: int, jobs: int) -> None:
        self.kind, self.notebooks, self.jobs = kind, notebooks, min(jobs, notebooks)
        self.open = 0
        self.all_open = asyncio.Event()
        self.before_bytes = self.open_bytes = 0

    async def result(self) -> dict[str, float]:
        await self._execute(0)  # whatever is imported and cached from then on
        self.all_open, self.open = asyncio.Event(), 0
        self.before_bytes, cpu_s, begun = _memory(), _cpu_s(), time.monotonic()
        places = asyncio.Semaphore(self.jobs)

        async def one(number: int) -> None:
            async with places:
                await self._execute(number)

        await asyncio.gather(*map(one, range(1, self.notebooks + 1)))
        took_s = time.monotonic() - begun
        return {
            "open_mb": (self.open_bytes - self.before_bytes) / self.jobs / MB,
            "kept_mb": (_memory() - self.before_bytes) / self.notebooks / MB,
            "cpu_s": (_cpu_s() - cpu_s) / self.notebooks,
            "took_s": took_s,
            "resident_mb": psutil.Process().memory_info().rss / MB,
        }

    async def _execute(self, number: int) -> None:
        new_cell: Any = nbformat.v4.new_code_cell
        notebook: Any = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
            cells=[new_cell(cell.format(n=number)) for cell in CELLS]
        )

        async def on_cell_start(cell_index: int, **_: Any) -> None:
            if cell_index == 1 and number:
                await self._is_open()

        await NotebookClient(
            notebook,
            kernel_name="azure-session",
            kernel_manager_class=MANAGERS[self.kind],
            allow_errors=True,
            on_cell_start=on_cell_start,
            **PATIENT,
        ).async_execute()
        last: Any = notebook.cells[-1].outputs
        shown = [output.get("data", {}).get("text/plain") for output in last]
        if shown != [str(2 * number)]:
            raise SystemExit(f"notebook {number} shows {last}")

    async def _is_open(self) -> None:
        self.open += 1
        if self.open == self.jobs:
            self.open_bytes = _memory()
            self.all_open.set()
        await self.all_open.wait()


def _memory() -> int:
    """What this process and its children have to themselves, in bytes."""
    gc.collect()
    own = psutil.Process()
    return sum(int(one.memory_full_info().uss) for one in (own, *own.children(recursive=True)))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebooks", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--processes", type=int, default=20, help="notebooks with kernel processes")
    parser.add_argument("--within", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.within:
        run = Run(args.within, args.notebooks, args.jobs)
        print(json.dumps(asyncio.run(run.result())))
        return 0
    titles = "notebooks  at a time  MB open  MB kept  CPU ms  client MB  seconds"
    print(f"{'kernel':12} {titles}", flush=True)
    bad = 0
    for kind, notebooks in (("no process", args.notebooks), ("process", args.processes)):
        if notebooks:
            bad += _measured(kind, notebooks, min(args.jobs, notebooks))
    return min(bad, 1)


def _measured(kind: str, notebooks: int, jobs: int) -> int:
    """In a process and a pool of its own. How many sessions it left."""
    with tempfile.TemporaryDirectory(prefix="ask-") as root:
        world = World(Path(root), ready_sessions=0, max_sessions=jobs + 2)
        try:
            values = _in_a_process(kind, notebooks, jobs, world.env)
            left = world.sessions()
        finally:
            world.close()
    print(
        f"{kind:12} {notebooks:9}  {jobs:9}  {values['open_mb']:7.2f}  {values['kept_mb']:7.2f}  "
        f"{values['cpu_s'] * 1000:6.0f}  {values['resident_mb']:9.0f}  {values['took_s']:7.0f}"
        + (f"  {left} SESSIONS LEFT" if left else ""),
        flush=True,
    )
    return left


def _in_a_process(kind: str, notebooks: int, jobs: int, env: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.batch", "--within", kind]
    command += ["--notebooks", str(notebooks), "--jobs", str(jobs)]
    done = subprocess.run(command, env={**os.environ, **env}, check=True, stdout=subprocess.PIPE)
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return values


if __name__ == "__main__":
    raise SystemExit(main())
