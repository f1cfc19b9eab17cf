"""The real parts of a run: a local pool that can misbehave, and kernels that use it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped,unused-ignore]
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from ..program import PROGRAM, inherited

_LIST = "/.management/listSessions?api-version=2025-02-02-preview"


class World:
    """:param root: everything is below this directory; short, for the sake of unix sockets."""

    def __init__(self, root: Path, *, ready_sessions: int = 2, max_sessions: int = 10) -> None:
        self.root = root
        self.effects = root / "effects"
        self.effects.touch()
        self.log = root / "log"
        data = root / "data"
        data.mkdir()
        (root / "faults.json").write_text('{"rules": []}')
        self.env = {
            **inherited(),
            "JUPYTER_DATA_DIR": str(data),
            "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
            "TMPDIR": str(root),
            "AZURE_SESSION_POOL_ENDPOINT": "local",
            "AZURE_SESSION_ON_DEATH": "restart",  # a cell after a loss is a kernel's to judge
        }
        self.record = data / "azure-session-kernel" / "local-pool.json"
        self.pool = self._start_pool(ready_sessions, max_sessions)
        self._http = httpx.Client(timeout=30)

    def _start_pool(self, ready_sessions: int, max_sessions: int) -> subprocess.Popen[str]:
        options = (
            "--port",
            "0",
            "--ready-sessions",
            str(ready_sessions),
            "--max-sessions",
            str(max_sessions),
            "--faults",
            str(self.root / "faults.json"),
        )
        with self.log.open("ab") as log:
            pool = subprocess.Popen(
                [*PROGRAM, "pool", *options],
                env=self.env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert pool.stdout is not None
        assert pool.stdout.readline(), self.log.read_text()
        return pool

    # -- the pool ---------------------------------------------------------------------------------

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        for _ in range(200):  # it may be refusing connections just now
            record = json.loads(self.record.read_text())
            headers = {"authorization": f"Bearer {record['token']}"}
            try:
                answer = self._http.request(
                    method, record["url"] + path, json=body, headers=headers
                )
            except httpx.HTTPError:
                time.sleep(0.02)
                continue
            if answer.status_code != 401:  # the token may have changed just now
                assert answer.status_code == 200, answer.text
                return answer.json()
        raise AssertionError("the pool is gone")

    def arm(self, plan: dict[str, Any]) -> None:
        self._call("POST", "/.faults/plan", plan)

    def hits(self) -> dict[str, int]:
        found: dict[str, int] = self._call("GET", "/.faults/report")["hits"]
        return found

    def sessions(self) -> int:
        return int(self._call("POST", _LIST)["count"])

    def leases(self) -> int:
        return len(list((self.record.parent / "leases").rglob("*.json")))

    # -- kernels ----------------------------------------------------------------------------------

    def start_kernel(self) -> tuple[KernelManager, BlockingKernelClient]:
        manager = KernelManager(kernel_name="azure-session")
        with self.log.open("ab") as log:
            manager.start_kernel(env=self.env, stdout=log, stderr=log)
        client: BlockingKernelClient = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return manager, client

    def reap(self) -> None:
        """What a person would call after a crash."""
        subprocess.run(
            [*PROGRAM, "sessions", "reap"],
            env=self.env,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    def session_processes(self) -> int:
        return sum(map(self._is_session, psutil.process_iter()))

    def _is_session(self, process: psutil.Process) -> bool:
        try:
            return str(process.environ().get("HOME")).startswith(str(self.root))
        except (psutil.Error, OSError):
            return False

    def close(self) -> int:
        """Stop the pool; how many processes of its sessions are left."""
        self._http.close()
        self.pool.terminate()
        self.pool.wait(30)
        if self.pool.stdout is not None:
            self.pool.stdout.close()
        return self.session_processes()
