"""Many small files in one call: their shape, which adapters and built-in sessions share.

Each file is whole, and carries its SHA-256, by which whoever gets it checks it before it has its
name (docs/protocol.md, Files).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from .session_files import Fingerprint, SmallFile, as_told, is_time

#: A file up to this size fits into any call.
SMALL_BYTES: Final = 256 * 1024
#: Files, or names, of one call.
MOST: Final = 1000
#: What an item has besides its data and its name, as JSON.
_AROUND_BYTES: Final = 250


def as_item(file: SmallFile) -> dict[str, Any]:
    found = file.fingerprint
    item: dict[str, Any] = {"name": file.name, "size": found.size_bytes, "sha256": found.sha256}
    if found.executable is not None:
        item["executable"] = found.executable
    if is_time(found.mtime_ns):
        item["mtime_ns"] = found.mtime_ns
    return {**item, "data": base64.b64encode(file.data).decode("ascii")}


def in_batches(files: Sequence[SmallFile], most_bytes: int) -> Iterator[list[SmallFile]]:
    """In their order, as many together as have ``most_bytes`` as JSON."""
    batch: list[SmallFile] = []
    size = 0
    for file in files:
        needed = len(file.data) * 4 // 3 + 6 * len(file.name) + _AROUND_BYTES
        if batch and (size + needed > most_bytes or len(batch) == MOST):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += needed
    if batch:
        yield batch


def from_item(item: Any) -> SmallFile | None:
    """What a session says of a file, with its content; None unless all of it is true."""
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return None
    try:
        data = base64.b64decode(item["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    sha256 = hashlib.sha256(data).hexdigest()
    told = as_told(item.get("size"), sha256, item.get("executable"), item.get("mtime_ns"))
    if not isinstance(told, Fingerprint) or item.get("sha256") != sha256:
        return None
    if told.size_bytes != len(data) or len(data) > SMALL_BYTES:
        return None
    return SmallFile(item["name"], data, told)


def answered(answer: Any, asked: int) -> int:
    """How many of the names a session has looked at, which may be fewer than were asked for."""
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 < answer < asked:
        return answer
    return asked
