"""A local ipykernel, and this kernel on the module's kind of pool, started once for a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ..compat.front import Front
from ..conftest import PoolOfKind, RunningPool

Both = tuple[Front, Front]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-pools",
        action="store_true",
        help="write the table of docs/pools.md instead of checking that it is what the cases say",
    )


@pytest.fixture(scope="module")
def both(
    request: pytest.FixtureRequest,
    pool_of_kind: PoolOfKind,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Both]:
    pool = pool_of_kind(request.module.KIND)
    with both_on(pool, tmp_path_factory.mktemp("both")) as fronts:
        yield fronts


@contextmanager
def both_on(pool: RunningPool, logs: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        # Seeing it, ipykernel would leave out what child processes print.
        stack.enter_context(pytest.MonkeyPatch.context()).delenv("PYTEST_CURRENT_TEST")
        fronts = []
        for name in ("python3", "azure-session"):
            fronts.append(Front(pool.env, logs / f"{name}.log", name))
            stack.callback(fronts[-1].stop)
        for front in fronts:
            front.wait_until_heard().wait_until_ready()
        yield fronts[0], fronts[1]
        assert "Traceback" not in fronts[1].logged()
