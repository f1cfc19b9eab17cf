"""A real Jupyter server for one test run, isolated from the user's own Jupyter."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nbformat
import psutil  # type: ignore[import-untyped,unused-ignore]

from ..conftest import NO_TLS

START_LIMIT_S = 100
STOP_LIMIT_S = 60
RUNTIME_DIR = "runtime"

ROOT = Path(__file__).parents[2]
JUPYTERLAB = (
    "from tests.ports import use_own_ports; use_own_ports(of_server=True)\n"
    "from jupyterlab.labapp import main; raise SystemExit(main())"
)

# Nothing may leave the machine: no news, no update check, no list of extensions.
USER_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # By default a kernel gets one second, which is less than a busy machine may need.
    "@jupyterlab/completer-extension/manager": {"providerTimeout": 60_000},
}


@dataclass(frozen=True)
class LabServer:
    """A running JupyterLab: notebooks go into `root_dir`, pages are at `page_url()`."""

    url: str
    token: str
    root_dir: Path
    jupyter_path: Path
    shared_kernels: set[str] = field(default_factory=set)

    def write_notebook(self, name: str, notebook: nbformat.NotebookNode) -> None:
        nbformat.write(notebook, self.root_dir / name)  # type: ignore[no-untyped-call]

    def page_url(self, workspace: str) -> str:
        """JupyterLab, with what was open in this workspace."""
        return f"{self.url}/lab/workspaces/{workspace}?token={self.token}"

    def connection_file(self, kernel_id: str) -> Path:
        return self.jupyter_path.with_name(RUNTIME_DIR) / f"kernel-{kernel_id}.json"

    def install_kernelspec(self, name: str, spec: Mapping[str, Any]) -> None:
        """Make a kernelspec known to this server alone."""
        directory = self.jupyter_path / "kernels" / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")

    def kernelspec(self, name: str) -> dict[str, Any]:
        """The `kernel.json` of an installed kernelspec, as the server sees it."""
        spec: dict[str, Any] = self.request("GET", f"kernelspecs/{name}").json()["spec"]
        return spec

    def start_shared_kernel(self, name: str) -> str:
        """The id of a new kernel that outlives its notebooks."""
        kernel_id = str(self.request("POST", "kernels", {"name": name}).json()["id"])
        self.shared_kernels.add(kernel_id)
        return kernel_id

    def shut_down_shared_kernels(self) -> None:
        for kernel_id in self.shared_kernels:
            self.request("DELETE", f"kernels/{kernel_id}")
        self.shared_kernels.clear()

    def shut_down_kernels(self) -> None:
        """Stop every notebook's kernel, as closing all of them in the running panel would."""
        for session in self.request("GET", "sessions").json():
            if session["kernel"]["id"] not in self.shared_kernels:
                self.request("DELETE", f"sessions/{session['id']}")

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        """Call the server's REST API; an error status raises."""
        headers = {"Authorization": f"token {self.token}"}
        with httpx.Client(verify=NO_TLS, headers=headers, timeout=100) as client:
            return client.request(method, f"{self.url}/api/{path}", json=body).raise_for_status()


@contextmanager
def running_lab(directory: Path, environment: Mapping[str, str]) -> Iterator[LabServer]:
    """Start JupyterLab with everything it writes under `directory`; leave no process behind."""
    token = secrets.token_hex(16)
    port = _free_port()
    server = LabServer(
        f"http://127.0.0.1:{port}", token, directory / "notebooks", directory / "jupyter_path"
    )
    server.root_dir.mkdir()
    log = directory / "jupyter.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(server, port),
            cwd=ROOT,
            env=_isolated(environment, directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_it_answers(server, process, log)
            yield server
            server.shut_down_kernels()
        finally:
            _stop(process)


def _command(server: LabServer, port: int) -> list[str]:
    return [
        sys.executable,
        *("-c", JUPYTERLAB, "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        f"--IdentityProvider.token={server.token}",
        f"--ServerApp.root_dir={server.root_dir}",
        "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",  # as window.jupyterapp
    ]


def _isolated(environment: Mapping[str, str], directory: Path) -> dict[str, str]:
    config = directory / "config"
    for name, settings in USER_SETTINGS.items():
        path = config / "lab" / "user-settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings), encoding="utf-8")
    return {
        **environment,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_RUNTIME_DIR": str(directory / RUNTIME_DIR),
        "JUPYTER_PATH": str(directory / "jupyter_path"),
        "IPYTHONDIR": str(directory / "ipython"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_answers(server: LabServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            server.request("GET", "status")
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    tail = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    raise RuntimeError(f"JupyterLab did not answer within {START_LIMIT_S} s:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server; whatever it started must end with it."""
    children = (
        psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    )
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, orphans = psutil.wait_procs(children, timeout=60)
    for orphan in orphans:
        orphan.kill()
    if orphans:
        raise RuntimeError(f"JupyterLab left processes behind: {orphans}")
