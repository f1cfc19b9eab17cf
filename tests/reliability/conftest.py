"""A local pool that misbehaves on demand, and kernels on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..conftest import RunningPool, _jupyter_dirs, _running_pool
from ..kernel.live_kernel import LiveKernel

StartKernel = Callable[..., LiveKernel]


@dataclass
class FaultyPool:
    """A running pool with fault injection."""

    pool: RunningPool

    @property
    def env(self) -> dict[str, str]:
        return self.pool.env

    @property
    def token(self) -> str:
        """The one that is good now."""
        return str(json.loads(self.pool.record_path.read_text())["token"])

    def arm(self, *rules: dict[str, Any]) -> None:
        """These rules from now on, and no others."""
        self._call("POST", "/.faults/plan", {"rules": list(rules)})

    def hits(self) -> dict[str, int]:
        """How often each fault has taken effect since the pool was started."""
        hits: dict[str, int] = self._call("GET", "/.faults/report")["hits"]
        return hits

    def sessions(self) -> int:
        path = "/.management/listSessions?api-version=2025-02-02-preview"
        return int(self._call("POST", path)["count"])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}"}
        with self.pool.client() as client:
            answer = client.request(method, path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyPool]:
    root = tmp_path_factory.mktemp("faulty")
    (root / "faults.json").write_text('{"rules": []}')
    options = ("--ready-sessions", "2", "--faults", str(root / "faults.json"))
    with _running_pool(options, _jupyter_dirs(root)) as pool:
        yield FaultyPool(pool)


@pytest.fixture(scope="module")
def shared_kernel(
    faulty: FaultyPool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveKernel]:
    live = LiveKernel(faulty.env, tmp_path_factory.mktemp("kernel") / "kernel.log")
    try:
        yield live.wait_until_ready()
        assert "Traceback" not in live.logged()
    finally:
        live.stop()


@pytest.fixture
def kernel(shared_kernel: LiveKernel, faulty: FaultyPool) -> Iterator[LiveKernel]:
    """The module's kernel, with variables in its session and without faults."""
    faulty.arm()
    while shared_kernel.run("alive = True").status != "ok":
        pass
    yield shared_kernel
    faulty.arm()


@pytest.fixture
def start_kernel(tmp_path: Path, faulty: FaultyPool) -> Iterator[StartKernel]:
    """Starts kernels of a test's own."""
    started: list[LiveKernel] = []

    def start(env: dict[str, str] | None = None, *, ready: bool = True) -> LiveKernel:
        log = tmp_path / f"kernel-{len(started)}.log"
        live = LiveKernel(env if env is not None else faulty.env, log)
        started.append(live)
        return live.wait_until_ready() if ready else live

    yield start
    faulty.arm()
    for live in started:
        live.stop()
