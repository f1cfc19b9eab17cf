"""One run from its plan to its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .journal import Journal
from .places import Places
from .plan import Plan, RunSettings
from .pool import Pool
from .queue import RunQueue
from .record import Record
from .results import counts_of
from .worker import Worker


class Listener(Protocol):
    """Who shows how it goes."""

    def done(self, record: Record) -> None: ...


@dataclass
class Run:
    """:ivar jobs: notebooks at a time.

    :ivar records: of all notebooks of the plan that something can be said of, by name.
    """

    plan: Plan
    settings: RunSettings
    journal: Journal
    output: Path
    jobs: int
    pool: Pool
    listener: Listener
    records: dict[str, Record] = field(init=False)
    places: Places = field(init=False)
    queue: RunQueue = field(init=False)
    failure: str = ""

    def __post_init__(self) -> None:
        self.records = dict(self.plan.kept)
        self.places = Places(self.jobs)
        worker = Worker(self.journal, self.output, self.settings, self.pool.env)
        self.queue = RunQueue(
            self.plan.todo, worker, self.places, self.pool.open_timeout_s, self._tell
        )

    async def run(self) -> None:
        """Afterwards the journal tells of each notebook, if it could be written."""
        await self.queue.run()
        try:
            self.journal.end(counts_of(self.records.values()), self.queue.early)
        except OSError as error:
            self._unwritten(error)

    def _tell(self, record: Record) -> None:
        self.records[record.notebook] = record
        self.listener.done(record)
        if not self.failure:
            try:
                self.journal.done(record)
            except OSError as error:
                self._unwritten(error)

    def _unwritten(self, error: OSError) -> None:
        self.failure = f"the journal can't be written: {error.strerror}"
        self.queue.stop(self.failure)
