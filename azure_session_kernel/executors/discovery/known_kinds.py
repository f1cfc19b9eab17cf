"""What was found out about pools before: one small private file, never anything secret.

It only decides what is asked first, so a wrong entry costs a request and is put right; a file that
can't be read or written costs nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ...common.errors import StateUnusable
from ...common.private_files import state_dir, write_private
from ...pool.endpoints import is_path
from ..base import ExecutorName

log = logging.getLogger(__name__)

_MAX_ENTRIES: Final = 100
_MAX_BYTES: Final = 100_000


@dataclass(frozen=True)
class Known:
    """:ivar path: what one-shot cells are posted to, else ""."""

    kind: ExecutorName
    path: str = ""


class KnownKinds:
    """By endpoint, whose URL is not kept."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or state_dir() / "pool-kinds.json"

    def get(self, url: str) -> Known | None:
        entry = self._read().get(_key(url))
        if not isinstance(entry, dict):
            return None
        kind, path = entry.get("kind"), entry.get("path", "")
        if kind not in ("interpreter", "oneshot") or not isinstance(path, str):
            return None
        if path and not is_path(path):
            return None
        return Known(kind, path)

    def put(self, url: str, known: Known | None) -> None:
        """None forgets. What is asked first anyway is not kept."""
        entries = self._read()
        before = entries.pop(_key(url), None)
        after = asdict(known) if known is not None else None
        if before == after:
            return
        if after is not None:
            entries[_key(url)] = after
        newest = dict(list(entries.items())[-_MAX_ENTRIES:])
        try:
            write_private(self._path, json.dumps(newest).encode())
        except StateUnusable as error:
            log.warning("what kind the pool is could not be kept: %s", error)

    def _read(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                value = json.loads(file.read(_MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]
