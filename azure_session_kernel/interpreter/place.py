"""Names: of our executions, and of the files through which the two ends talk."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SAYS = "azure-session-kernel: "
#: In an interpreter without these modules, such an execution prints one line and does nothing.
MARK = f'print("{SAYS}not installed")  # '

#: How long a file that has been read stays.
STAYS_S = 5.0
#: So many names are known, lest an upload that was sent again is taken again.
REMEMBERED = 10_000
#: Names in the data folder that are ours.
OURS = r"\.ask$|ask-b-[0-9a-f]{16}-"


class Place:
    """Where the files are: ``.ask/BOOT/name`` or, for APIs without folders, ``ask-BOOT-name``."""

    def __init__(self, base: Path, layout: str, boot: str) -> None:
        self.base = base
        self.folder = base / ".ask" / boot if layout == "folder" else base
        self.prefix = "" if layout == "folder" else f"ask-{boot}-"
        self._taken: OrderedDict[str, None] = OrderedDict()
        self._leaving: deque[tuple[float, str]] = deque()

    def path(self, name: str) -> Path:
        return self.folder / (self.prefix + name)

    def write(self, name: str, data: bytes) -> None:
        self.write_all({name: data})

    def write_all(self, files: Mapping[str, bytes | memoryview]) -> None:
        """All or none of them; whoever sees the first finds the others."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, data in files.items():
                self.path("tmp-" + name).write_bytes(data)
        except OSError:
            for name in files:
                self.remove("tmp-" + name)  # else it would fill the disk that is full
            raise
        for name in reversed(list(files)):
            self.path("tmp-" + name).replace(self.path(name))

    def names(self, *kinds: str) -> list[str]:
        """Uploaded files that have not been taken. Called often: only what is there costs time."""
        self._remove_taken()
        try:
            found = os.listdir(self.folder)  # noqa: PTH208
        except OSError:
            return []
        wanted, length = tuple(self.prefix + kind for kind in kinds), len(self.prefix)
        names = [name[length:] for name in found if name.startswith(wanted)]
        return sorted(name for name in names if name not in self._taken)

    def take(self, name: str) -> Any:
        """The JSON of an uploaded file, once; None while it is incomplete.

        It is removed a little later: a pool may look at a file that it has just stored, and say
        that there is none. The same name again is a repeat.
        """
        try:
            value = json.loads(self.path(name).read_bytes())
        except (OSError, ValueError):
            return None
        self._taken[name] = None
        if len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        self._leaving.append((time.monotonic() + STAYS_S, name))
        return value

    def _remove_taken(self) -> None:
        with contextlib.suppress(IndexError):  # no more, or another thread was quicker
            while self._leaving[0][0] < time.monotonic():
                self.remove(self._leaving.popleft()[1])

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self.path(name).unlink()


def work_in(shell: Any, folder: Path | str) -> None:
    """As if the interpreter had been started there. :raises OSError:"""
    os.chdir(folder)
    shell.starting_dir = os.getcwd()  # noqa: PTH109 - as IPython has it
    shell.user_ns["_dh"] = [Path.cwd()]


def bases() -> list[Path]:
    """Where the pool's file API may look: each once, in this order, also one with two names."""
    bases = [Path("/mnt/data"), Path.cwd(), Path.home() / "mnt" / "data", Path.home()]
    found: dict[tuple[int, int], Path] = {}
    for base in bases:
        if base.is_dir():
            there = base.stat()
            found.setdefault((there.st_dev, there.st_ino), base.resolve())
    return list(found.values())


def payload_of(parent: Any) -> dict[str, Any] | None:
    """What an execution carries; None for an ordinary cell, whoever sent it."""
    code = (parent.get("content") or {}).get("code") if isinstance(parent, dict) else None
    if not isinstance(code, str) or not is_ours(code):
        return None
    with contextlib.suppress(ValueError):
        value = json.loads(base64.b64decode(code.partition(MARK)[2].partition("\n")[0]))
        return value if isinstance(value, dict) else None
    return None


def is_ours(code: str) -> bool:
    """Azure's image can put lines of its owner's before all code (``preCodeInjectionSnippet``)."""
    return code.startswith(MARK) or "\n" + MARK in code
