"""Kernels of this process where ``tests/kernel`` and ``tests/compat`` have processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ..compat.conftest import Both
from ..compat.front import Front
from ..conftest import JUPYTER_DIRS, RunningPool
from ..kernel.conftest import StartKernel
from ..kernel.live_kernel import LiveKernel
from .local_kernel import LocalKernel, Loop, running_loop


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with running_loop() as loop:
        yield loop


@pytest.fixture(scope="module")
def kernel(
    local_pool: RunningPool, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalKernel]:
    live = LocalKernel(local_pool.env, tmp_path_factory.mktemp("local") / "kernel.log", loop)
    try:
        live.wait_until_ready()
        yield live
        assert "Traceback" not in live.logged()
    finally:
        live.stop()


@pytest.fixture
def start_kernel(
    tmp_path: Path, local_pool: RunningPool, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartKernel]:
    """Of this process, but for another kernel than ours."""
    with ExitStack() as stack:

        def start(
            env: Mapping[str, str] | None = None,
            *,
            ready: bool = True,
            kernel_name: str = "",
            **options: Any,
        ) -> LiveKernel:
            env, log = local_pool.env if env is None else env, tmp_path / "kernel.log"
            for name in JUPYTER_DIRS:  # which are the process's
                monkeypatch.setenv(name, env[name])
            live = (
                LiveKernel(env, log, kernel_name, **options)
                if kernel_name
                else LocalKernel(env, log, loop, **options)
            )
            stack.callback(live.stop)
            return live.wait_until_ready() if ready else live.wait_until_heard()

        yield start


@pytest.fixture(scope="module")
def both(
    local_pool: RunningPool, loop: Loop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    """A local ipykernel, and a kernel of this process."""
    logs = tmp_path_factory.mktemp("both")
    with ExitStack() as stack:
        # Seeing it, ipykernel would leave out what child processes print.
        stack.enter_context(pytest.MonkeyPatch.context()).delenv("PYTEST_CURRENT_TEST")
        fronts = (
            Front(local_pool.env, logs / "python3.log", "python3"),
            LocalKernel(local_pool.env, logs / "local.log", loop),
        )
        for front in fronts:
            stack.callback(front.stop)
            front.wait_until_heard().wait_until_ready()
        yield fronts
        assert "Traceback" not in fronts[1].logged()
