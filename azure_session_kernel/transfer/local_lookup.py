"""Whether a name means something beside the notebook that ``%upload`` takes, told at once.

A cell's error waits for it, and the session chooses the names: so it looks at a few entries of a
folder and never at all of them. What can't be told with that is answered with no.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..common.errors import FileTransferError
from .choose import choose, refuse_outside, why_left_out
from .ignore import IGNORE_FILE, IgnoreRules
from .patterns import escaped

#: Of a name that is looked at.
MAX_NAME_CHARS: Final = 255
#: Entries of a folder, and of the folders in it, that are looked at.
MAX_ENTRIES: Final = 200
#: More rules than that take too long to be read.
MAX_RULES_BYTES: Final = 8 * 1024


def pattern_of(folder: Path, name: str) -> str:
    """The pattern that uploads the file ``name``, or what is in the folder ``name``; "" if none."""
    if (path := _path(folder, name)) is None:
        return ""
    try:
        if path.is_dir():
            name = escaped(name.replace(os.sep, "/").rstrip("/"))
            return f"{name}/**" if _has_uploadable(folder, path, "") else ""
        return name if choose(folder, [name]) else ""
    except (FileTransferError, OSError, ValueError):
        return ""


def pattern_of_package(folder: Path, name: str) -> str:
    """The pattern that uploads the package ``name``; "" if there is none."""
    path = _path(folder, name)
    try:
        found = path is not None and path.is_dir() and _has_uploadable(folder, path, ".py")
    except (FileTransferError, OSError, ValueError):
        found = False
    return f"{escaped(name)}/**/*.py" if found else ""


def _path(folder: Path, name: str) -> Path | None:
    """Where it is; None unless it is there and worth a look."""
    if not 0 < len(name) <= MAX_NAME_CHARS:
        return None
    try:
        refuse_outside(folder, name)
        path = folder / name
        return path if path.exists() and _rules_are_short(folder) else None
    except (FileTransferError, OSError, ValueError):
        return None


def _rules_are_short(folder: Path) -> bool:
    rules = folder / IGNORE_FILE
    return not rules.exists() or (rules.is_file() and rules.stat().st_size <= MAX_RULES_BYTES)


def _has_uploadable(folder: Path, path: Path, suffix: str) -> bool:
    """As ``choose`` would find it with ``**``, but for folders behind links."""
    rules = IgnoreRules.of_folder(folder)
    for file in _few_files(path):
        name = file.relative_to(folder).as_posix()
        if name.endswith(suffix) and not why_left_out(folder, file, name, rules):
            return True
    return False


def _few_files(path: Path) -> Iterator[Path]:
    """Files below ``path``, those that lie highest first, among the first ``MAX_ENTRIES``."""
    left, folders = MAX_ENTRIES, deque([path])
    while folders:
        with os.scandir(folders.popleft()) as entries:
            for entry in entries:
                if left == 0:
                    return
                left -= 1
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file():
                    yield Path(entry.path)
