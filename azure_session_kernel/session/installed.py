"""The settings that ``install`` has written beside a ``kernel.json``, where they last.

``pip install`` of this package puts its own ``kernel.json``, which has no ``env``, over that of the
same environment. What is in this file then still holds: for the kernel, and for all that reads its
kernelspec.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..common.our_kernelspec import DEFAULT_NAME
from .settings import ENDPOINT, ENDPOINT_FALLBACK

_FILE: Final = "env.json"


def write_env(folder: Path, env: Mapping[str, str]) -> None:
    """:param folder: that of the kernelspec. :raises OSError: it can't be written."""
    (folder / _FILE).write_text(json.dumps(dict(env), indent=2) + "\n", encoding="utf-8")


def env_of(folder: Path, spec: Mapping[str, object]) -> dict[str, str]:
    """What a kernel of ``folder`` is started with. :param spec: its ``kernel.json``."""
    env = spec.get("env")
    if not env:
        env = _read(folder / _FILE)
    pairs = env.items() if isinstance(env, dict) else ()
    return {str(name): value for name, value in pairs if isinstance(value, str)}


def set_what_pip_has_replaced() -> None:
    """In a kernel that knows of no pool: as its environment's kernelspec was installed."""
    if any(os.environ.get(name, "").strip() for name in (ENDPOINT, ENDPOINT_FALLBACK)):
        return
    folder = Path(sys.prefix, "share", "jupyter", "kernels", DEFAULT_NAME)
    for name, value in env_of(folder, {}).items():
        os.environ.setdefault(name, value)


def _read(path: Path) -> object:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None
