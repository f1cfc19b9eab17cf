"""A session's life: every event in every state, and closing, which happens once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from azure_session_kernel.common.errors import PoolFull, SessionLost, SessionTaken
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.session import closing as ending
from azure_session_kernel.session import session
from azure_session_kernel.session.identity import Scope
from azure_session_kernel.session.lease import Lease, LeaseStore
from azure_session_kernel.session.lease_writer import LeaseWriter
from azure_session_kernel.session.life import NEXT, Event, Life, State
from azure_session_kernel.session.opening import Opening
from azure_session_kernel.session.session import NotebookSession
from azure_session_kernel.session.settings import Settings
from azure_session_kernel.session.surroundings import Surroundings
from azure_session_kernel.wire import BootEnded, Hello, Message

POOL = "https://pool.x.azurecontainerapps.io"
LIMIT_S = 60

S, E = State, Event
#: What each event makes of each state; None: nothing. In the order in which ``Event`` has them.
TABLE = {
    S.CLOSED: (S.OPENING, None, None, None, S.TAKEN, S.CLOSING, None),
    S.OPENING: (None, S.READY, S.CLOSED, None, S.TAKEN, S.CLOSING, None),
    S.READY: (None, None, None, S.CLOSED, S.TAKEN, S.CLOSING, None),
    S.TAKEN: (None, None, None, None, None, S.CLOSING, None),
    S.CLOSING: (None, None, None, None, None, None, S.OVER),
    S.OVER: (None, None, None, None, None, None, None),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_event_in_every_state(state: State, event: Event) -> None:
    life = Life()
    life.state = state
    following = TABLE[state][list(Event).index(event)]
    assert life.on(event) is (following is not None)
    assert life.state is (following or state)
    assert set(NEXT) == set(State)


class Session:
    """One boot at a time; starts and stops wait at gates."""

    name = "adapter"

    def __init__(self) -> None:
        self.may_start, self.may_stop = asyncio.Event(), asyncio.Event()
        self.starts = self.stops = self.restarts = 0
        self.sent = asyncio.Event()

    async def start(self, budget_s: float) -> Hello:
        self.starts += 1
        boot = f"b-{self.starts}"
        await self.may_start.wait()
        return Hello(1, "", boot, "idle", 0, 1, {}, (), ())

    def files(self, boot: str) -> None:
        """There are none to upload."""

    async def session_record(self) -> None:
        """It tells nothing."""

    async def send(self, boot: str, messages: Any, budget_s: float) -> None:
        self.sent.set()
        await asyncio.Event().wait()

    async def ask(self, boot: str, msg_id: str | None, timeout_s: float) -> str:
        self.sent.set()
        await asyncio.Event().wait()
        return ""

    interrupt = reaction = ask

    async def restart(self, boot: str, reason: str, timeout_s: float) -> None:
        self.restarts += 1
        await self.may_stop.wait()

    async def stop(self, timeout_s: float) -> bool:
        self.stops += 1
        await self.may_stop.wait()
        return True

    async def aclose(self) -> None:
        """Nothing to close."""


class Events:
    """What a kernel is told; nobody looks at it here."""

    def on_hello(self, hello: Hello) -> None: ...
    def on_message(self, message: Any) -> None: ...
    def on_gap(self, gap: Any) -> None: ...
    async def drained(self) -> None: ...
    def on_boot_over(self, boot: str, error: Exception, *, complete: bool) -> bool:
        return True


@dataclass
class World:
    """A notebook's session, over a lease on a disk and a pool that waits at gates."""

    store: LeaseStore
    executor: Session = field(default_factory=Session)
    prepared: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.prepared.set()
        self.session = NotebookSession(Surroundings(environ={}), Events(), lambda: True)
        self.closing: asyncio.Task[None] | None = None

    def prepare(self, *_: Any) -> Opening:
        assert self.prepared.wait(LIMIT_S)
        settings = Settings.from_environ({"AZURE_SESSION_POOL_ENDPOINT": POOL})
        scope = Scope("kernel", "key")
        held = self.store.acquire(Lease.new("ask-one", POOL, scope))
        client: Any = SimpleNamespace(
            asked=self.executor.starts > 0, used_at=time.time(), open_ahead=lambda: None
        )
        tokens = FixedToken("token")
        endpoint, lease = parse_endpoint(POOL), LeaseWriter(held)
        return Opening(settings, endpoint, scope, tokens, lease, client, self.executor, "")  # type: ignore[arg-type]

    async def hand_over(self, opening: Opening) -> None:
        """To nobody: what comes after the kernel is for other tests."""

    @property
    def state(self) -> State:
        return self.session._life.state

    def recorded(self) -> str:
        return "".join(lease.state for lease in self.store.all())

    # -- events -----------------------------------------------------------------------------------

    async def wanted(self) -> None:
        self.session.begin()

    async def lost(self) -> None:
        boot = self.session.hello.boot if self.session.hello is not None else "b-0"
        self.session.on_boot_ended(boot, BootEnded(1, "restart", ""))

    async def taken(self) -> None:
        self.session.on_failure("b-0", SessionTaken("A newer kernel has it."))

    async def close(self) -> None:
        closing = asyncio.create_task(self.session.close(restart=False))
        self.closing = self.closing or closing
        await turns()

    # -- states -----------------------------------------------------------------------------------

    async def closed(self) -> None:
        """As it begins."""

    async def opening(self) -> None:
        self.session.begin()
        await until(lambda: self.executor.starts == 1)
        assert self.session.opening is not None
        self.session.opening.client.asked = True  # type: ignore[misc]

    async def ready(self) -> None:
        await self.opening()
        self.executor.may_start.set()
        assert await self.session.opened(LIMIT_S) is not None
        self.executor.may_start.clear()

    async def was_taken(self) -> None:
        await self.ready()
        await self.taken()

    async def is_closing(self) -> None:
        await self.ready()
        await self.close()
        await until(lambda: self.executor.stops == 1)

    async def over(self) -> None:
        await self.is_closing()
        self.executor.may_stop.set()
        assert self.closing is not None
        await self.closing


