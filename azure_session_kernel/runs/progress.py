"""How a run goes, for the person who waits: live on a terminal, else a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..common.duration import duration
from .record import Record
from .results import counts_of
from .run import Run
from .wording import described, one_line

#: Between two lines, where there is no terminal.
_LINE_S: Final = 30.0
_STYLES: Final = {"failed": "red", "cut off": "yellow", "not run": "yellow"}


class Progress:
    """A ``run.Listener``. It writes to stderr: stdout has the end result only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._clock = clock
        self._begun = self._told_at = clock()
        self._run: Run | None = None

    @contextlib.contextmanager
    def of(self, run: Run) -> Iterator[None]:
        self._run = run
        if not self._console.is_terminal:
            yield
            return
        shown = _Shown(self._view)
        with Live(shown, console=self._console, refresh_per_second=4, transient=True):
            yield

    def done(self, record: Record) -> None:
        """Called for each notebook, good or bad."""
        if record.status != "ok":
            name = one_line(record.notebook)
            self.say(f"{record.status}: {name}: {described(record)}", _STYLES[record.status])
        elif not self._console.is_terminal and self._clock() - self._told_at > _LINE_S:
            self._told_at = self._clock()
            self.say(self._counts())

    def say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style), soft_wrap=True)

    # -- what is shown ----------------------------------------------------------------------------

    def _view(self) -> RenderableType:
        run = self._run
        assert run is not None  # noqa: S101 - `of` has set it
        total = len(run.plan.names)
        bar = ProgressBar(total=max(1, total), completed=len(run.records), width=40)
        grid = Table.grid()
        grid.add_row(bar)
        grid.add_row(Text(self._counts()))
        return grid

    def _counts(self) -> str:
        run = self._run
        assert run is not None  # noqa: S101 - `of` has set it
        counts = counts_of(run.records.values())
        parts = [f"{len(run.records)} of {len(run.plan.names)} done"]
        parts += [f"{n} {status}" for status, n in counts.items() if n and status != "ok"]
        parts.append(f"{run.places.with_session} running")
        if asking := run.places.asking:
            parts.append(f"{asking} waiting for a session")
        if run.places.is_full:
            parts.append("the pool is full")
        if run.queue.early:
            parts.append("starting nothing more")
        elif (left_s := self._left_s()) is not None:
            parts.append(f"about {duration(left_s)} left")
        return ", ".join(parts)

    def _left_s(self) -> float | None:
        """At the pace until now; not before two are done."""
        run = self._run
        assert run is not None  # noqa: S101 - `of` has set it
        done = len(run.records) - len(run.plan.kept)
        if done < 2:
            return None
        return (self._clock() - self._begun) / done * (len(run.plan.todo) - done)


class _Shown:
    """Asks anew each time it is drawn."""

    def __init__(self, view: Callable[[], RenderableType]) -> None:
        self._view = view

    def __rich__(self) -> RenderableType:
        return self._view()


def client_cost(notebooks: int) -> str:
    """What this took here: memory and CPU, its kernels' included; "" where that is not known."""
    if sys.platform == "win32" or not notebooks:
        return ""
    import resource

    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu_s = sum(u.ru_utime + u.ru_stime for u in (own, children))
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return (
        f"This machine: {own.ru_maxrss * unit / 1e6:.0f} MB at most, {cpu_s:.1f} s of CPU "
        f"({cpu_s / notebooks:.2f} s a notebook)"
    )
