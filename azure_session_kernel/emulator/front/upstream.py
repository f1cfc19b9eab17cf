"""The kept-alive connections from the pool to one session's container."""

from __future__ import annotations

import asyncio
import select
import sys
import time
from dataclasses import dataclass

from .connection import Connection, NotListening

#: An idle connection is not used again after this time. Servers close idle connections (gunicorn
#: after 2 s, uvicorn and Node after 5 s), and a request sent at that moment would be lost.
REUSE_WITHIN_S = 1.5


@dataclass(frozen=True)
class Address:
    """Where a container listens: a unix socket where there is one, else a port on loopback."""

    uds: str | None = None
    port: int = 0


def _has_news(connection: Connection) -> bool:
    """An idle connection with something to read was closed, and the event loop has not seen it."""
    fd = connection.transport.get_extra_info("socket").fileno()
    if sys.platform == "win32":
        return bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


class Upstream:
    """The connections to one container."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[Connection] = []

    async def connect(self, *, bodiless: bool = False) -> Connection:
        """A connection for one exchange. :raises NotListening:"""
        connection = self._reuse() or await self._open()
        connection.idle_since = 0.0
        connection.begin(bodiless=bodiless)
        return connection

    def release(self, connection: Connection) -> None:
        """The exchange is over: keep the connection if another one can follow."""
        if not connection.reusable:
            connection.abort()
            return
        connection.idle_since = time.monotonic()
        self._idle.append(connection)

    def close(self) -> None:
        for connection in self._idle[:]:
            connection.abort()
        self._idle.clear()

    def _reuse(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            recent = time.monotonic() - connection.idle_since < REUSE_WITHIN_S
            if recent and not _has_news(connection):
                return connection
            connection.abort()
        return None

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        make = lambda: Connection(self._forget)  # noqa: E731
        try:
            if self._address.uds is not None:
                _, connection = await loop.create_unix_connection(make, self._address.uds)
            else:
                _, connection = await loop.create_connection(make, "127.0.0.1", self._address.port)
        except OSError as error:
            raise NotListening(str(error)) from error
        return connection

    def _forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
