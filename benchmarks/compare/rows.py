"""What is measured of a kernel, each with the work that measures it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from .cells import ECHO, completed, echoed, interrupted, run, run_all
from .column import Column
from .kernels import Kernel

#: Seconds, or MB a second, by row.
Values = Mapping[str, float]
Work = Callable[[Kernel], Values]

READY, STARTED, FIRST = "start to ready", "start to first output", "first cell"
STARTS = (READY, STARTED, FIRST)
TAB = "Tab after import pandas"
SMALL, SMALL_OUTPUT = "small cell, to idle", "small cell, to first output"
RUN_ALL, STDOUT = "Run All of 50 cells", "stdout"
DISPLAYS, BUFFERS = "displays, HTML and PNG", "comm buffers, there and back"
LINE = "x" * 80
#: Where a line is slow, throughput is measured with what it takes in so many seconds.
SLOW_FOR_S = 4.0
INTERRUPTED = {
    "interrupt of a loop": "print('looping', flush=True)\nwhile True: pass",
    "interrupt of sleep": "import time; print('sleeping', flush=True); time.sleep(600)",
    "interrupt, all cores busy": "import os, subprocess, sys\n"
    "one = [sys.executable, '-c', 'while True: pass']\n"
    "burning = [subprocess.Popen(one) for _ in range(os.cpu_count())]\n"
    "try:\n    print('burning', flush=True)\n    while True: pass\n"
    "finally:\n    for one in burning: one.kill(); one.wait()",
}
#: How many POSTs nothing gets round: by new connections, and by kept ones.
POSTS = {READY: (1, 0), STARTED: (1, 1), FIRST: (0, 1), SMALL: (0, 1), SMALL_OUTPUT: (0, 1)}
POSTS |= {RUN_ALL: (0, 1), **dict.fromkeys(INTERRUPTED, (0, 1))}
#: What a student has run before they press Tab, and how long they have looked at it.
IMPORTED, LOOKED_S = "import pandas as pd\ndf = pd.DataFrame({'a': [1]})", 30.0


@dataclass(frozen=True)
class Row:
    """:ivar times: a round measures it so often. :ivar also: a row that the same work fills.

    :ivar in_a_row: so often before it is the next column's turn.
    """

    work: Callable[[Column], Work]
    times: int = 1
    also: tuple[str, ...] = ()
    in_a_row: int = 1


def unit(row: str) -> str:
    return "MB/s" if row in (STDOUT, DISPLAYS, BUFFERS) else "ms"


def _mb(column: Column, mb: float) -> float:
    return min(mb, SLOW_FOR_S * column.bytes_per_s / 1e6) if column.mbit else mb


def _small_cell(kernel: Kernel) -> Values:
    cell = run(kernel, "1 + 1")
    if cell.text != "2":
        raise SystemExit(f"{kernel.processes}: 1 + 1 is {cell.text!r}")
    return {SMALL: cell.over_s, SMALL_OUTPUT: cell.first_output_s}


def _printing(mb: float) -> Work:
    lines = round(mb * 1e6 / (len(LINE) + 1))

    def work(kernel: Kernel) -> Values:
        cell = run(kernel, f"for i in range({lines}): print({LINE!r})")
        came = cell.characters["stdout"]
        if came != lines * (len(LINE) + 1):
            raise SystemExit(f"{kernel.processes}: of {lines} lines, {came} characters came")
        return {STDOUT: came / cell.over_s / 1e6}

    return work


def _displaying(mb: float) -> Work:
    """Half of them HTML, half PNG, 500 kB each."""
    each, count = 500_000, max(2, 2 * round(mb))

    def work(kernel: Kernel) -> Values:
        cell = run(
            kernel,
            "from IPython.display import display\n"
            f"for i in range({count}):\n"
            f"    display({{('text/html', 'image/png')[i % 2]: 'A' * {each}}}, raw=True)",
        )
        came = cell.characters["text/html"], cell.characters["image/png"]
        if came != ((count + 1) // 2 * each, count // 2 * each):
            raise SystemExit(f"{kernel.processes}: of {count} displays, {came} characters came")
        return {DISPLAYS: sum(came) / cell.over_s / 1e6}

    return work


def _echoing(mb: float) -> Work:
    """In four parts, which no server refuses. What counts is there and back together."""
    buffers = [bytes([n]) * round(mb * 1e6 / 4) for n in range(4)]

    def work(kernel: Kernel) -> Values:
        run(kernel, ECHO)
        return {BUFFERS: 2 * sum(map(len, buffers)) / echoed(kernel, buffers) / 1e6}

    return work


def _interrupting(name: str, code: str, _: Column) -> Work:
    return lambda kernel: {name: interrupted(kernel, code)}


def import_pandas(kernel: Kernel) -> None:
    run(kernel, IMPORTED, attended=True)


def press_tab(kernel: Kernel) -> Values:
    return {TAB: completed(kernel, "df.", "columns")}


def rows(scale: float = 1.0) -> dict[str, Row]:
    """:param scale: of sizes and of how often, 1 for the whole."""
    often = max(1, round(4 * scale))
    found = {
        SMALL: Row(lambda _: _small_cell, often, (SMALL_OUTPUT,), 5),
        RUN_ALL: Row(lambda _: lambda kernel: {RUN_ALL: run_all(kernel, 50)}, often),
        STDOUT: Row(lambda column: _printing(_mb(column, 16.2 * scale))),
        DISPLAYS: Row(lambda column: _displaying(_mb(column, 20 * scale))),
        BUFFERS: Row(lambda column: _echoing(_mb(column, 20 * scale))),
    }
    for name, code in INTERRUPTED.items():
        found[name] = Row(partial(_interrupting, name, code), often)
    return found


NAMES = (*STARTS, *(name for first, row in rows().items() for name in (first, *row.also)), TAB)
