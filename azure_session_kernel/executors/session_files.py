"""What the kernel needs of a session's files, whatever kind of pool it is.

``transfer`` decides what is transferred and where it may go; an executor moves bytes. Names are
relative to the interpreter's working directory, with ``/``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeGuard

from ..common.errors import FileTooLarge


@dataclass(frozen=True)
class SessionFile:
    """An entry of the session's working directory. Everything in it is untrusted.

    :ivar modified: as the session says it, RFC 3339; for showing only.
    """

    name: str
    is_directory: bool
    size_bytes: int
    modified: str = ""


@dataclass(frozen=True)
class Listing:
    """What is below a folder. :ivar truncated: there is more, and the session tells no more."""

    entries: Sequence[SessionFile]
    truncated: bool = False


@dataclass(frozen=True)
class Fingerprint:
    """What a file's content is: enough to tell whether it has to be transferred.

    :ivar executable: whether its owner may run it; None when that is not known.
    :ivar mtime_ns: when it was changed, in nanoseconds since 1970; None when that is not known.
        Like the former, it is carried, and does not count when two are compared.
    """

    size_bytes: int
    sha256: str
    executable: bool | None = field(default=None, compare=False)
    mtime_ns: int | None = field(default=None, compare=False)

    def lacks_its_bit(self, there: object) -> bool:
        """Whether ``there`` is a file that is known not to be executable, and this one is."""
        known = isinstance(there, Fingerprint) and there.executable is False
        return known and self.executable is True


@dataclass(frozen=True)
class Unfit:
    """Something that is there, and is no file that can be transferred.

    :ivar why: as it goes on after "because": ``it is a folder``.
    """

    why: str
    is_folder: bool = False


A_FOLDER: Final = Unfit("it is a folder", is_folder=True)
NOT_REGULAR: Final = Unfit("it is not a regular file")


@dataclass(frozen=True)
class SmallFile:
    """A whole file. :ivar fingerprint: of ``data``."""

    name: str
    data: bytes = field(repr=False)
    fingerprint: Fingerprint


#: What is known of names; those of nothing are left out.
Found = Mapping[str, Fingerprint | Unfit]


#: Entries of one listing. What a session says beyond that is not read.
MAX_ENTRIES: Final = 10_000
#: The year 10000, where dates end.
_LATEST_NS: Final = 253_402_300_800 * 10**9


def is_time(value: object) -> TypeGuard[int]:
    """Whether it can be an ``mtime_ns``: what a session says is checked when it is used."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LATEST_NS


def is_size(value: object) -> TypeGuard[int]:
    """Whether it can be a file's, in bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def as_told(
    size: object, sha256: str, executable: object = None, mtime_ns: object = None
) -> Fingerprint | Unfit:
    """What a session says of a file: each value is checked. Those that are optional may be odd."""
    if not is_size(size):
        return Unfit("the session says that it has a size that no file can have")
    bit = executable if isinstance(executable, bool) else None
    return Fingerprint(size, sha256, bit, mtime_ns if is_time(mtime_ns) else None)


def too_many() -> FileTooLarge:
    """Instead of a listing that can't be read to its end."""
    return FileTooLarge(
        "The session lists more files than can be read.",
        fix="Name a folder with fewer files, for instance: %files FOLDER, %download FOLDER/*.csv",
    )


class Source(Protocol):
    """A file of this machine that is being read."""

    @property
    def fingerprint(self) -> Fingerprint: ...

    async def read(self, offset: int, length: int) -> bytes:
        """A piece. :raises FileChanged: the file is not what it was when it was opened."""


#: Told how many bytes more have arrived.
Progress = Callable[[int], None]


class SessionFiles(Protocol):
    """The files of one session, in the boot that was running when this was made.

    Every method resumes after a broken connection, and raises ``SessionLost`` when the session was
    replaced, ``FileTransferError`` when it refuses, ``PoolError`` when it can't be reached.
    Cancelling is safe at any moment.
    """

    @property
    def largest_bytes(self) -> int | None:
        """The largest file that the pool takes; 0 when it has no files, None when it sets none."""

    @property
    def batch_bytes(self) -> int:
        """Files up to this size go many at a time; 0 where each goes by itself."""

    async def list(self, directory: str = "", *, recursive: bool = True) -> Listing:
        """What is below a folder; names are relative to the working directory.

        :raises FileMissing: no such folder. :raises FileRefused: it is a file.
        """

    async def fingerprints(self, names: Sequence[str]) -> Found:
        """Of those among ``names`` that exist."""

    async def upload(self, name: str, source: Source, progress: Progress) -> None:
        """Put a whole file there, in place of what has its name; never a part of it.

        It gets the time of ``source``, and is executable if that is, or what it replaces.
        When it fails or is cancelled, what has arrived is removed.

        :raises FileChanged: from ``source``, or the session got something else.
        :raises SessionDiskFull:
        """

    async def upload_batch(
        self, files: Sequence[SmallFile], stored: Callable[[SmallFile], None]
    ) -> None:
        """The same with many, none larger than ``batch_bytes``. Those before a failure stay.

        :param stored: told of each that is there.
        """

    async def settle(self) -> None:
        """After the last upload: what the pool could not do with each.

        :raises FileChanged: a file is not there as it was sent.
        """

    def download(self, name: str, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """Its pieces in order, at most ``size_bytes`` and one piece more in all."""

    def download_batch(self, names: Sequence[str]) -> AsyncGenerator[SmallFile, None]:
        """Those among ``names`` that are files up to ``batch_bytes``, each checked, in any order.

        What can't be had so is left out.
        """
