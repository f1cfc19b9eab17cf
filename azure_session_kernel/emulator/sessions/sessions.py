"""Who gets which session: allocation, ready sessions, cooldown, maximum, stop.

Rules (docs/azure.md 3.1, 3.2):

1. An unknown identifier gets a fresh session, a known one always the same.
2. Ready sessions are started in advance and replaced when they have been handed out.
3. At most ``max_sessions`` are allocated at a time.
4. A session ends when ``cooldown_s`` have passed since the end of its last request. Whether Azure
   counts from the request's beginning is unknown (docs/azure.md 8).
5. A session whose process has ended is forgotten; its identifier gets a fresh one, without a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ...common.owned_tasks import OwnedTasks
from ..kinds.kinds import KINDS, Kind
from .home import PoolHome, remove_left_behind
from .process import SessionFailed, SessionProcess, start_session
from .template import Template

log = logging.getLogger(__name__)


class PoolIsFull(Exception):
    """``max_sessions`` are allocated, and the identifier is unknown."""


class NoSuchSession(Exception):
    """No session is allocated to the identifier."""


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class PoolOptions:
    """How a pool behaves. Names on the left are Azure's where it has one (docs/azure.md 2.5)."""

    name: str = "local-pool"
    ready_sessions: int = 1
    max_sessions: int = 10
    cooldown_s: float = 300.0
    #: A session that does not answer by then counts as a container that is not listening.
    listen_within_s: float = 60.0
    #: A replacement waits this long for each session that was just handed out, so that it doesn't
    #: compete with their first cells.
    replace_after_s: float = 1.0
    kind: Kind = KINDS["container"]
    #: This system lets each session have a ``/mnt/data`` of its own.
    own_data: bool = False
    clock: Callable[[], float] = time.monotonic

    @property
    def path(self) -> str:
        """What follows the host in the pool's management endpoint."""
        return self.kind.path.format(name=self.name)


@dataclass(eq=False)
class Session:
    """A session that is allocated to an identifier."""

    identifier: str
    process: SessionProcess
    idle_since: float
    requests: int = 0
    etag: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=_utc_now)
    last_accessed_at: datetime = field(default_factory=_utc_now)


