"""``AZURE_SESSION_DOWNLOAD``: what cells have written, in a folder of its own beside the notebook.

A kernel makes that folder when it has a first file for it, and takes none that is there: so nothing
that is an input, or the result of an earlier kernel, is ever replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..common.errors import (
    FileMissing,
    FileRefused,
    FileTooLarge,
    FileTransferError,
)
from ..executors.session_files import Fingerprint, Found, SessionFiles, Unfit
from .download import fetch
from .ignore import BROUGHT_BACK
from .limits import Limits
from .local_file import fingerprint_of
from .local_names import Places, refuse_clashes
from .patterns import is_wild
from .tally import Tally
from .wanted import named_by

log = logging.getLogger(__name__)

_MOST_FOLDERS: Final = 10_000

#: Size and time of a file as a listing tells them: enough to see that it has changed.
Version = tuple[int, str]


class BringBack:
    """One kernel's. :param folder: the notebook's.

    :ivar name: of the folder beside it into which the files go; "" before the first.
    :ivar here: names of those that have come. :ivar left: of others, with the reason.
    """

    def __init__(self, folder: Path, patterns: Sequence[str]) -> None:
        self._folder, self._patterns = folder, patterns
        self._seen: dict[str, Version] = {}
        self._came: dict[str, Fingerprint] = {}
        self._sizes: dict[str, int] = {}
        self.name = ""
        self.here: set[str] = set()
        self.left: dict[str, str] = {}

    async def look(self, files: SessionFiles) -> None:
        """Bring what has been written since the last look. What can't come is left, and logged.

        :raises FileTransferError: nothing can come now. :raises SessionLost: :raises PoolError:
        """
        found = await self._meant(files)
        new = [n for n, version in found.items() if version is None or self._seen.get(n) != version]
        there = await self._written(await files.fingerprints(new))
        if there:
            await self._bring(files, there)
        for name in new:  # what was being changed is looked at again
            if (version := found[name]) is not None and name not in self._changing:
                self._seen[name] = version

    async def _meant(self, files: SessionFiles) -> dict[str, Version | None]:
        """Untrusted names; None: of no known version."""
        found: dict[str, Version | None] = {}
        self._changing: set[str] = set()
        for pattern in self._patterns:
            if not is_wild(pattern):
                found.setdefault(pattern.removeprefix("./"), None)
                continue
            try:
                for entry in await named_by(files, pattern):
                    found[entry.name] = (entry.size_bytes, entry.modified)
            except FileMissing:  # no such folder yet
                continue
            except (FileTooLarge, FileRefused) as error:
                self._leave(pattern, error.what)
        return found

    async def _written(self, found: Found) -> dict[str, Fingerprint]:
        """Without what is an input: beside the notebook there is the same."""
        there: dict[str, Fingerprint] = {}
        places = await asyncio.to_thread(Places, self._folder)
        for name, what in found.items():
            if isinstance(what, Unfit):
                if not what.is_folder:
                    self._leave(name, what.why)
                continue
            if self._came.get(name) == what:
                continue
            try:
                Limits().check(name, what.size_bytes)
                others = sum(size for other, size in self._sizes.items() if other != name)
                Limits().check_all(others + what.size_bytes)
                path = await asyncio.to_thread(places.of, name)
                is_input = path.is_file() and path.stat().st_size == what.size_bytes
                if not is_input or await fingerprint_of(path, name) != what:
                    there[name] = what
                    self._sizes[name] = what.size_bytes
            except FileTransferError as error:
                self._leave(name, error.what)
        return there

    async def _bring(self, files: SessionFiles, there: dict[str, Fingerprint]) -> None:
        folder = await asyncio.to_thread(self._own_folder)
        paths = await asyncio.to_thread(self._paths, folder, list(there))
        tally = Tally()
        wanted = {name: there[name] for name in paths}
        failed = await fetch(files, wanted, paths, tally, Limits(), force=True, all_of_them=True)
        for name, error in failed.items():
            self._changing.add(name)
            self._leave(name, error.what)
        for name in tally.transferred:
            self.left.pop(name, None)
            self.here.add(name)
            self._came[name] = there[name]

    def _paths(self, folder: Path, names: list[str]) -> dict[str, Path]:
        """Of two names that some file systems take for one, the first."""
        places = Places(folder)
        paths: dict[str, Path] = {}
        try:
            refuse_clashes(names)
            clash = False
        except FileRefused:
            clash = True
        for name in names:
            try:
                if clash:
                    refuse_clashes([*paths, name])
                paths[name] = places.of(name)
            except FileTransferError as error:
                self._leave(name, error.what)
        return paths

    def _own_folder(self) -> Path:
        """:raises FileTransferError: none can be made."""
        for number in range(1, _MOST_FOLDERS):
            name = self.name or (BROUGHT_BACK if number == 1 else f"{BROUGHT_BACK}-{number}")
            try:
                (self._folder / name).mkdir(exist_ok=bool(self.name))
            except FileExistsError:
                continue
            except OSError as error:
                raise FileTransferError(
                    f"The files of AZURE_SESSION_DOWNLOAD can't be written: {name!r} can't be made "
                    f"beside the notebook ({error.strerror}).",
                    fix="Let the notebook's folder be writable, or remove the setting.",
                ) from error
            self.name = name
            return self._folder / name
        raise FileTransferError(f"There are too many folders {BROUGHT_BACK}-… beside the notebook.")

    def _leave(self, name: str, why: str) -> None:
        if self.left.get(name) != why:
            self.left[name] = why
            shown = ascii(name[:200])
            log.warning("AZURE_SESSION_DOWNLOAD: %s was not brought back: %s", shown, why)

    def __str__(self) -> str:
        """For people."""
        told = f"{len(self.here)} files in {self.name}" if self.here else "nothing written yet"
        left = [f"{name[:100]!a} ({why})" for name, why in list(self.left.items())[:3]]
        return told + (f"; not brought back: {', '.join(left)}" if left else "")
