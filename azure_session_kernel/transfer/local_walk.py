"""The local files that patterns mean, found folder by folder.

Links to folders are followed where a pattern names them, not where it has a wildcard: one that
leads upwards would never end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

from ..common.errors import FileTooLarge
from .ignore import IGNORE_FILE, IgnoreRules
from .patterns import Pattern

#: Entries that one command looks at.
MAX_ENTRIES: Final = 200_000


class Abandoned(Exception):
    """Nobody waits for the files any more."""


class LocalWalk:
    """:param stop: set when nobody waits for the files any more.

    :ivar left_out: whether the rules kept it out of a folder.
    """

    def __init__(self, folder: Path, rules: IgnoreRules, stop: Event) -> None:
        self._folder, self._rules, self._stop = folder, rules, stop
        self._seen = 0
        self.left_out = False

    def files(self, pattern: Pattern) -> Iterator[str]:
        """Names of regular files, relative to the folder.

        :raises FileTooLarge: too much has been looked at. :raises Abandoned:
        """
        waiting = [(pattern.top, pattern.start)]
        while waiting:
            folder, places = waiting.pop()
            deeper = []
            for entry in self._entries(folder):
                self._refuse_if_abandoned()
                name = f"{folder}/{entry.name}" if folder else entry.name
                reached = pattern.after(places, entry.name)
                if not reached:
                    continue
                if _is_folder(entry):
                    if self._may_enter(name):
                        deeper.append((name, reached))
                elif pattern.is_end(reached) and _is_file(entry):
                    yield name
            waiting.extend(reversed(deeper))

    def _may_enter(self, name: str) -> bool:
        left_out = self._rules.leave_out_folder(name)
        self.left_out |= left_out
        return not left_out

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """In the order of names; none of a folder that can't be read."""
        found: list[os.DirEntry[str]] = []
        with suppress(OSError), os.scandir(self._folder / folder) as entries:
            for entry in entries:
                self._count()
                found.append(entry)
        return sorted(found, key=lambda entry: entry.name)

    def _refuse_if_abandoned(self) -> None:
        if self._stop.is_set():
            raise Abandoned

    def _count(self) -> None:
        self._refuse_if_abandoned()
        self._seen += 1
        if self._seen > MAX_ENTRIES:
            raise FileTooLarge(
                f"More than {MAX_ENTRIES} files and folders had to be looked at.",
                fix=f"Name the folder, or list what is not needed in {IGNORE_FILE}.",
            )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
