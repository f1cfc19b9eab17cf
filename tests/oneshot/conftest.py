"""A pool that runs each cell by itself, and a kernel on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..conftest import JUPYTER_DIRS, RunningPool, _running_pool
from ..kernel.conftest import start_kernel as start_kernel
from ..kernel.live_kernel import LiveKernel

LIMITS = ("--run-limit", "2", "--output-limit", "600")


@pytest.fixture(scope="module")
def oneshot_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPool]:
    """The adapter in front of Piston, and Piston itself, in one container."""
    root = tmp_path_factory.mktemp("oneshot")
    dirs = {name: str(root / name.lower()) for name in JUPYTER_DIRS}
    for directory in dirs.values():
        Path(directory).mkdir()
    with _running_pool(("--kind", "oneshot", *LIMITS), dirs) as pool:
        yield pool


@pytest.fixture(scope="module")
def kernels(
    oneshot_pool: RunningPool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, LiveKernel]]:
    """One that found the adapter's route by itself, and one that was told Piston's."""
    folder = tmp_path_factory.mktemp("kernels")
    told = {
        "AZURE_SESSION_EXECUTOR": "oneshot",
        "AZURE_SESSION_EXECUTE_PATH": "/api/v2/execute",
    }
    with ExitStack() as stack:
        found = {}
        for name, env in {"auto": {}, "piston": told}.items():
            live = LiveKernel({**oneshot_pool.env, **env}, folder / f"{name}.log")
            stack.callback(live.stop)
            found[name] = live.wait_until_ready()
        yield found
        for live in found.values():
            assert "Traceback" not in live.logged()


@pytest.fixture
def kernel(kernels: dict[str, LiveKernel]) -> LiveKernel:
    return kernels["auto"]


@pytest.fixture
def piston(kernels: dict[str, LiveKernel]) -> LiveKernel:
    return kernels["piston"]
