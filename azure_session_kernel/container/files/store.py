"""Files of the session: listing, reading, and uploads in numbered pieces. No HTTP here.

Everything blocks, so ``calls.py`` and ``container/azure_routes/files.py`` call it in threads. An
upload grows in a hidden file in the target's folder and takes its name only when its size and
SHA-256 are right, so that no half file is ever seen under the real name.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import mimetypes
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from .workdir import BadName, WorkDir

#: Entries of one listing.
MAX_ENTRIES: Final = 10_000
_PART: Final = re.compile(r"\.ask-[0-9a-f]{8,64}\.part")
_UPLOAD_ID: Final = re.compile(r"[0-9a-f]{8,64}")
_NO_SUCH_NAME: Final = (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEMBERED: Final = 10_000


class NoSuchFile(Exception):
    """Nothing of that name is there."""


class NotAFile(Exception):
    """There is something of that name, but no regular file."""


class Unreadable(Exception):
    """It is there and can't be read; the text says why."""


class DiskFull(Exception):
    """No room. The unfinished file was removed."""


class OutOfOrder(Exception):
    """A piece that leaves a hole, or one of an upload that is over.

    :ivar received_bytes: how much of the upload is here.
    """

    def __init__(self, received_bytes: int) -> None:
        super().__init__(received_bytes)
        self.received_bytes = received_bytes


class ContentMismatch(Exception):
    """What arrived is not what was announced; it was removed."""


@dataclass(frozen=True)
class Upload:
    """One upload: its id, chosen at random by the client, and the name the file is to get."""

    id: str
    name: str

    def __post_init__(self) -> None:
        if not _UPLOAD_ID.fullmatch(self.id):
            raise BadName("An upload's id is 8 to 64 hexadecimal digits.")


