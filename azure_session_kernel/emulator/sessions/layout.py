"""What a session gets of this machine: directories of its own and a scrubbed environment."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

#: sun_path holds 104 bytes on macOS and 108 on Linux.
MAX_UDS_LENGTH = 100
#: All that a session sees of the pool's environment: no token and no setting of another program.
PASSED_ON = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV"}
    | {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS"}
)


@dataclass(frozen=True)
class Layout:
    """The directories of one session."""

    root: Path

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def environment(self) -> Path:
        """What its user installs."""
        return self.root / "env"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def uds(self) -> str | None:
        path = str(self.root / "s")
        usable = hasattr(socket, "AF_UNIX") and os.name != "nt" and len(path) < MAX_UDS_LENGTH
        return path if usable else None

    @property
    def port_file(self) -> Path:
        return self.root / "port"

    def create(self) -> None:
        for directory in (self.root, self.work, self.temporary):
            directory.mkdir(mode=0o700)


def session_environment(layout: Layout, python: Path | None = None) -> dict[str, str]:
    """What a session sees: an allow-list, and a home of its own.

    :param python: of its own environment, if it has one.
    """
    passed = {k: v for k, v in os.environ.items() if k.upper() in PASSED_ON or k.startswith("LC_")}
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(layout.temporary))
    home = dict.fromkeys(("HOME", "USERPROFILE"), str(layout.work))
    environment = {}
    if python is not None:
        found_first = f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        environment = {"VIRTUAL_ENV": str(layout.environment), "PATH": found_first}
    caches = {"XDG_CACHE_HOME": str(shared_caches())}
    return passed | temporary | home | environment | caches


def shared_caches() -> Path:
    """Where all sessions of this user keep what tools compute once, as an image would hold it.

    Without it the first Tab of each session takes seconds (jedi reads the standard library) and
    the first plot prints that matplotlib builds its font cache.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = caches / "azure-session-kernel"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
