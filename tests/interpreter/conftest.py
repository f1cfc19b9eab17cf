"""A local pool of the built-in kind, and one session on it that the tests of a module share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ..conftest import PoolOfKind, RunningPool
from .live_session import LiveSession, live_session, new_identifier


@pytest.fixture(scope="session")
def pool(pool_of_kind: PoolOfKind) -> RunningPool:
    return pool_of_kind("interpreter")


@pytest.fixture(scope="module")
def shared_identifier() -> str:
    return new_identifier()


@pytest.fixture
async def session(pool: RunningPool, shared_identifier: str) -> AsyncIterator[LiveSession]:
    """The module's session, claimed by an executor of the test's own."""
    async with live_session(pool, shared_identifier, env={"COURSE": "CS101"}) as live:
        yield live
        assert not live.failures
