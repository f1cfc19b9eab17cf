"""A Python environment of a session's own, into which its `!pip install` and `%pip install` go.

It sees all that this program's environment has, so nothing is installed or copied for it. pip takes
nothing away outside the environment that it runs in, and what is newer there comes first.
"""

from __future__ import annotations

import logging
import os
import platform
import site
import sys
import sysconfig
from pathlib import Path

log = logging.getLogger(__name__)


def make(directory: Path) -> Path | None:
    """Its Python; None where there can't be such an environment, as on Windows.

    As PEP 405 describes it. The module ``venv`` makes the same with scripts for each shell, and
    takes ten times as long, which every start of a session would.
    """
    if os.name != "posix":
        return None
    original = Path(getattr(sys, "_base_executable", sys.executable))
    python = directory / "bin" / "python"
    try:
        python.parent.mkdir(parents=True)
        python.symlink_to(original)
        sees_system = str(_sees_system()).lower()
        (directory / "pyvenv.cfg").write_text(
            f"home = {original.parent}\ninclude-system-site-packages = {sees_system}\n"
            f"version = {platform.python_version()}\n"
        )
        pth = "".join(map(_added, site.getsitepackages()))
        (_site_packages(directory) / "of_the_pool.pth").write_text(pth)
        for name in ("pip", "pip3"):
            script = python.with_name(name)
            script.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
            script.chmod(0o700)
    except OSError as error:
        log.warning("sessions have no environment of their own to install into: %s", error)
        return None
    return python


def _site_packages(directory: Path) -> Path:
    """Made here, with the one for compiled packages, which is another on some systems."""
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    base = {"base": str(directory), "platbase": str(directory)}
    pure, compiled = (Path(sysconfig.get_path(n, scheme, base)) for n in ("purelib", "platlib"))
    for made in (pure, compiled):
        made.mkdir(parents=True, exist_ok=True)
    return pure


def _sees_system() -> bool:
    """Whether this program does. A virtual environment says so in a file."""
    if sys.prefix == sys.base_prefix:
        return True
    said = (Path(sys.prefix) / "pyvenv.cfg").read_text().lower().replace(" ", "")
    return "include-system-site-packages=true" in said


def _added(packages: str) -> str:
    """A line of a ``.pth`` file. Such files in ``packages`` count too: editable installs."""
    return f"import site; site.addsitedir({packages!r})\n"