async def turns() -> None:
    """As many of the loop as anything takes that does not wait."""
    for _ in range(30):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(LeaseStore(tmp_path))
    monkeypatch.setattr(session, "prepare", made.prepare)
    monkeypatch.setattr(session, "LET_GO_S", LIMIT_S)
    monkeypatch.setattr(ending, "hand_over", made.hand_over)
    for name in ("STOP_BUDGET_S", "HAND_OVER_S", "_FILES_S"):
        monkeypatch.setattr(ending, name, LIMIT_S)
    return made


Step = Callable[[World], Awaitable[None]]
REACHED: dict[State, Step] = {
    S.CLOSED: World.closed,
    S.OPENING: World.opening,
    S.READY: World.ready,
    S.TAKEN: World.was_taken,
    S.CLOSING: World.is_closing,
    S.OVER: World.over,
}
#: What comes from outside, and where a session that is ready, opening … is then.
COMES: dict[str, tuple[Step, dict[State, State]]] = {
    "wanted": (World.wanted, {S.CLOSED: S.OPENING}),
    "lost": (World.lost, {S.READY: S.OPENING}),
    "taken": (World.taken, dict.fromkeys((S.CLOSED, S.OPENING, S.READY), S.TAKEN)),
    "close": (
        World.close,
        {S.CLOSED: S.OVER, **dict.fromkeys((S.OPENING, S.READY, S.TAKEN), S.CLOSING)},
    ),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", COMES)
async def test_what_comes_from_outside_does_what_the_table_says(
    world: World, state: State, event: str
) -> None:
    await REACHED[state](world)
    assert world.state is state
    if state is S.CLOSING:  # a thread writes it
        await until(lambda: world.recorded() == "stopping")
    starts, stops, recorded = world.executor.starts, world.executor.stops, world.recorded()
    comes, following = COMES[event]
    await comes(world)
    if following.get(state) is S.OPENING:
        await until(lambda: world.executor.starts == starts + 1)
    if following.get(state) is S.CLOSING:
        await until(lambda: world.executor.stops == stops + 1)
    await turns()
    assert world.state is following.get(state, state)
    assert world.executor.starts == starts + (following.get(state) is S.OPENING)
    assert world.executor.stops == stops + (following.get(state) is S.CLOSING)
    if state in (S.CLOSING, S.OVER):
        assert world.recorded() == recorded
        with pytest.raises(SessionLost, match="shutting down"):
            await world.session.send([], lambda boot: None)
    world.executor.may_stop.set()
    await world.session.close(restart=False)
    assert world.state is S.OVER


async def test_all_who_close_wait_for_one_end_that_none_can_cancel(world: World) -> None:
    await world.ready()
    first, second = (asyncio.create_task(world.session.close(restart=r)) for r in (False, True))
    await until(lambda: world.executor.stops == 1)
    first.cancel()
    await asyncio.wait({first})
    assert not second.done()
    await until(lambda: world.recorded() == "stopping")
    world.executor.may_stop.set()
    await second
    assert (world.executor.stops, world.executor.restarts) == (1, 0)
    assert world.recorded() == ""


def sends(session: NotebookSession) -> Coroutine[Any, Any, None]:
    return session.send([], lambda boot: None)


def interrupts(session: NotebookSession) -> Coroutine[Any, Any, str]:
    return session.interrupt("b-1", None, LIMIT_S)


def looks(session: NotebookSession) -> Coroutine[Any, Any, str]:
    return session.reaction("b-1", None, LIMIT_S)


@pytest.mark.parametrize("call", [sends, interrupts, looks])
async def test_a_call_that_is_under_way_ends_and_leaves_the_stop_unsure(
    world: World, call: Callable[[NotebookSession], Coroutine[Any, Any, Any]]
) -> None:
    await world.ready()
    world.executor.may_start.set()
    sending = asyncio.create_task(call(world.session))
    await world.executor.sent.wait()
    told: list[bool] = []

    async def stop(opening: Opening, *, unsure: bool, spent_s: float) -> None:
        told.append(unsure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "stop", stop)
        await world.session.close(restart=False)
    with pytest.raises(SessionLost, match="shutting down"):
        await sending
    assert told == [True]


async def test_a_lease_that_is_just_being_taken_is_let_go(world: World) -> None:
    world.prepared.clear()
    world.session.begin()
    await turns()
    await world.close()
    world.prepared.set()
    assert world.closing is not None
    await world.closing
    assert world.state is S.OVER
    assert (world.executor.starts, world.recorded()) == (0, "")


class Refusing(Session):
    """Full when it gets a cell for the first time: what it had was ended by the pool."""

    refusals = 1

    async def send(self, boot: str, messages: Any, budget_s: float) -> None:
        if self.refusals:
            self.refusals -= 1
            raise PoolFull("The session pool has no free session (429).")


@pytest.mark.parametrize("had_variables", [True, False])
async def test_a_pool_that_is_full_when_it_gets_a_cell_has_ended_the_session(
    world: World, had_variables: bool
) -> None:
    world.executor = Refusing()
    world.executor.refusals = 0 if had_variables else 1
    world.executor.may_start.set()
    boots: list[str] = []
    cell = [a_message("execute_request")]
    if had_variables:
        await world.session.send(cell, boots.append)
        world.executor.refusals = 1
        with pytest.raises(SessionLost):
            await world.session.send(cell, boots.append)
        assert boots == ["b-1", "b-1", ""]
    await world.session.send(cell, boots.append)
    assert boots[-1] == "b-2"


# -- boots that end one after another


def a_message(msg_type: str) -> Message:
    return Message("shell", {"msg_id": "m", "msg_type": msg_type}, {})


async def end_the_boot(world: World) -> None:
    """At once, as soon as it is open."""
    await until(lambda: world.state is S.READY)
    hello = world.session.hello
    assert hello is not None
    world.session.on_boot_ended(hello.boot, BootEnded(1, "exited", "Its start-up file exits."))


async def crash(world: World) -> None:
    """Until the next one is not opened by itself."""
    world.executor.may_start.set()
    world.session.begin()
    for _ in range(3):
        await end_the_boot(world)
    await turns()
    assert (world.state, world.executor.starts) == (S.CLOSED, 3)


async def test_a_crash_loop_ends_until_a_cell_asks(world: World) -> None:
    await crash(world)
    assert await world.session.opened(LIMIT_S) is not None  # of which kernel_info tells
    with pytest.raises(SessionLost, match="ends again and again"):
        await world.session.send([a_message("complete_request")], lambda boot: None)
    assert world.executor.starts == 3
    for starts in (4, 5):
        cell = asyncio.create_task(
            world.session.send([a_message("execute_request")], lambda boot: None)
        )
        await world.executor.sent.wait()
        world.executor.sent.clear()
        await end_the_boot(world)
        cell.cancel()
        await turns()
        assert (world.state, world.executor.starts) == (S.CLOSED, starts)


async def test_a_cell_that_ends_means_that_its_interpreter_works(world: World) -> None:
    await crash(world)
    world.session.on_message(a_message("execute_reply"))  # nobody has asked
    with pytest.raises(SessionLost):
        await world.session.send([a_message("comm_msg")], lambda boot: None)
    cell = asyncio.create_task(
        world.session.send([a_message("execute_request")], lambda boot: None)
    )
    await world.executor.sent.wait()
    world.session.on_message(a_message("execute_reply"))
    await end_the_boot(world)
    await until(lambda: world.executor.starts == 5)
    cell.cancel()


async def test_what_a_session_says_of_its_end_starts_nothing(world: World) -> None:
    world.executor.may_start.set()
    world.session.begin()
    for reason in ("restart", "interrupt", "stopped"):
        await until(lambda: world.state is S.READY)
        assert world.session.hello is not None
        world.session.on_boot_ended(world.session.hello.boot, BootEnded(1, reason, ""))
    await turns()
    assert (world.state, world.executor.starts) == (S.CLOSED, 3)
