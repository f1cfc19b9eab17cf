"""The local pool's front with faults: carries out what ``faults`` has chosen.

It wraps the whole front, token check included. ``/.faults/`` is never faulty: ``GET report`` tells
how often each fault took effect, ``POST plan`` replaces the rules (the form of ``faults``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from azure_session_kernel.common.owned_tasks import OwnedTasks
from azure_session_kernel.emulator.front.front_token import FrontToken
from azure_session_kernel.emulator.front.query import parameters
from azure_session_kernel.emulator.sessions.sessions import SessionPool

from . import targets as fault_targets
from .answers import fault_answer
from .control import control_routes
from .gate import Gate, reset, transport_of
from .plan import FaultPlan, Rule, read_plan
from .streams import Buffered, CutOff, Stalled, discard, play_back

log = logging.getLogger(__name__)

CONTROL_PATH: Final = "/.faults/"
#: The second of two identical requests follows the first by so much.
_REPEATED_AFTER_S: Final = 0.01
#: The one whose answer nobody reads is ended so long after the other.
_DISCARDED_AFTER_S: Final = 1.0


class Faults:
    """The ``Faults`` of a front (``emulator/front/surface.py``). One object for each pool."""

    control_path = CONTROL_PATH

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.gate = Gate()
        self.tasks = OwnedTasks(log)

    def middleware(self, pool: SessionPool, token: FrontToken) -> Middleware:
        return Middleware(FaultyFront, faults=self, pool=pool, token=token)

    def routes(self) -> Sequence[Route]:
        return control_routes(self.plan)

    def protocol(self) -> type[HttpToolsProtocol]:
        return self.gate.protocol()

    async def stop(self) -> None:
        """No kill that was announced happens after this, and no request is held any more."""
        self.plan.let_go()
        await self.tasks.aclose()


@dataclass(frozen=True)
class Exchange:
    """One request that meets a fault, and everything the fault may touch."""

    rule: Rule
    faults: Faults
    pool: SessionPool
    token: FrontToken
    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send

    @property
    def identifier(self) -> str:
        return parameters(self.scope["query_string"]).get("identifier", "")

    def hit(self) -> None:
        self.faults.plan.hit(self.rule)

    async def reset(self) -> None:
        """Returns when the server has seen it: from then on answers go nowhere."""
        reset(transport_of(self.scope))
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def pass_on(self, send: Send | None = None) -> None:
        await self.app(self.scope, self.receive, send or self.send)


class FaultyFront:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp, faults: Faults, pool: SessionPool, token: FrontToken) -> None:
        self._app, self._faults, self._pool, self._token = app, faults, pool, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = None
        if scope["type"] == "http" and not scope["path"].startswith(CONTROL_PATH):
            rule = self._faults.plan.choose(scope["method"], scope["path"])
        if rule is None:
            await self._app(scope, receive, send)
            return
        exchange = Exchange(
            rule, self._faults, self._pool, self._token, self._app, scope, receive, send
        )
        await _HANDLERS[rule.fault](exchange)


# -- the faults -----------------------------------------------------------------------------------


async def _refuse(x: Exchange) -> None:
    x.hit()
    x.faults.gate.close_for(x.rule.seconds or 0.0)
    await x.reset()


async def _reset_before(x: Exchange) -> None:
    x.hit()
    await x.reset()


async def _reset_after(x: Exchange) -> None:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            x.hit()
            reset(transport_of(x.scope))

    await x.pass_on(send)


async def _cut(x: Exchange) -> None:
    await x.pass_on(CutOff(x.send, x.rule.bytes, transport_of(x.scope), x.hit))


async def _delay(x: Exchange) -> None:
    x.hit()
    await asyncio.sleep(x.rule.seconds or 0.0)
    await x.pass_on()


async def _hold(x: Exchange) -> None:
    replaced = x.faults.plan.replaced
    x.hit()
    await replaced.wait()
    await x.pass_on()


async def _stall(x: Exchange) -> None:
    transport = transport_of(x.scope)
    await x.pass_on(Stalled(x.send, x.rule.bytes, x.rule.seconds or 0.0, transport, x.hit))


async def _buffer(x: Exchange) -> None:
    x.hit()
    buffered = Buffered(x.send, x.rule.seconds)
    try:
        await x.pass_on(buffered)
    finally:
        buffered.close()


async def _duplicate(x: Exchange) -> None:
    """Both reach the container on connections of their own."""
    x.hit()
    played = await play_back(x.receive)
    first, second = (x.send, discard) if x.rule.answer == "first" else (discard, x.send)

    async def after_a_moment() -> None:
        await asyncio.sleep(_REPEATED_AFTER_S)
        await x.app(dict(x.scope), played.receive(), second)

    tasks = [
        asyncio.create_task(_run(x.app(dict(x.scope), played.receive(), first))),
        asyncio.create_task(after_a_moment()),
    ]
    answered = tasks[0] if x.rule.answer == "first" else tasks[1]
    try:
        await asyncio.wait({answered})
        await asyncio.wait(tasks, timeout=_DISCARDED_AFTER_S)
    finally:
        played.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(work: Awaitable[None]) -> None:
    await work


async def _answer(x: Exchange) -> None:
    x.hit()
    await asyncio.sleep(x.rule.seconds or 0.0)
    await fault_answer(x.rule.status, x.rule.retry_after)(x.scope, x.receive, x.send)


async def _expire_token(x: Exchange) -> None:
    x.hit()
    x.token.replace()
    await x.pass_on()


async def _replace_session(x: Exchange) -> None:
    if await fault_targets.end(x.pool, x.identifier):
        x.hit()
    await x.pass_on()


async def _clock_jump(x: Exchange) -> None:
    seconds = x.pool.options.cooldown_s if x.rule.seconds is None else x.rule.seconds
    if await x.pool.jump(seconds):
        x.hit()
    await x.pass_on()


def _kill(target: Callable[[SessionPool, str], bool]) -> Callable[[Exchange], Awaitable[None]]:
    async def kill(x: Exchange) -> None:
        async def after(seconds: float) -> None:
            await asyncio.sleep(seconds)
            if target(x.pool, x.identifier):
                x.hit()

        if x.rule.seconds:
            x.faults.tasks.start(after(x.rule.seconds))
        else:
            await after(0)
        await x.pass_on()

    return kill


_HANDLERS: Final[Mapping[str, Callable[[Exchange], Awaitable[None]]]] = {
    "refuse": _refuse,
    "reset_before": _reset_before,
    "reset_after": _reset_after,
    "cut": _cut,
    "delay": _delay,
    "hold": _hold,
    "stall": _stall,
    "buffer": _buffer,
    "duplicate": _duplicate,
    "answer": _answer,
    "expire_token": _expire_token,
    "replace_session": _replace_session,
    "kill_interpreter": _kill(fault_targets.kill_interpreter),
    "kill_adapter": _kill(fault_targets.kill_adapter),
    "clock_jump": _clock_jump,
}


def read_faults(path: Path) -> Faults:
    """Those of a file (``pool --faults``). :raises SettingsError: it can't be read."""
    plan = FaultPlan()
    plan.replace(*read_plan(path))
    return Faults(plan)
