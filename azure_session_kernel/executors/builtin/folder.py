"""The folder of one boot's files, through the pool's file API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ...pool.client import MAX_ANSWER_BYTES
from ...wire import dump
from .azure import BuiltinPool

#: An interrupt, an answer to input(): small files.
SMALL_S: Final = 10.0


@dataclass(frozen=True)
class Where:
    """The folder of one boot's files, as our hello in it says.

    :ivar base: the number of the data folder among those in which it may be.
    """

    boot: str
    reader: str
    base: int
    layout: str

    @property
    def folder(self) -> str:
        return f".ask/{self.boot}" if self.layout == "folder" else ""

    def name(self, name: str) -> str:
        return name if self.layout == "folder" else f"ask-{self.boot}-{name}"


class Folder:
    """What ``interpreter/place.py`` is on the other side."""

    def __init__(self, pool: BuiltinPool, where: Where) -> None:
        self._pool, self._where = pool, where

    async def get(
        self, name: str, timeout_s: float = 30.0, answer_bytes: int = MAX_ANSWER_BYTES
    ) -> bytes | None:
        """A file's content; None when there is none of that name."""
        where = self._where
        found = await self._pool.download(
            where.folder, where.name(name), timeout_s, answer_bytes=answer_bytes
        )
        return None if found is None else found[0]

    async def put(self, name: str, value: Any, timeout_s: float = SMALL_S) -> None:
        """As JSON. The other end takes each name once."""
        where = self._where
        await self._pool.upload(where.folder, where.name(name), dump(value), timeout_s)

    async def delete(self, name: str) -> None:
        await self._pool.delete(self._where.folder, self._where.name(name))
