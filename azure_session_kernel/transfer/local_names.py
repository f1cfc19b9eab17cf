"""Names from a session become local paths here, and nowhere else (docs/design.md rule 10).

A session is untrusted: a name that is not plainly that of a file below the chosen folder, on every
operating system, is refused, not repaired. What this machine has under that very name it can have.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..common.errors import FileRefused
from .real_path import is_hidden, real_name

MAX_PART_BYTES: Final = 255
MAX_DEPTH: Final = 32
_RESERVED: Final = re.compile(
    # Windows looks at what is before the first dot, without the spaces at its end.
    r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$) *(\..*)?",
    re.IGNORECASE,
)
_FORBIDDEN: Final = frozenset('<>:"|?*\\')


def checked(name: str) -> str:
    """``name``, if it is a relative path of ordinary names.

    :raises FileRefused: with the reason.
    """
    for part in _parts(name):
        _refuse_for(name, _objection(part))
    return name


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    _refuse_for(name, "it has too many folders" if len(parts) > MAX_DEPTH else "")
    return parts


def _refuse_for(name: str, reason: str) -> None:
    if reason:
        raise FileRefused(
            f"The session's file {_shown(name)} can't be written on this machine: {reason}.",
            fix="Give it another name in the session (`import os; os.rename(OLD, NEW)`).",
        )


def _objection(part: str, *, is_here: bool = False) -> str:
    """What is wrong with one component; "" for nothing."""
    if part in ("", ".", ".."):
        return "its path leads elsewhere"
    if is_hidden(part):
        return "hidden files configure programs on this machine"
    if is_here:
        return ""
    if not part.isprintable():
        return "its name has characters that can't be seen"
    if found := sorted(_FORBIDDEN & set(part)):
        return f"its name has {found[0]}"
    if part[-1] in ". " or part[0] == " ":
        return "a name begins or ends with a space or a dot"
    if _RESERVED.fullmatch(part):
        return "its name is reserved on Windows"
    if len(part.encode("utf-8", "surrogatepass")) > MAX_PART_BYTES:
        return "its name is too long"
    return ""


def refuse_clashes(names: Iterable[str]) -> None:
    """:raises FileRefused: two names that some file systems take for one."""
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            other = seen.setdefault(_folded(path), path)
            if other != path:
                raise FileRefused(
                    f"{_shown(other)} and {_shown(path)} would be one file on some computers.",
                    cause="They differ only in upper and lower case, or in how accents are coded.",
                    fix="Download them one at a time with different --to folders.",
                )


class Places:
    """Where files of (untrusted) names go below ``folder``. Each folder on the way is read once."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self._there: dict[Path, dict[str, list[str]]] = {}

    def of(self, name: str) -> Path:
        """One file's.

        :raises FileRefused: anywhere else, by a symbolic link for instance, or hidden, or a name
            that exists with other upper and lower case.
        """
        path = self._root
        for part in _parts(name):
            there = self._names_in(path).get(_folded(part), ())
            _refuse_for(name, _objection(part, is_here=part in there))
            for existing in there:
                refuse_clashes([existing, part])
            path = path / part
        # The last component is replaced, not followed.
        real = real_name(self._root, path.parent)
        if real is None or is_hidden(real):
            where = "outside the chosen folder" if real is None else "into a hidden folder"
            raise FileRefused(
                f"{_shown(name)} would be written {where}, through a link.",
                fix="Choose a folder without links with --to FOLDER.",
            )
        return path

    def _names_in(self, folder: Path) -> dict[str, list[str]]:
        """By what some file systems take them for."""
        if folder not in self._there:
            names: dict[str, list[str]] = {}
            for entry in folder.iterdir() if folder.is_dir() else ():
                names.setdefault(_folded(entry.name), []).append(entry.name)
            self._there[folder] = names
        return self._there[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _shown(name: str) -> str:
    return ascii(name[:100]) if not name.isprintable() else repr(name[:100])
