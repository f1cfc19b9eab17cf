"""A whole run: world, schedule, cells, verdict, report."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from .cells import make_cell
from .driver import Driver, Outcome
from .schedule import KINDS, Schedule
from .verdict import Verdict
from .world import World


@dataclass(frozen=True)
class Options:
    """:ivar often: the part of the steps that meet a fault.
    :ivar kernels: how many kernels follow each other; every other one is killed.
    """

    cells: int
    seed: int
    often: float = 0.22
    bursts: float = 0.05
    kernels: int = 6


@dataclass
class Report:
    options: Options
    verdict: Verdict
    hits: dict[str, int] = field(default_factory=dict)
    recovery_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    took_s: float = 0.0
    slowest_fault_free_s: float = 0.0

    @property
    def bad(self) -> int:
        return sum(self.verdict.bad.values())

    def missing_hits(self, least: int) -> list[str]:
        return [kind for kind in KINDS if self.hits.get(kind, 0) < least]

    def text(self) -> str:
        lines = [f"{self.options.cells} cells, seed {self.options.seed}, {self.took_s:.0f} s"]
        lines += ["outcomes: " + ", ".join(f"{k} {v}" for k, v in self._outcomes())]
        lines += [f"{'fault':24}{'hits':>8}{'p50 s':>9}{'p95 s':>9}{'max s':>9}"]
        lines += [self._fault_line(kind) for kind in KINDS]
        lines += [f"{what:30}{self.verdict.bad[what]:>6}" for what in BAD]
        return "\n".join(lines + self.verdict.notes[:40])

    def _outcomes(self) -> list[tuple[str, int]]:
        return self.verdict.outcomes.most_common()

    def _fault_line(self, kind: str) -> str:
        times = sorted(self.recovery_s.get(kind, ()))
        line = f"{kind:24}{self.hits.get(kind, 0):>8}"
        if not times:
            return line
        p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
        return line + f"{statistics.median(times):>9.2f}{p95:>9.2f}{times[-1]:>9.2f}"


#: What must not be.
BAD = (
    "double executions",
    "wrong claims",
    "lost",
    "duplicated",
    "reordered",
    "outputs after idle",
    "no reply",
    "silent loss of variables",
    "hangs",
    "leaked sessions",
    "leaked processes",
)


def run(options: Options) -> Report:
    """Also what is left at the end: a kernel that was killed leaves its session to ``reap``."""
    report = Report(options, Verdict())
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as directory:
        world = World(Path(directory))
        try:
            _Run(options, report, world).all()
        finally:
            report.verdict.bad["leaked processes"] += world.close()
    report.took_s = time.monotonic() - begun
    return report


class _Run:
    def __init__(self, options: Options, report: Report, world: World) -> None:
        self._options, self._report, self._world = options, report, world
        self._dice = random.Random(options.seed)
        self._schedule = Schedule(self._dice, options.often)
        self._number = 0
        self._waiting: tuple[str, float] | None = None

    def all(self) -> None:
        share = -(-self._options.cells // self._options.kernels)
        for index in range(self._options.kernels):
            self._one_kernel(min(share, self._options.cells - self._number), kill=index % 2 == 1)
        self._world.arm({"rules": []})
        self._report.hits = self._world.hits()
        self._world.reap()
        self._report.verdict.bad["leaked sessions"] += self._world.sessions()
        self._report.verdict.count_executions(self._world.effects.read_text())

    def _one_kernel(self, cells: int, *, kill: bool) -> None:
        self._world.arm(self._schedule.plan(None))
        manager, client = self._world.start_kernel()
        driver = Driver(client)
        self._report.verdict.forget_chain()
        until = self._number + cells
        try:
            while self._number < until:
                self._step(driver, until)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=kill)
        for cell in driver.late:
            self._report.verdict.late(cell, 1)

    def _step(self, driver: Driver, until: int) -> None:
        kind = self._schedule.next()
        if kind is not None:
            self._world.arm(self._schedule.plan(kind))
            self._waiting = self._waiting or (kind, time.monotonic())
        count = min(3 if self._dice.random() < self._options.bursts else 1, until - self._number)
        effects = self._world.effects
        cells = [make_cell(self._number + i, effects, self._dice) for i in range(count)]
        self._number += count
        for outcome in driver.run(cells):
            self._report.verdict.take(outcome)
            self._recovered(outcome)

    def _recovered(self, outcome: Outcome) -> None:
        """The time from a fault to the end of the first cell that had its own outcome."""
        if outcome.name in ("ok", "ArithmeticError") and self._waiting is not None:
            kind, since = self._waiting
            self._report.recovery_s[kind].append(time.monotonic() - since)
            self._waiting = None
