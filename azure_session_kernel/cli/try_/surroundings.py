"""A local pool that lives as long as a trial does, and the environment that leads to it.

Everything a trial keeps is in one temporary folder which takes the place of the user's Jupyter
data directory, so that a pool, a secret or a lease of the user's own is never touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from ...common.errors import LocalPoolNotRunning
from ...common.our_kernelspec import DEFAULT_NAME
from ...session import settings
from ..kernelspecs import runs_this_kernel, write_spec

_MAIN = "from azure_session_kernel.cli.main import main; raise SystemExit(main())"
_OPTIONS = ("--port", "0", "--ready-sessions", "1", "--exit-with-parent")
_POOL = [sys.executable, "-c", _MAIN, "pool", *_OPTIONS]
_URL = re.compile(r"http://127\.0\.0\.1:\d+")
_START_BUDGET_S = 60.0
_STOP_BUDGET_S = 8.0  # the pool itself needs up to 5 s to end its sessions


@dataclass(frozen=True)
class Surroundings:
    """What a kernel needs in order to run in the trial's pool.

    :ivar environ: for the kernel, or for the Jupyter server that starts it.
    :ivar kernels: the folder that holds the kernelspec.
    """

    environ: dict[str, str]
    kernels: Path
    kernel_name: str


class KernelUnusable(ValueError):
    """The kernel that was asked for does not exist or would run cells outside a pool."""


@contextlib.contextmanager
def trial_surroundings(kernel_name: str = DEFAULT_NAME) -> Iterator[Surroundings]:
    """Start a local pool with a kernelspec that leads to it; stop it and clean up at the end.

    :raises KernelUnusable: before anything is started.
    :raises LocalPoolNotRunning: the pool did not start.
    """
    argv = _foreign_argv(kernel_name)
    with tempfile.TemporaryDirectory(prefix="azure-session-try-", ignore_cleanup_errors=True) as t:
        folder = Path(t)
        environ = trial_environ(folder, os.environ)
        kernels = folder / "kernels"
        kernels.mkdir()
        pool = {settings.ENDPOINT: settings.LOCAL}
        write_spec(kernels / kernel_name.lower(), pool, argv=argv)
        with _running_pool(environ, folder / "pool.log"):
            yield Surroundings(environ, kernels, kernel_name.lower())


def trial_environ(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without anything that could lead a kernel to another pool or session."""
    mine = {k: v for k, v in environ.items() if not k.startswith(("AZURE_SESSION_", "JPY_"))}
    mine.pop(settings.ENDPOINT_FALLBACK, None)
    # First in JUPYTER_PATH, the trial's kernelspec wins over any installed one of that name.
    path = os.pathsep.join([str(folder), *filter(None, [environ.get("JUPYTER_PATH")])])
    return mine | {
        settings.ENDPOINT: settings.LOCAL,
        "JUPYTER_DATA_DIR": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PATH": path,
    }


def _foreign_argv(kernel_name: str) -> list[str] | None:
    """The command of an installed kernelspec; None for the one that comes with the package."""
    if kernel_name.lower() == DEFAULT_NAME:
        return None
    try:
        argv = list(KernelSpecManager().get_kernel_spec(kernel_name).argv)
    except NoSuchKernel:
        raise KernelUnusable(f"There is no kernel named {kernel_name!r}.") from None
    if not runs_this_kernel(argv):
        raise KernelUnusable(
            f"The kernel {kernel_name!r} doesn't run its cells in a session pool; try only takes "
            f"kernels that do, such as {DEFAULT_NAME}."
        )
    return argv


@contextlib.contextmanager
def _running_pool(environ: Mapping[str, str], log: Path) -> Iterator[str]:
    """Its URL. A session (setsid) of its own keeps a Ctrl-C away from it: it is stopped last."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            _POOL,
            env=dict(environ),
            # Held open until the end: should this process be killed, the pool ends, too.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _wait_for_url(process, log)
    finally:
        _stop(process)


def _wait_for_url(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_BUDGET_S
    while process.poll() is None and time.monotonic() < deadline:
        if match := _URL.search(log.read_text(errors="replace")):
            return match.group()
        time.sleep(0.02)
    said = " ".join(log.read_text(errors="replace").split())[-1000:]
    ended = process.poll()
    raise LocalPoolNotRunning(
        "The local pool did not start."
        if ended is None
        else f"The local pool ended at once (exit code {ended}).",
        cause=said,
        fix="Run `azure-session-kernel pool` to see the whole message.",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_STOP_BUDGET_S)
    except BaseException:  # a second Ctrl-C included: nothing may be left running
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
