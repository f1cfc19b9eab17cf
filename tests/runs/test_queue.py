"""What is tried again and what is not, with a pool that is played: a virtual clock, no sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from azure_session_kernel.runs import places as places_module
from azure_session_kernel.runs import queue as queue_module
from azure_session_kernel.runs.inputs import Input
from azure_session_kernel.runs.opening import NotOpened
from azure_session_kernel.runs.places import Places
from azure_session_kernel.runs.plan import Task
from azure_session_kernel.runs.queue import ATTEMPTS, IN_A_ROW, RunQueue
from azure_session_kernel.runs.record import Record


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def started(places: Places, prefix: str) -> list[str]:
    names: list[str] = []
    while places.has_room():
        names.append(f"{prefix}{len(names)}")
        places.take(names[-1])
    return names


def test_what_the_pool_refuses_shows_how_many_it_has_room_for() -> None:
    clock = Clock()
    places = Places(12, clock)
    names = started(places, "a")
    assert len(names) == 12
    for name in names[:3]:
        places.opened(name)
    for name in names[3:]:
        places.refused(name)
    assert (places.with_session, places.asking, places.is_full) == (3, 0, True)
    assert not places.has_room()

    places.release(names[0])  # its session has ended: the next one may begin at once
    (after,) = started(places, "b")
    places.opened(after)
    clock.now_s += 100
    places.grow()
    assert len(started(places, "c")) == 1  # whether there is more room by now


def test_a_pool_that_others_have_filled_is_not_asked_without_a_pause() -> None:
    clock = Clock()
    clock.now_s = 1.0
    places = Places(4, clock)
    for name in started(places, "a"):
        places.refused(name)
    places.grow()
    assert not places.has_room()
    pauses = []
    for turn in range(4):
        pauses.append(places.room_in_s() or 0.0)
        clock.now_s += pauses[-1]
        places.grow()
        (name,) = started(places, f"b{turn}")
        places.refused(name)
    assert 0 < pauses[0] <= 0.001 < pauses[-1]  # four refused at once have not made it longer
    assert places.shut_s() == clock.now_s - 1.0
    clock.now_s += 100
    places.grow()
    (name,) = started(places, "c")
    places.opened(name)
    assert places.shut_s() == 0


class Pool:
    """Says how each notebook's next try ends; see ``queue.Runner``."""

    def __init__(self, room: int, *, fails: str = "", times: int = 10**6) -> None:
        self.room, self.fails, self.times = room, fails, times
        self.tries: list[str] = []
        self.most = self.sessions = 0

    async def __call__(self, task: Task, opened: Callable[[], None]) -> Record:
        self.tries.append(task.name)
        await asyncio.sleep(0)
        if self.fails and self.times:
            self.times -= 1
            raise NotOpened(self.fails, "so it says")
        if self.sessions >= self.room:
            raise NotOpened("PoolFull", "no free session")
        self.sessions += 1
        self.most = max(self.most, self.sessions)
        opened()
        await asyncio.sleep(0)
        self.sessions -= 1
        return Record(task.name, "ok")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long they are is no matter here."""
    monkeypatch.setattr(places_module, "FIRST_S", 0.001)
    monkeypatch.setattr(places_module, "LONGEST_S", 0.008)
    monkeypatch.setattr(queue_module, "FIRST_PAUSE_S", 0.001)


def run(pool: Pool, count: int, open_timeout_s: float = 60) -> tuple[dict[str, Record], RunQueue]:
    records: dict[str, Record] = {}
    told: list[str] = []

    def tell(record: Record) -> None:
        told.append(record.notebook)
        records[record.notebook] = record

    async def all_of_it() -> RunQueue:
        tasks = [Task(Input(f"{n}.ipynb", Path(f"{n}.ipynb")), "") for n in range(count)]
        queue = RunQueue(tasks, pool, Places(count), open_timeout_s, tell)
        await queue.run()
        return queue

    queue = asyncio.run(all_of_it())
    assert sorted(told) == sorted(f"{n}.ipynb" for n in range(count))  # each once
    return records, queue


def test_a_full_pool_delays_and_fails_nothing() -> None:
    pool = Pool(room=3)
    records, queue = run(pool, 40)
    assert {record.status for record in records.values()} == {"ok"}
    assert (pool.most, queue.early) == (3, "")


def test_a_pool_that_stays_full_is_given_up() -> None:
    records, queue = run(Pool(room=0), 5, open_timeout_s=0)
    assert {record.status for record in records.values()} == {"not run"}
    assert "the pool was full for 0 s (AZURE_SESSION_OPEN_TIMEOUT)" in queue.early


def test_what_may_pass_is_tried_again() -> None:
    pool = Pool(room=3, fails="PoolUnavailable", times=ATTEMPTS - 1)
    records, _ = run(pool, 1)
    assert records["0.ipynb"].status == "ok"
    assert len(pool.tries) == ATTEMPTS


def test_what_is_as_wrong_for_all_is_tried_once() -> None:
    pool = Pool(room=1, fails="Forbidden")
    records, queue = run(pool, 1)
    assert (len(pool.tries), records["0.ipynb"].status) == (1, "not run")
    assert queue.early == "no session can be had: Forbidden: so it says"


def test_a_file_that_is_missing_is_the_matter_of_one_notebook() -> None:
    pool = Pool(room=9, fails="FileMissing", times=IN_A_ROW + 1)
    records, queue = run(pool, IN_A_ROW + 3)
    assert [r.status for r in records.values()].count("ok") == 2
    assert queue.early == ""
