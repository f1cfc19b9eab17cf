"""Files of a pool that runs whole programs: there are none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from ...common.errors import FileRefused
from ..session_files import Fingerprint, Listing, Progress, SmallFile, Source

_WHAT: Final = "This pool runs single programs and has no files that a notebook could use."


def _none() -> FileRefused:
    return FileRefused(
        _WHAT,
        cause="Its container answers only requests to run code.",
        fix="Put the data into the cell, or use a pool whose image runs this kernel's adapter.",
    )


class NoFiles:
    """``SessionFiles`` that says so in one sentence."""

    largest_bytes = batch_bytes = 0

    async def list(self, directory: str = "", *, recursive: bool = True) -> Listing:
        raise _none()

    async def fingerprints(self, names: Sequence[str]) -> dict[str, Fingerprint]:
        raise _none()

    async def upload(self, name: str, source: Source, progress: Progress) -> None:
        raise _none()

    async def upload_batch(
        self, files: Sequence[SmallFile], stored: Callable[[SmallFile], None]
    ) -> None:
        raise _none()

    async def settle(self) -> None:
        pass

    async def download(self, name: str, size_bytes: int) -> AsyncGenerator[bytes, None]:
        raise _none()
        yield b""

    async def download_batch(self, names: Sequence[str]) -> AsyncGenerator[SmallFile, None]:
        raise _none()
        yield SmallFile("", b"", Fingerprint(0, ""))
