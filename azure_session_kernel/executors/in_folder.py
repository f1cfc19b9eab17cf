"""A session's files as seen from a folder in which its interpreter works.

Pools and adapters name files below the data folder; whoever uses ``SessionFiles`` names them below
the interpreter's working directory. Here one becomes the other, in errors too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace

from ..common.errors import FileTransferError
from .session_files import Found, Listing, Progress, SessionFile, SessionFiles, SmallFile, Source


class FilesInFolder:
    """``SessionFiles`` of the folder of this name."""

    def __init__(self, files: SessionFiles, folder: str) -> None:
        self._files, self._top = files, f"{folder}/"

    @property
    def largest_bytes(self) -> int | None:
        return self._files.largest_bytes

    @property
    def batch_bytes(self) -> int:
        return self._files.batch_bytes

    async def list(self, directory: str = "", *, recursive: bool = True) -> Listing:
        with self._without_top():
            there = (self._top + directory.strip("/")).rstrip("/")
            listing = await self._files.list(there, recursive=recursive)
        below = [entry for entry in listing.entries if entry.name.startswith(self._top)]
        return Listing([self._seen_from_here(entry) for entry in below], listing.truncated)

    def _seen_from_here(self, entry: SessionFile) -> SessionFile:
        return replace(entry, name=entry.name.removeprefix(self._top))

    async def fingerprints(self, names: Sequence[str]) -> Found:
        with self._without_top():
            found = await self._files.fingerprints([self._top + name for name in names])
        return {name.removeprefix(self._top): what for name, what in found.items()}

    async def upload(self, name: str, source: Source, progress: Progress) -> None:
        with self._without_top():
            await self._files.upload(self._top + name, source, progress)

    async def upload_batch(
        self, files: Sequence[SmallFile], stored: Callable[[SmallFile], None]
    ) -> None:
        def told(file: SmallFile) -> None:
            stored(replace(file, name=file.name.removeprefix(self._top)))

        there = [replace(file, name=self._top + file.name) for file in files]
        with self._without_top():
            await self._files.upload_batch(there, told)

    async def settle(self) -> None:
        with self._without_top():
            await self._files.settle()

    async def download(self, name: str, size_bytes: int) -> AsyncGenerator[bytes, None]:
        with self._without_top():
            async with aclosing(self._files.download(self._top + name, size_bytes)) as pieces:
                async for piece in pieces:
                    yield piece

    async def download_batch(self, names: Sequence[str]) -> AsyncGenerator[SmallFile, None]:
        there = [self._top + name for name in names]
        with self._without_top():
            async with aclosing(self._files.download_batch(there)) as files:
                async for file in files:
                    yield replace(file, name=file.name.removeprefix(self._top))

    @contextmanager
    def _without_top(self) -> Iterator[None]:
        try:
            yield
        except FileTransferError as error:
            for quote in "'\"":
                error.what = error.what.replace(quote + self._top, quote)
            raise


def seen_from(files: SessionFiles, folder: str) -> SessionFiles:
    """:param folder: in which the interpreter works; "": the data folder itself."""
    return FilesInFolder(files, folder) if folder else files
