"""Real kernels on real local pools."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.pool.local_record import LocalPool, write_record

from ..conftest import RunningPool
from .live_kernel import LiveKernel
from .tcp_proxy import TcpProxy

StartKernel = Callable[..., LiveKernel]
#: A forwarder in front of a pool, and the environment of kernels that go through it.
ProxiedPool = tuple[TcpProxy, dict[str, str]]


@pytest.fixture(scope="module")
def kernel(
    local_pool: RunningPool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveKernel]:
    """One kernel for all tests of a module that don't mind what the others ran."""
    log = tmp_path_factory.mktemp("kernel") / "kernel.log"
    live = LiveKernel(local_pool.env, log)
    try:
        yield live.wait_until_ready()
        assert "Traceback" not in live.logged()
    finally:
        live.stop()


@pytest.fixture
def start_kernel(tmp_path: Path, local_pool: RunningPool) -> Iterator[StartKernel]:
    """Starts kernels of a test's own, on the shared pool unless another ``env`` is given."""
    started: list[LiveKernel] = []

    def start(
        env: Mapping[str, str] | None = None, *, ready: bool = True, **options: Any
    ) -> LiveKernel:
        log = tmp_path / f"kernel-{len(started)}.log"
        live = LiveKernel(env if env is not None else local_pool.env, log, **options)
        started.append(live)
        return live.wait_until_ready() if ready else live.wait_until_heard()

    yield start
    for live in started:
        live.stop()


@pytest.fixture
def proxied(
    tmp_path: Path, local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[RunningPool], ProxiedPool]]:
    """Puts a forwarder that can fail between kernels and a pool."""
    with ExitStack() as stack:

        def proxy(pool: RunningPool = local_pool) -> ProxiedPool:
            forwarder = stack.enter_context(TcpProxy(int(pool.url.rpartition(":")[2])))
            data_dir = tmp_path / "behind-proxy"
            with monkeypatch.context() as patch:
                patch.setenv("JUPYTER_DATA_DIR", str(data_dir))
                write_record(LocalPool(forwarder.url, pool.token, os.getpid()))
            return forwarder, {**pool.env, "JUPYTER_DATA_DIR": str(data_dir)}

        yield proxy
