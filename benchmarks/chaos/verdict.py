"""What became of the cells, and what of it must not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest

from .cells import Cell, Line, lines_of
from .driver import Outcome

#: Errors that leave open whether the cell ran; all others say that it has not.
_MAY_HAVE_RUN = ("InterpreterDied", "ExecutionUnknown")


@dataclass
class Verdict:
    """Counters; ``bad`` ones must be 0. ``notes`` say which cells."""

    bad: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    _claims: dict[int, str] = field(default_factory=dict)
    _chain: int | None = None

    def blame(self, what: str, cell: Cell, detail: str) -> None:
        self.bad[what] += 1
        self.notes.append(f"{what}: cell {cell.number}: {detail}")

    def take(self, outcome: Outcome) -> None:
        """Judge one cell by what its front end was told."""
        cell = outcome.cell
        self.outcomes[outcome.name] += 1
        if outcome.name == "hang":
            self.blame("hangs", cell, "no idle")
            self._chain = None
            return
        if not outcome.replied:
            self.blame("no reply", cell, outcome.name)
        own = outcome.name in ("ok", "ArithmeticError")
        self._claims[cell.number] = "once" if own else _claim(outcome)
        if own and cell.fails == (outcome.name == "ok"):
            self.blame("wrong claims", cell, outcome.name)
        lines = lines_of(outcome.messages)
        self._judge_chain(cell, lines, own)
        self._judge_outputs(cell, lines[1:], own)

    def forget_chain(self) -> None:
        """Variables were given up on purpose: another kernel."""
        self._chain = None

    def _judge_chain(self, cell: Cell, lines: list[Line], own: bool) -> None:
        if not own:
            self._chain = None
            return
        said = lines[0][1].removeprefix("chain ") if lines else ""
        found = int(said) if said.isdigit() else None
        if found is None:
            self.blame("lost", cell, "the first line")
        elif self._chain is not None and found != self._chain + 1:
            self.blame("silent loss of variables", cell, f"{found} after {self._chain}")
        self._chain = found

    def _judge_outputs(self, cell: Cell, lines: list[Line], own: bool) -> None:
        if not own:
            self._judge_beginning(cell, lines)
            return
        if lines == cell.expected:
            return
        missing = Counter(cell.expected) - Counter(lines)
        extra = Counter(lines) - Counter(cell.expected)
        if missing:
            self.blame("lost", cell, f"{sum(missing.values())} lines, {min(missing)}")
        if extra:
            self.blame("duplicated", cell, f"{sum(extra.values())} lines, {min(extra)}")
        if not missing and not extra:
            self.blame("reordered", cell, "same lines")

    def _judge_beginning(self, cell: Cell, lines: list[Line]) -> None:
        """What came must be how the whole begins; its last line may be unfinished."""
        if lines and lines[-1][0] == "error":
            lines = lines[:-1]
        pairs = zip_longest(cell.expected, lines[:-1])
        wrong = [(wanted, line) for wanted, line in pairs if line not in (wanted, None)]
        if wrong:
            wanted, line = wrong[0]
            self.blame("reordered", cell, f"{line} where {wanted} should be")

    def late(self, cell: Cell, count: int) -> None:
        self.bad["outputs after idle"] += count
        self.notes.append(f"outputs after idle: cell {cell.number}: {count}")

    def count_executions(self, effects: str) -> None:
        """Compare what was claimed with what cells have left outside their sessions."""
        runs = Counter(int(line) for line in effects.split())
        for number, times in runs.items():
            if times > 1:
                self.bad["double executions"] += 1
                self.notes.append(f"double execution: cell {number}: {times} times")
        for number, claim in self._claims.items():
            if (claim == "once" and not runs[number]) or (claim == "not run" and runs[number]):
                self.bad["wrong claims"] += 1
                self.notes.append(f"wrong claim: cell {number}: {claim}, ran {runs[number]} times")


def _claim(outcome: Outcome) -> str:
    """What an error of ours tells the user: ``not run``, or ``unknown``."""
    lost_while_running = outcome.name == "SessionLost" and "not run" not in outcome.evalue
    return "unknown" if outcome.name in _MAY_HAVE_RUN or lost_while_running else "not run"
