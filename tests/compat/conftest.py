"""Both kernels, started once for each module: ipykernel itself, and this kernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..conftest import RunningPool
from .front import Front

#: ipykernel's, and ours.
Both = tuple[Front, Front]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-compatibility",
        action="store_true",
        help="write docs/compatibility.md instead of checking that it is what the cases say",
    )


@pytest.fixture(scope="module")
def both(local_pool: RunningPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    logs = tmp_path_factory.mktemp("both")
    with ExitStack() as stack:
        # Seeing it, ipykernel would leave out what child processes print.
        stack.enter_context(pytest.MonkeyPatch.context()).delenv("PYTEST_CURRENT_TEST")
        fronts = []
        for name in ("python3", "azure-session"):
            fronts.append(Front(local_pool.env, logs / f"{name}.log", name))
            stack.callback(fronts[-1].stop)
        local, remote = (_ready(front) for front in fronts)
        yield local, remote
        assert "Traceback" not in remote.logged()


def _ready(front: Front) -> Front:
    front.wait_until_heard().wait_until_ready()
    return front