class SessionPool:
    """The sessions of one local pool. Start it, use it, stop it, all in one event loop."""

    def __init__(self, options: PoolOptions) -> None:
        self.options = options
        self._sessions: dict[str, Session] = {}
        self._allocating: dict[str, asyncio.Task[Session]] = {}
        self._ready: list[asyncio.Task[SessionProcess]] = []
        self._processes: set[SessionProcess] = set()
        self._tasks = OwnedTasks(log)
        self._numbers = itertools.count(1)
        self._home: PoolHome | None = None
        self._template: Template | None = None
        self._refilling: asyncio.TimerHandle | None = None
        self._filled = asyncio.Event()
        self._stopped = False
        self._jumped_s = 0.0

    async def start(self) -> None:
        """Begin to start the ready sessions; does not wait for them."""
        self._home = PoolHome()
        self._tasks.start(asyncio.to_thread(remove_left_behind))
        if module := Template.module_of(self.options.kind.command):
            self._template = Template(module, self._home.path / "template")
            self._tasks.start(self._template.warm_up())
        self._fill()
        self._tasks.start(self._watch_cooldown())

    async def stop(self) -> None:
        """End all sessions, allocated or ready."""
        self._stopped = True
        await self._tasks.aclose()
        await asyncio.gather(*(process.stop() for process in self._processes))
        self._sessions.clear()
        if self._template is not None:
            await self._template.close()
        if self._home is not None:
            await asyncio.to_thread(self._home.remove)

    def get(self, identifier: str) -> Session:
        """:raises NoSuchSession:"""
        session = self._sessions.get(identifier)
        if session is None or not session.process.alive:
            raise NoSuchSession
        return session

    def all(self) -> list[Session]:
        return [session for session in self._sessions.values() if session.process.alive]

    def expires_at(self, session: Session) -> datetime:
        """When it will end if no further request comes."""
        if session.requests:
            return _utc_now() + timedelta(seconds=self.options.cooldown_s)
        left = session.idle_since + self.options.cooldown_s - self._now()
        return _utc_now() + timedelta(seconds=max(left, 0.0))

    @contextlib.asynccontextmanager
    async def use(self, identifier: str) -> AsyncIterator[Session]:
        """The identifier's session for one request, which keeps it from cooling down.

        :raises PoolIsFull: nothing was allocated.
        :raises SessionFailed: the container does not listen.
        """
        session = self._sessions.get(identifier)
        if session is None or not session.process.alive:
            session = await self._allocate(identifier)
        session.requests += 1
        session.last_accessed_at = _utc_now()
        try:
            yield session
        finally:
            session.requests -= 1
            session.idle_since = self._now()

    async def end(self, identifier: str) -> None:
        """Stop a session; returns when it is gone. :raises NoSuchSession:"""
        session = self.get(identifier)
        del self._sessions[identifier]
        await session.process.stop()

    async def end_expired(self) -> None:
        """Stop the sessions whose cooldown is over."""
        deadline = self._now() - self.options.cooldown_s
        idle = [session for session in self.all() if not session.requests]
        expired = [session for session in idle if session.idle_since <= deadline]
        await asyncio.gather(*(self.end(session.identifier) for session in expired))

    async def jump(self, seconds: float) -> int:
        """The clock jumps; how many sessions that has ended, requests under way or not."""
        self._jumped_s += seconds
        deadline = self._now() - self.options.cooldown_s
        expired = [session for session in self.all() if session.idle_since <= deadline]
        await asyncio.gather(*(self.end(session.identifier) for session in expired))
        return len(expired)

    def _now(self) -> float:
        return self.options.clock() + self._jumped_s

    # -- allocation ---------------------------------------------------------------------------

    async def _allocate(self, identifier: str) -> Session:
        """Requests that come while a session is being allocated wait for that one."""
        if self._stopped:
            raise SessionFailed("the pool is stopping")
        task = self._allocating.get(identifier)
        if task is None:
            taken = self._sessions.keys() | self._allocating.keys()
            if len(taken - {identifier}) >= self.options.max_sessions:
                raise PoolIsFull
            task = self._tasks.start_awaited(self._hand_out(identifier))
            self._allocating[identifier] = task
            task.add_done_callback(lambda _: self._allocating.pop(identifier, None))
        return await asyncio.shield(task)

    async def _hand_out(self, identifier: str) -> Session:
        process = await self._take()
        session = Session(identifier, process, idle_since=self._now())
        self._sessions[identifier] = session
        self._tasks.start(self._forget_when_ended(session))
        return session

    async def _take(self) -> SessionProcess:
        """A ready session, or one that is about to be, or a new one."""
        self._fill_later()
        while self._ready:
            starting = self._ready.pop(0)
            self._filled.clear()
            with contextlib.suppress(SessionFailed):
                process = await starting
                if process.alive:
                    return process
        return await self._start_one()

    async def _forget_when_ended(self, session: Session) -> None:
        await asyncio.wait({session.process.ended})
        if self._sessions.get(session.identifier) is session:
            del self._sessions[session.identifier]
        await session.process.stop()  # what its process left behind

    # -- ready sessions -----------------------------------------------------------------------

    async def next_ready(self) -> SessionProcess:
        """The session that the next unknown identifier will get; waits until it is ready."""
        while not self._ready:
            await self._filled.wait()
        return await asyncio.shield(self._ready[0])

    def _fill_later(self) -> None:
        """Once this session has had its time, and all others that were handed out just now."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        if self._refilling is not None:
            due = max(due, self._refilling.when())
            self._refilling.cancel()
        self._refilling = loop.call_at(due + self.options.replace_after_s, self._fill)

    def _fill(self) -> None:
        while not self._stopped and len(self._ready) < self.options.ready_sessions:
            task = self._tasks.start_awaited(self._start_one())
            self._ready.append(task)
            self._filled.set()
            self._tasks.start(self._replace_when_ended(task))

    async def _start_one(self) -> SessionProcess:
        assert self._home is not None, "started before any session"  # noqa: S101
        root = self._home.session(next(self._numbers))
        options = self.options
        kind = options.kind
        own_data = ("--mnt-data",) if options.own_data and kind.own_data else ()
        command = (*kind.command, *own_data)
        process = await start_session(
            command, root, options.listen_within_s, kind.ready, self._template
        )
        self._processes.add(process)
        process.ended.add_done_callback(lambda _: self._processes.discard(process))
        return process

    async def _replace_when_ended(self, task: asyncio.Task[SessionProcess]) -> None:
        """A ready session that failed or died is replaced, but not in a tight circle."""
        with contextlib.suppress(SessionFailed):
            process = await asyncio.shield(task)
            await asyncio.wait({process.ended})
        if task in self._ready:
            await asyncio.sleep(self.options.replace_after_s)
            if task in self._ready:
                self._ready.remove(task)
                self._fill()

    async def _watch_cooldown(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.options.cooldown_s / 4))
            await self.end_expired()