class FileStore:
    """The files below one working directory."""

    def __init__(self, root: Path) -> None:
        self._workdir = WorkDir(root)
        self._over: dict[str, int] = {}

    # -- looking ----------------------------------------------------------------------------------

    def list(self, directory: str, *, recursive: bool) -> tuple[list[dict[str, Any]], bool]:
        """Entries of a folder, and whether there are more than ``MAX_ENTRIES``.

        Symbolic links to folders are listed and not followed; what was removed meanwhile is left
        out.

        :raises BadName: :raises NoSuchFile: :raises NotAFile: it is a file. :raises Unreadable:
        """
        top = self._workdir.directory(directory)
        with _looking(directory):
            if not stat.S_ISDIR(top.stat().st_mode):
                raise NotAFile(directory)
            os.scandir(top).close()  # below it, what can't be read is left out
        found: list[dict[str, Any]] = []
        for path in _walk(top, recursive=recursive):
            if len(found) == MAX_ENTRIES:
                return found, True
            with contextlib.suppress(OSError):
                found.append(self._describe(path, top))
        return found, False

    def describe(self, name: str) -> dict[str, Any]:
        """One entry, in the shape of Azure's ``SessionResourceFile`` (docs/azure.md 1.3)."""
        path = self._existing(name)
        with _looking(name):
            return self._describe(path, self._workdir.root)

    def _describe(self, path: Path, top: Path) -> dict[str, Any]:
        status = path.stat()
        is_directory = stat.S_ISDIR(status.st_mode)
        modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
        directory = path.parent.relative_to(top).as_posix()
        return {
            "directory": "" if directory == "." else directory,
            "name": path.name,
            "type": "directory" if is_directory else "file",
            "contentType": "" if is_directory else content_type(path.name),
            "sizeInBytes": status.st_size,
            "lastModifiedAt": modified.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    def fingerprint(self, name: str) -> dict[str, Any] | None:
        """What a regular file is, that it is a folder, or None: nothing is there.

        :raises BadName: :raises NotAFile: neither a regular file nor a folder. :raises Unreadable:
        """
        try:
            path = self._existing(name)
            with _looking(name):
                if _is_folder(path):
                    return {"name": name, "type": "directory"}
                status = path.stat()
                digest, size = _sha256(self.regular(name))
        except NoSuchFile:
            return None
        executable, mtime_ns = bool(status.st_mode & stat.S_IXUSR), status.st_mtime_ns
        known = {"name": name, "size": size, "sha256": digest}
        return {**known, "executable": executable, "mtime_ns": mtime_ns}

    def whole(self, name: str, most_bytes: int) -> dict[str, Any]:
        """What a regular file is, and its ``data`` unless it has more than ``most_bytes``.

        :raises NoSuchFile: :raises NotAFile: :raises BadName: :raises Unreadable:
        """
        path = self.regular(name)
        with _looking(name), path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = b"" if status.st_size > most_bytes else file.read(most_bytes + 1)
        known: dict[str, Any] = {"name": name, "size": status.st_size}
        if len(content) != status.st_size:  # too large, or being changed
            return known
        executable = bool(status.st_mode & stat.S_IXUSR)
        known |= {"sha256": hashlib.sha256(content).hexdigest(), "executable": executable}
        data = base64.b64encode(content).decode("ascii")
        return {**known, "mtime_ns": status.st_mtime_ns, "data": data}

    def regular(self, name: str) -> Path:
        """:raises NoSuchFile: :raises NotAFile: :raises BadName: :raises Unreadable:"""
        path = self._existing(name)
        with _looking(name):
            if not stat.S_ISREG(path.stat().st_mode):
                raise NotAFile(name)
        return path

    def has_link(self, name: str) -> bool:
        """Whether a part of ``name`` is a symbolic link."""
        path = self._workdir.root
        return any((path := path / part).is_symlink() for part in PurePosixPath(name).parts)

    def _existing(self, name: str) -> Path:
        path = self._workdir.place(name)
        with _looking(name):
            path.stat()
        if _PART.fullmatch(path.name):
            raise NoSuchFile(name)
        return path

    def read(self, name: str, offset: int, length: int) -> bytes:
        """A piece of a file; shorter at its end, empty beyond it."""
        path = self.regular(name)
        with _looking(name), path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def delete(self, name: str) -> None:
        """:raises NotAFile: folders are not removed."""
        path = self.regular(name)
        with _looking(name):
            path.unlink()

    # -- uploads ----------------------------------------------------------------------------------

    def write(self, upload: Upload, offset: int, data: bytes, *, executable: bool = False) -> int:
        """Store a piece; how many bytes of the upload are here now. Repeats change nothing.

        :param executable: the file is to be; it is in any case when it replaces one that is.
        :raises OutOfOrder: the piece before it is not here, or the upload is over.
        :raises DiskFull:
        """
        if upload.id in self._over:
            raise OutOfOrder(self._over[upload.id])
        part, target = self._part(upload), self._workdir.place(upload.name)
        try:
            if _is_folder(target):
                raise NotAFile(upload.name)
            if offset == 0:
                part.parent.mkdir(parents=True, exist_ok=True)
            size = part.stat().st_size if part.exists() else 0
            if offset > size:
                raise OutOfOrder(size)
            how = "r+b" if part.exists() else "xb"
            with _opened_for(part, how, executable or _is_executable(target)) as file:
                file.seek(offset)
                file.write(data)
            return max(size, offset + len(data))
        except OSError as error:
            _remove(part)
            raise _meaning(error, upload.name) from error

    def commit(self, upload: Upload, size: int, sha256: str, mtime_ns: int | None = None) -> None:
        """Give the file its name, if it is whole. A repeat changes nothing.

        :param mtime_ns: when it was changed, if its file system can keep that.
        :raises ContentMismatch: it is not what was announced.
        """
        if self._over.get(upload.id) == size:
            return
        part, target = self._part(upload), self._workdir.place(upload.name)
        try:
            if not part.exists():
                raise OutOfOrder(0)
            if _sha256(part) != (sha256, size):
                self.abandon(upload)
                raise ContentMismatch
            _set_time(part, mtime_ns)
            part.replace(target)
        except OSError as error:
            _remove(part)
            raise _meaning(error, upload.name) from error
        self._end(upload, size)

    def abandon(self, upload: Upload) -> None:
        """Remove what has come of it. A repeat, and one for an upload that is over, do nothing."""
        if upload.id not in self._over:
            self._end(upload, -1)
        with contextlib.suppress(BadName):
            _remove(self._part(upload))

    def put_whole(
        self,
        name: str,
        data: bytes,
        sha256: str,
        *,
        executable: bool = False,
        mtime_ns: int | None = None,
    ) -> None:
        """As ``write`` and ``commit`` with all of it. Repeating is safe.

        :raises ContentMismatch: :raises DiskFull: :raises BadName: :raises NotAFile:
        """
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ContentMismatch
        target = self._workdir.place(name)
        part = target.with_name(f".ask-{secrets.token_hex(16)}.part")
        try:
            if _is_folder(target):
                raise NotAFile(name)
            part.parent.mkdir(parents=True, exist_ok=True)
            with _opened_for(part, "xb", executable or _is_executable(target)) as file:
                file.write(data)
            _set_time(part, mtime_ns)
            part.replace(target)
        except OSError as error:
            _remove(part)
            raise _meaning(error, name) from error

    def put(self, name: str, content: IO[bytes]) -> None:
        """A whole file at once, under its name only when it is complete.

        :raises DiskFull: :raises BadName: :raises NotAFile: it is the name of a folder.
        """
        upload, offset = Upload(secrets.token_hex(16), name), 0
        digest = hashlib.sha256()
        self.write(upload, 0, b"")
        while piece := content.read(1024 * 1024):
            digest.update(piece)
            offset = self.write(upload, offset, piece)
        self.commit(upload, offset, digest.hexdigest())

    def _end(self, upload: Upload, size: int) -> None:
        self._over[upload.id] = size
        if len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]

    def _part(self, upload: Upload) -> Path:
        return self._workdir.place(upload.name).parent / f".ask-{upload.id}.part"


