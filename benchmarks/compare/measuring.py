"""Rounds: each measures each column once in turn, in an order that moves on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .bare import Bare
from .cells import run
from .column import LOCAL, Column
from .kernels import Kernel
from .places import Places, places
from .processes import all_cpu_s, memory_mb
from .results import Results
from .rows import (
    FIRST,
    LOOKED_S,
    POSTS,
    READY,
    STARTED,
    TAB,
    Row,
    Values,
    import_pandas,
    press_tab,
    rows,
)

Open = dict[Column, Kernel | Bare]
CPU_CELLS = 50


class Measuring:
    """:param names: of the rows. :param scale: see ``rows.rows``."""

    def __init__(self, columns: Sequence[Column], names: Sequence[str], scale: float) -> None:
        self._columns, self._names, self._scale = columns, names, scale
        self._turns = 0
        self.results = Results()

    def rounds(self, count: int) -> None:
        with _root() as root, places(root, self._columns) as there:
            self._warm_up(there)
            for _ in range(count):
                self._round(there)
        if TAB in self._names:
            for _ in range(min(count, 3)):
                self._tabs()

    def _warm_up(self, there: Places) -> None:
        """Bytecode of all that a start imports is on disk then."""
        for column in self._nearest():
            kernel = there.start(column)
            run(kernel, "print(1)")
            kernel.end()

    def _nearest(self) -> Sequence[Column]:
        """A column of each family that has kernels."""
        nearest: dict[str, Column] = {}
        for column in sorted(self._columns):
            nearest.setdefault(column.family, column)
        return [column for family, column in nearest.items() if family != "limit"]

    def _round(self, there: Places) -> None:
        opened: Open = {}
        try:
            self._start(there, opened)
            for name, row in rows(self._scale).items():
                if name in self._names or set(row.also) & set(self._names):
                    for _ in range(row.times):
                        self._turn(opened, partial(_in_a_row, row), row.in_a_row)
            self._processes(there, opened)
        finally:
            _end(opened)

    def _start(self, there: Places, opened: Open) -> None:
        def start(column: Column, _: Kernel | None) -> list[Values]:
            there.settle()
            begun = time.perf_counter()
            kernel = opened[column] = there.start(column)
            ready_s = time.perf_counter() - begun
            cell = run(kernel, "print(1)")
            started_s = ready_s + cell.first_output_s
            return [{READY: ready_s, STARTED: started_s, FIRST: cell.over_s}]

        for column in self._columns:
            if column.family == "limit":
                opened[column] = there.bare(column)
        self._turn(opened, start)

    def _turn(
        self,
        opened: Open,
        work: Callable[[Column, Kernel | None], list[Values]],
        in_a_row: int = 1,
    ) -> None:
        """Every column does the work once; what the limit is follows from ipykernel's."""
        self._turns += 1
        first = self._turns % len(self._columns)
        turn: dict[Column, list[Values]] = {}
        posts: dict[Column, list[tuple[float, float]]] = {}
        for column in (*self._columns[first:], *self._columns[:first]):
            one = opened.get(column)
            if isinstance(one, Bare):
                posts[column] = [(one.post(anew=True), one.post()) for _ in range(in_a_row)]
            else:
                turn[column] = work(column, one)
        for column, pairs in posts.items():
            turn[column] = [
                {
                    row: value + POSTS[row][0] * anew_s + POSTS[row][1] * kept_s
                    for row, value in values.items()
                    if row in POSTS
                }
                for values, (anew_s, kept_s) in zip(turn[LOCAL], pairs, strict=True)
            ]
        for n in range(in_a_row):
            self.results.take({column: each[n] for column, each in turn.items()}, self._names)

    def _processes(self, there: Places, opened: Open) -> None:
        """Of the nearest column of each family: CPU of small cells, and memory after them."""
        cells = max(5, round(CPU_CELLS * self._scale))
        for column in self._nearest():
            kernel = opened[column]
            assert isinstance(kernel, Kernel)
            there.find_processes(kernel, column)
            before = all_cpu_s(kernel.processes)
            for _ in range(cells):
                run(kernel, "1 + 1")
            after = all_cpu_s(kernel.processes)
            for role, pid in kernel.processes.items():
                used_ms = (after[role] - before[role]) / cells * 1e3
                self.results.take_process(column, role, used_ms, *memory_mb(pid))

    def _tabs(self) -> None:
        """The first Tab after ``df.`` where jedi has kept nothing of earlier sessions."""
        near = [Column("ours"), LOCAL]
        with _root() as root, places(root, near) as there:
            opened: Open = {}
            try:
                for column in near:
                    there.settle()
                    kernel = opened[column] = there.start(column)
                    import_pandas(kernel)
                time.sleep(LOOKED_S)
                turn = {c: press_tab(k) for c, k in opened.items() if isinstance(k, Kernel)}
                self.results.take(turn, self._names)
            finally:
                _end(opened)


def _in_a_row(row: Row, column: Column, kernel: Kernel | None) -> list[Values]:
    """After a cell that is not counted: while others had their turn, the local pool has closed idle
    connections, which Azure keeps for two minutes."""
    assert kernel is not None
    run(kernel, "0")
    work = row.work(column)
    return [work(kernel) for _ in range(row.in_a_row)]


@contextmanager
def _root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cmp-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def _end(opened: Open) -> None:
    for one in opened.values():
        one.end()
