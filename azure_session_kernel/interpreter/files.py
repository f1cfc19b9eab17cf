"""Files of the data folder, many at a time, for the kernel that uses this interpreter.

What is told of them goes into a file: the answer to an execution may be cut short.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import secrets
from pathlib import Path, PurePosixPath
from typing import Any

from .packing import pack
from .place import Place

#: Once the files before have so many bytes, no more are looked at.
HASHED_BYTES = 64 * 1024 * 1024
GIVEN_BYTES = 4 * 1024 * 1024
#: A larger file is not given with others.
SMALL_BYTES = 256 * 1024


def use_files(place: Place, do: str, what: Any, into: str) -> None:
    """:param do: one of ``FILES``. :param into: the name of the file that tells how it went."""
    place.write(into, pack(FILES[do](place, what)))


def _stat(place: Place, what: dict[str, Any]) -> dict[str, Any]:
    """What files are. ``marks`` says of files that were uploaded whether they are executable, and
    their time. Under "" is how many names were looked at.
    """
    found: dict[str, Any] = {}
    marks, size, done = what.get("marks", {}), 0, 0
    for name in what["names"]:
        if size > HASHED_BYTES:
            break
        done += 1
        path = place.base / name
        try:
            if name in marks and path.is_file():
                _mark(place, path, *marks[name])
            if known := _what_is(path):
                found[name] = known
                size += int(known[0]) if isinstance(known, list) else 0
        except OSError:
            found[name] = "unreadable"
    return {**found, "": done}


def _put(place: Place, what: dict[str, Any]) -> dict[str, Any]:
    """Each file that is whole gets its name; the first that can't be stored ends it."""
    stored = 0
    for item in what["files"]:
        try:
            _store(place, item)
        except (OSError, ValueError) as error:
            full = getattr(error, "errno", None) in _NO_ROOM
            reason = getattr(error, "strerror", None) or str(error)
            return {"stored": stored, "full": full, "reason": reason[:200]}
        stored += 1
    return {"stored": stored}


def _store(place: Place, item: dict[str, Any]) -> None:
    """:raises ValueError: not a name below the data folder, or not the content."""
    name, data = item["name"], base64.b64decode(item["data"])
    if hashlib.sha256(data).hexdigest() != item["sha256"]:
        raise ValueError("it arrived with another content")
    if name.startswith("/") or ".." in PurePosixPath(name.replace("\\", "/")).parts:
        raise ValueError("its name leads elsewhere")
    root = place.base.resolve()
    path = (root / name).resolve()
    if path == root or root not in path.parents:
        raise ValueError("its name leads elsewhere")
    if path.is_dir():
        raise ValueError("a folder has that name")
    part = path.with_name(f".ask-{secrets.token_hex(8)}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    executable = item.get("executable") or (path.exists() and path.stat().st_mode & 0o100)
    mode = 0o777 if executable else 0o666  # less the umask
    try:
        with open(part, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            file.write(data)
        _set_time(part, item.get("mtime_ns"))
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _get(place: Place, what: dict[str, Any]) -> dict[str, Any]:
    """Small files with their content, as they are put there."""
    items, size, done = [], 0, 0
    for name in what["names"]:
        if size > GIVEN_BYTES:
            break
        done += 1
        path = place.base / name
        with contextlib.suppress(OSError):
            if not path.is_file() or path.stat().st_size > SMALL_BYTES:
                continue
            with path.open("rb") as file:
                data, status = file.read(SMALL_BYTES + 1), os.fstat(file.fileno())
            size += len(data)
            known = {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            marks = {"executable": bool(status.st_mode & 0o100), "mtime_ns": status.st_mtime_ns}
            items.append({**known, **marks, "data": base64.b64encode(data).decode("ascii")})
    return {"value": items, "answered": done}


FILES = {"stat": _stat, "put": _put, "get": _get}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _mark(place: Place, path: Path, executable: bool, mtime_ns: int | None) -> None:
    if executable:
        # What the umask allows is seen of a new file: asking for it would change it for a moment.
        new = place.path("tmp-mode")
        place.folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o777))
        allowed, mode = new.stat().st_mode & 0o111, path.stat().st_mode & 0o777
        new.unlink()
        path.chmod(mode | ((mode & 0o444) >> 2 & allowed))
    _set_time(path, mtime_ns)


def _set_time(path: Path, mtime_ns: int | None) -> None:
    if mtime_ns is not None:
        with contextlib.suppress(OSError, OverflowError):
            os.utime(path, ns=(mtime_ns, mtime_ns))


def _what_is(path: Path) -> list[int | str] | str | None:
    """Size, SHA-256, whether it is executable and time of a regular file; what else it is; None
    when nothing is there.
    """
    if not path.is_file():
        return "directory" if path.is_dir() else "other" if path.exists() else None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    status = path.stat()
    executable = bool(status.st_mode & 0o100)
    return [status.st_size, digest.hexdigest(), executable, status.st_mtime_ns]
