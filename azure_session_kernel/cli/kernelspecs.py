"""Kernelspecs of this kernel: what is in them, and whether one is ours."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager

from ..common.our_kernelspec import DEFAULT_NAME as DEFAULT_NAME
from ..common.our_kernelspec import runs_this_kernel as runs_this_kernel
from ..session.installed import env_of, write_env
from .shipped import shipped


def write_spec(
    folder: Path,
    env: Mapping[str, str],
    display_name: str | None = None,
    argv: Sequence[str] | None = None,
) -> None:
    """Create ``folder`` with the shipped logos and a kernel.json that runs this Python.

    :param env: the variables that the kernel is started with.
    :param argv: another command of this kernel, with another Python for instance.
    """
    shutil.copytree(shipped("kernelspec"), folder)
    path = folder / "kernel.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    spec["argv"] = list(argv or [sys.executable, *spec["argv"][1:]])
    spec["env"] = dict(env)
    if display_name:
        spec["display_name"] = display_name
    path.write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
    write_env(folder, env)


def is_ours(folder: Path) -> bool:
    """Whether the kernelspec in ``folder`` is one of this kernel; not if it can't be read."""
    return _ours(folder) is not None


def kernels_found() -> dict[str, dict[str, str]]:
    """The kernels of ours that Jupyter finds, by name, each with the ``env`` of its kernelspec."""
    found = {}
    for name, folder in sorted(KernelSpecManager().find_kernel_specs().items()):
        spec = _ours(Path(folder))
        if spec is not None:
            env = env_of(Path(folder), spec)
            found[name] = {k: _substituted(v) for k, v in env.items()}
    return found


@contextlib.contextmanager
def environment_of(env: Mapping[str, str]) -> Iterator[None]:
    """Within, this process has the environment of a kernel that is started with ``env``: all that
    reads it (sign-in, proxies, Jupyter's folders) does as it does there.
    """
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _ours(folder: Path) -> dict[str, Any] | None:
    """What the kernelspec in ``folder`` holds; None if it is another kernel's, or unreadable."""
    try:
        spec: dict[str, Any] = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
        return spec if runs_this_kernel(spec["argv"]) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _substituted(value: str) -> str:
    """As jupyter_client does it before it starts a kernel."""
    return Template(value).safe_substitute(os.environ)
