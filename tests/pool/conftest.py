"""A local pool within the test's own event loop, with a stand-in for the container."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_session_kernel.emulator.front.server import listen, pool_url, running
from azure_session_kernel.emulator.kinds.kinds import Kind
from azure_session_kernel.emulator.sessions.sessions import PoolOptions, SessionPool
from azure_session_kernel.pool import connections
from azure_session_kernel.pool.through_httpx import ThroughHttpx

CONTAINER = (sys.executable, str(Path(__file__).with_name("local_pool_container.py")))
TOKEN = "the-token-of-this-test"  # not a secret


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Front:
    """A running pool, seen from both sides."""

    pool: SessionPool
    client: httpx.AsyncClient
    clock: Clock

    async def get(self, path: str, identifier: str = "someone", **params: str) -> httpx.Response:
        return await self.client.get(path, params={"identifier": identifier, **params})

    async def manage(
        self, call: str, identifier: str | None = "someone", version: str = "2025-02-02-preview"
    ) -> httpx.Response:
        params = {"identifier": identifier, "api-version": version}
        given = {name: value for name, value in params.items() if value}
        return await self.client.post(f"/.management/{call}", params=given)

    async def pid(self, identifier: str = "someone") -> int:
        answer = await self.get("/echo", identifier)
        assert answer.status_code == 200, answer.text
        pid: int = answer.json()["pid"]
        return pid


RunFront = Callable[..., AbstractAsyncContextManager[Front]]


@pytest.fixture
def run_front() -> RunFront:
    """Runs a pool with the given ``PoolOptions``; by default without ready sessions."""

    @asynccontextmanager
    async def run(**options: Any) -> AsyncIterator[Front]:
        clock = Clock()
        defaults = {"ready_sessions": 0, "kind": Kind(CONTAINER), "clock": clock}
        pool = SessionPool(PoolOptions(**{**defaults, **options}))
        listener = listen("127.0.0.1", 0)
        headers = {"authorization": f"Bearer {TOKEN}"}
        url = pool_url(listener)
        async with (
            running(pool, listener, TOKEN),
            httpx.AsyncClient(base_url=url, headers=headers, timeout=100) as client,
        ):
            yield Front(pool, client, clock)

    return run


@pytest.fixture
async def front(run_front: RunFront) -> AsyncIterator[Front]:
    async with run_front() as front:
        yield front


@pytest.fixture(params=["direct", "httpx"])
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who carries the bytes of this test, which runs with each."""
    if request.param == "httpx":
        monkeypatch.setattr(connections, "Direct", ThroughHttpx)
    return str(request.param)
