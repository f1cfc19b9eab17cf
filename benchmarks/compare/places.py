"""What columns run on: a local pool, servers of others, lines to them. Started once."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..far_pool import far
from ..program import PROGRAM, inherited, until
from .bare import Bare
from .cells import run
from .column import LOCAL, Column
from .kernels import TOKEN, Kernel, WebSocketKernel, ZmqKernel
from .processes import settle

_RECORD = "azure-session-kernel/local-pool.json"
_WHERE = "import os; print(os.getpid(), os.getppid())"
#: Without pings: a client that waits for its turn answers none, and is thought gone after 90 s.
_SERVERS = {
    "server": (
        *("jupyter_server", "--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}"),
        *("--no-browser", "--allow-root", "--ServerApp.root_dir={root}"),
        "--ServerApp.tornado_settings={{'ws_ping_interval': 0}}",
        f"--IdentityProvider.token={TOKEN}",
    ),
    "gateway": (
        *("kernel_gateway", "--KernelGatewayApp.ip=127.0.0.1", "--KernelGatewayApp.port={port}"),
        *(f"--KernelGatewayApp.auth_token={TOKEN}", "--KernelGatewayApp.ws_ping_interval=0"),
    ),
}


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[str]


class Places:
    """:param root: everything is below it; short, for the sake of unix sockets."""

    def __init__(self, stack: ExitStack, root: Path, columns: Sequence[Column]) -> None:
        self._stack, self._root = stack, root
        self._env = {
            **inherited(),
            "AZURE_SESSION_POOL_ENDPOINT": "local",
            "JUPYTER_CONFIG_DIR": str(root / "config"),
            "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
            "IPYTHONDIR": str(root / "ipython"),
            "XDG_CACHE_HOME": str(root / "cache"),
            "TMPDIR": str(root),
        }
        families = {column.family for column in columns}
        self._servers = {one: self._serve(one) for one in _SERVERS if one in families}
        #: Its record and its data directory, by family.
        self._pools = {}
        if "ours" in families:
            self._pools["ours"] = self._pool(
                "ours", *PROGRAM, "pool", "--port", "0", "--max-sessions", "100"
            )
        if "limit" in families:
            self._pools["limit"] = self._pool("limit", sys.executable, "-m", __package__ + ".bare")
        self._handed_out = "ours" in families
        self._lines = {column: self._line(column) for column in columns}

    def start(self, column: Column) -> Kernel:
        """Returns when the kernel is ready."""
        kernel: Kernel
        if column.family == "ours":
            kernel = ZmqKernel(
                "azure-session", {**self._env, "JUPYTER_DATA_DIR": self._data(column)}
            )
        elif column == LOCAL:
            kernel = ZmqKernel("python3", {**self._env, "JUPYTER_DATA_DIR": self._data(column)})
        else:
            server = self._servers[column.family].process
            kernel = WebSocketKernel(self._lines[column], server.pid)
        kernel.wait_until_ready()
        self._handed_out |= column.family == "ours"
        return kernel

    def bare(self, column: Column) -> Bare:
        return Bare(self._lines[column], self._pools["limit"]["token"])

    def find_processes(self, kernel: Kernel, column: Column) -> None:
        """Fills in ``kernel.processes``; runs a cell, which tells them."""
        pid, parent = map(int, run(kernel, _WHERE).text.split())
        if column.family == "ours":
            kernel.processes |= {"pool's front": int(self._pools["ours"]["pid"])}
            kernel.processes |= {"adapter": parent, "interpreter": pid}
        elif column == LOCAL:
            kernel.processes = {"ipykernel": pid}
        else:
            kernel.processes |= {"ipykernel": pid}

    def settle(self) -> None:
        """Until the pool has replaced the session that it has handed out, if it has."""
        if self._handed_out:
            settle(int(self._pools["ours"]["pid"]))
            self._handed_out = False

    def _line(self, column: Column) -> str:
        """Where its server is to be had at its distance."""
        if column == LOCAL:
            return ""
        record = self._pools.get(column.family)
        url = record["url"] if record is not None else self._servers[column.family].url
        there = far(url, column.round_trip_ms / 1e3, column.bytes_per_s)
        line = self._stack.enter_context(there)
        if column.family == "ours" and record is not None:
            own = Path(self._data(column)) / _RECORD
            own.parent.mkdir(parents=True, mode=0o700)
            own.write_text(
                json.dumps({"url": line, "token": record["token"], "pid": record["pid"]})
            )
            own.chmod(0o600)
        return line

    def _data(self, column: Column) -> str:
        return str(self._root / str(column).replace(":", "-"))

    def _pool(self, name: str, *command: str) -> dict[str, str]:
        data = self._root / name
        env = {**self._env, "JUPYTER_DATA_DIR": str(data)}
        pool = self._started(command, env, stdout=subprocess.PIPE)
        until(pool, re.compile("listening"))
        record: dict[str, str] = json.loads((data / _RECORD).read_text())
        return record

    def _serve(self, family: str) -> Server:
        with socket.socket() as any_free:
            any_free.bind(("127.0.0.1", 0))
            port = any_free.getsockname()[1]
        arguments = [one.format(port=port, root=self._root) for one in _SERVERS[family]]
        arguments += ["--ZMQChannelsWebsocketConnection.limit_rate=False"]
        process = self._started((sys.executable, "-m", *arguments), self._env)
        url = f"http://127.0.0.1:{port}"
        while process.poll() is None:
            try:
                with urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=10):
                    return Server(url, process)
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise SystemExit(f"{' '.join(arguments)} did not start")

    def _started(
        self, command: Sequence[str], env: dict[str, str], stdout: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command, env=env, stdout=stdout, stderr=subprocess.DEVNULL, text=True
        )
        self._stack.callback(_stop, process)
        return process


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(30)
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def places(root: Path, columns: Sequence[Column]) -> Iterator[Places]:
    with ExitStack() as stack:
        yield Places(stack, root, columns)


def compile_modules_once() -> None:
    """Else each process that is started compiles what it imports, and starts tell nothing."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
