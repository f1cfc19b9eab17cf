"""A session's files without a session: what an executor offers, in a dictionary."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence

from azure_session_kernel.executors.session_files import (
    Fingerprint,
    Found,
    Listing,
    Progress,
    SessionFile,
    SmallFile,
    Source,
    Unfit,
)

PIECE = 4


class SessionInMemory:
    """:ivar on_piece: called before each piece, to make something happen in the middle.

    :ivar unfit: what is there, too, and is no file. :ivar most: entries of one listing.
    :ivar marks: of files, whether they are executable and their time.
    """

    largest_bytes = None
    batch_bytes = 0

    def __init__(self, **content: bytes) -> None:
        self.content = dict(content)
        self.on_piece: Callable[[], None] = lambda: None
        self.unfit: dict[str, Unfit] = {}
        self.most = 10_000
        self.marks: dict[str, tuple[bool, int]] = {}

    async def list(self, directory: str = "", *, recursive: bool = True) -> Listing:
        files = [SessionFile(name, False, len(data)) for name, data in self.content.items()]
        files += [SessionFile(n, u.is_folder, 0) for n, u in self.unfit.items()]
        top = f"{directory}/" if directory else ""
        below = [file for file in files if file.name.startswith(top)]
        if not recursive:
            below = [file for file in below if "/" not in file.name.removeprefix(top)]
        return Listing(below[: self.most], truncated=len(below) > self.most)

    async def fingerprints(self, names: Sequence[str]) -> Found:
        found = {name: self.content[name] for name in names if name in self.content}
        files = {
            n: Fingerprint(len(d), hashlib.sha256(d).hexdigest(), *self.marks.get(n, ()))
            for n, d in found.items()
        }
        return files | {name: self.unfit[name] for name in names if name in self.unfit}

    async def upload(self, name: str, source: Source, progress: Progress) -> None:
        data = b""
        while piece := await source.read(len(data), PIECE):
            self.on_piece()
            data += piece
            progress(len(piece))
        self.content[name] = data
        found = source.fingerprint
        self.marks[name] = (bool(found.executable), found.mtime_ns or 0)

    async def upload_batch(
        self, files: Sequence[SmallFile], stored: Callable[[SmallFile], None]
    ) -> None:
        for file in files:
            self.on_piece()
            self.content[file.name] = file.data
            stored(file)

    async def settle(self) -> None:
        pass

    async def download(self, name: str, size_bytes: int) -> AsyncGenerator[bytes, None]:
        offset = 0
        while piece := self.content[name][offset : offset + PIECE]:
            yield piece
            self.on_piece()
            offset += len(piece)

    async def download_batch(self, names: Sequence[str]) -> AsyncGenerator[SmallFile, None]:
        for name, found in (await self.fingerprints(names)).items():
            if isinstance(found, Fingerprint):
                yield SmallFile(name, self.content[name], found)
                self.on_piece()
