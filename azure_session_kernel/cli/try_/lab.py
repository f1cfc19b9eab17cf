"""JupyterLab on a copy of the notebook, with the trial's kernel as its default."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .surroundings import Surroundings

_STOP_BUDGET_S = 20.0  # JupyterLab shuts its kernels down before it ends


def lab_is_installed() -> bool:
    return importlib.util.find_spec("jupyterlab") is not None


def run_lab(notebook: Path, surroundings: Surroundings, options: Sequence[str]) -> int:
    """Open ``notebook`` and wait for JupyterLab to end; its exit code. Ctrl-C ends it: 0."""
    name = surroundings.kernel_name
    command = [sys.executable, "-m", "jupyterlab", notebook.name]
    command += [f"--MultiKernelManager.default_kernel_name={name}", *options]
    process = subprocess.Popen(command, env=surroundings.environ, cwd=notebook.resolve().parent)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, because JupyterLab answers a Ctrl-C with a question."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_BUDGET_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
