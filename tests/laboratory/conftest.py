"""Scenarios of the laboratory, opened within the test's own event loop."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from azure_session_kernel.emulator.front.front_token import FrontToken
from azure_session_kernel.emulator.front.server import listen, pool_url, running
from azure_session_kernel.emulator.sessions.sessions import SessionPool
from azure_session_kernel.pool.local_record import LocalPool, write_record
from azure_session_laboratory.scenario import Scenario
from azure_session_laboratory.scenarios import SCENARIOS

IDENTIFIER = "somebody-new"


@dataclass
class Opened:
    """A broken pool that runs, and its record, which ``endpoint=local`` finds."""

    scenario: Scenario
    pool: SessionPool
    record: LocalPool

    async def ask(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        """As a client would: with the token and an identifier."""
        async with httpx.AsyncClient(verify=False, timeout=100, trust_env=False) as client:
            return await client.request(
                method,
                self.record.url + path,
                params={"identifier": IDENTIFIER, "api-version": "2025-02-02-preview"},
                headers={"authorization": f"Bearer {self.record.token}"},
                content=body,
            )

    def sessions(self) -> list[str]:
        """The identifiers that have a session, but for those that were there before."""
        found = [session.identifier for session in self.pool.all()]
        return [name for name in found if name not in self.scenario.occupied_by]


OpenScenario = Callable[..., AbstractAsyncContextManager[Opened]]


@pytest.fixture
def open_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenScenario]:
    """Opens scenarios by name; at the end, checks that no process of theirs is left.

    ``ready=True``: the first session is there already.
    """

    @asynccontextmanager
    async def opening(name: str, *, ready: bool = False) -> AsyncIterator[Opened]:
        scenario = SCENARIOS[name]
        options = replace(scenario.options(), ready_sessions=int(ready))
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
        pool, token, surface = SessionPool(options), FrontToken(), scenario.surface()
        listener = listen("127.0.0.1", 0)
        async with running(pool, listener, token, surface):
            url = pool_url(listener) + options.path
            record = surface.recorded(LocalPool(url, token.value, os.getpid()))
            write_record(record)
            for variable, value in scenario.environment(record.url).items():
                monkeypatch.setenv(variable, value)
            if ready:
                await pool.next_ready()
            yield Opened(scenario, pool, record)

    before = set(psutil.Process().children(recursive=True))
    yield opening
    assert not set(psutil.Process().children(recursive=True)) - before
