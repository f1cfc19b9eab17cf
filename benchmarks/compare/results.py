"""What was measured, and what is made of it: medians, p95, ratios; as JSON and as Markdown."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .column import FAMILIES, LOCAL, Column, columns_of
from .rows import Values, unit

#: Of fewer values, the largest is told instead: of 20, p95 is the second largest.
P95_OF = 20


def p95(values: Sequence[float]) -> float:
    """The smallest that at least 95 of 100 do not exceed."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """The median of pairs."""
    return statistics.median(a / b for a, b in zip(values, others, strict=True))


class Results:
    """:ivar rows: by row, each column's values, in the order of turns; s, or MB/s.

    :ivar processes: by column, each process's (CPU of a small cell in ms, RSS, PSS in MB).
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[Column, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.processes: dict[Column, dict[str, list[tuple[float, float, float]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.machine: dict[str, str] = {}

    def take(self, turn: Mapping[Column, Values], names: Sequence[str]) -> None:
        for column, values in turn.items():
            for row, value in values.items():
                if row in names:
                    self.rows[row][column].append(value)

    def take_process(
        self, column: Column, role: str, cpu_ms: float, rss: float, pss: float
    ) -> None:
        self.processes[column][role].append((cpu_ms, rss, pss))

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "rows": {
                row: {str(column): values for column, values in columns.items()}
                for row, columns in self.rows.items()
            },
            "processes": {str(column): roles for column, roles in self.processes.items()},
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Results:
        results = cls()
        results.machine = data["machine"]
        for row, columns in data["rows"].items():
            for name, values in columns.items():
                results.rows[row][columns_of(name)[0]] = values
        for name, roles in data["processes"].items():
            for role, each in roles.items():
                results.processes[columns_of(name)[0]][role] = [tuple(one) for one in each]
        return results

    def markdown(self) -> Iterator[str]:
        yield on(self.machine)
        yield ""
        distances = sorted({_way(c) for columns in self.rows.values() for c in columns})
        yield "| | |" + "".join(f" {Column('ours', *way).distance} |" for way in distances)
        yield "| --- | --- |" + " ---: |" * len(distances)
        for row, columns in self.rows.items():
            title = f"{row}, {unit(row)}"
            for family, (name, _) in FAMILIES.items():
                found = {_way(c): c for c in columns if c.family == family}
                if found:
                    cells = (self._cell(row, found.get(way)) for way in distances)
                    yield f"| {title} | {name} | " + " | ".join(cells) + " |"
                    title = ""
        yield ""
        yield from self._processes()

    def _cell(self, row: str, column: Column | None) -> str:
        """``11.4 (14.0) ×1.81``; ``≤`` before what is only the largest of few."""  # noqa: RUF002
        if column is None:
            return ""
        values, local = self.rows[row][column], self.rows[row].get(LOCAL, [])
        factor = 1e3 if unit(row) == "ms" else 1.0
        middle = _short(statistics.median(values) * factor)
        if unit(row) != "ms":
            text = f"{middle} (≥{_short(min(values))})"
        elif len(values) < P95_OF:
            text = f"{middle} (≤{_short(max(values) * factor)})"
        else:
            text = f"{middle} ({_short(p95(values) * factor)})"
        if column == LOCAL or len(local) != len(values):
            return text
        return f"{text} ×{ratio(values, local):.2f}"  # noqa: RUF001

    def _processes(self) -> Iterator[str]:
        yield "| process | CPU of a small cell, ms | RSS, MB | PSS, MB |"
        yield "| --- | ---: | ---: | ---: |"
        for family, (name, _) in FAMILIES.items():
            for column, roles in self.processes.items():
                if column.family != family:
                    continue
                each = {
                    role: [statistics.median(part) for part in zip(*values, strict=True)]
                    for role, values in roles.items()
                }
                for role, values in each.items():
                    yield f"| {name}: {role} | " + _numbers(values)
                if len(each) > 1:
                    total = [sum(part) for part in zip(*each.values(), strict=True)]
                    yield f"| {name}: together | " + _numbers(total)


def _way(column: Column) -> tuple[float, float]:
    return column.round_trip_ms, column.mbit


def _numbers(values: Sequence[float]) -> str:
    cpu_ms, rss, pss = values
    return f"{cpu_ms:.2f} | {rss:.0f} | {pss:.0f} |"


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def on(machine: Mapping[str, str]) -> str:
    return "; ".join(f"{what}: {value}" for what, value in machine.items())
