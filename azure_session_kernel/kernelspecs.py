"""Kernelspecs of this kernel: what is in them, and whether one is ours."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .shipped import shipped

#: The name under which ``pip install`` registers the kernel.
DEFAULT_NAME = "azure-session"
_MODULE = "azure_session_kernel"


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


def runs_this_kernel(argv: Sequence[str]) -> bool:
    """Whether a kernelspec's command starts this kernel, with whatever Python."""
    return list(argv[1:3]) == ["-m", _MODULE]


def is_ours(folder: Path) -> bool:
    """Whether the kernelspec in ``folder`` is one of this kernel; not if it can't be read."""
    try:
        spec = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
        return runs_this_kernel(spec["argv"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
