"""``--dry-run``: what would be run, and what it takes in session-seconds. No prices: those are the
pool's, and change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ..common.duration import duration
from .notebook import code_cells, read_notebook
from .plan import Plan, RunSettings
from .record import Record
from .unusable import NotebookUnusable
from .wording import one_line

#: Of a pool that does not say otherwise (docs/azure.md 3.2).
_COOLDOWN_S: Final = 300


def plan_lines(
    plan: Plan, settings: RunSettings, jobs: int, earlier: Mapping[str, Record]
) -> Iterator[str]:
    """:param earlier: what a run before this one tells, for the estimate."""
    unusable = 0
    for task in plan.todo:
        try:
            notebook = read_notebook(task.input.path)
        except NotebookUnusable as error:
            unusable += 1
            yield f"{one_line(task.name)}: can't be run: {one_line(str(error))}"
        else:
            yield f"{one_line(task.name)}: {code_cells(notebook)} code cells"
    count = len(plan.todo) - unusable
    yield ""
    yield f"{count} to run, {unusable} that can't be, {len(plan.kept)} kept of an earlier run"
    yield from (one for one in plan.notes)
    yield from _cost(count, min(jobs, max(1, count)), settings, earlier)


def _cost(
    count: int, at_a_time: int, settings: RunSettings, earlier: Mapping[str, Record]
) -> Iterator[str]:
    known = [record.session_s for record in earlier.values() if record.session_s]
    yield ""
    yield f"Sessions: {count}, one for each, {at_a_time} at a time (--jobs)"
    if known:
        mean_s = sum(known) / len(known)
        yield (
            f"By {len(known)} notebooks of the earlier run: {count} x {mean_s:.1f} s = "
            f"{count * mean_s:,.0f} session-seconds, "
            f"in about {duration(count * mean_s / at_a_time)}"
        )
    if limit_s := settings.timeout_s:
        yield (
            f"At most: {count} x {limit_s} s (--timeout) = {count * limit_s:,} session-seconds, "
            f"in {duration(-(-count // at_a_time) * limit_s)}"
        )
    else:
        yield "At most: no limit, because --timeout is 0"
    yield (
        "A session is stopped when its notebook ends. If this machine fails, those that run then "
        f"end by the pool's cooldown: {at_a_time} x {_COOLDOWN_S} s = "
        f"{at_a_time * _COOLDOWN_S:,} more at most, where the cooldown is the default"
    )
    yield "Sessions that the pool keeps ready cost whether this runs or not"