def _is_folder(path: Path) -> bool:
    """:raises OSError: it can't be known, or nothing can have that name."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_executable(path: Path) -> bool:
    """By its owner."""
    try:
        return bool(path.stat().st_mode & stat.S_IXUSR)
    except OSError:
        return False


def _opened_for(path: Path, how: str, executable: bool) -> IO[bytes]:
    mode = 0o777 if executable else 0o666  # less the umask
    return open(path, how, opener=lambda path, flags: os.open(path, flags, mode))


def _set_time(path: Path, mtime_ns: int | None) -> None:
    if mtime_ns is not None:
        with contextlib.suppress(OSError, OverflowError):
            os.utime(path, ns=(mtime_ns, mtime_ns))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _walk(top: Path, *, recursive: bool) -> Iterator[Path]:
    """Below ``top``, a folder before what is in it, in the order of names."""
    try:
        entries = sorted(os.scandir(top), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if _PART.fullmatch(entry.name):
            continue
        path = Path(entry.path)
        yield path
        if recursive and entry.is_dir(follow_symlinks=False):
            yield from _walk(path, recursive=True)


def _sha256(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


@contextlib.contextmanager
def _looking(name: str) -> Iterator[None]:
    """What the system says about a name, as our errors."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoSuchFile(name) from error
    except OSError as error:
        if error.errno in _NO_SUCH_NAME:
            raise BadName(f"That name can't be used here ({error.strerror}).") from error
        raise Unreadable(error.strerror or type(error).__name__) from error


def _meaning(error: OSError, name: str) -> Exception:
    """The same of writing."""
    if error.errno in _NO_ROOM:
        return DiskFull(name)
    if isinstance(error, (NotADirectoryError, IsADirectoryError, FileExistsError)):
        return NotAFile(name)
    return BadName(f"That name can't be written here ({error.strerror}).")
