"""One HTTP/1.1 connection to a session's container.

Every message of every cell passes here, so this is bytes and a parser (``httptools``) and nothing
more: a general client library added several times this module's latency per request, and a third
of its throughput on long streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

import httptools

#: More than this many unread bytes of an answer, and the container has to wait for the reader.
HIGH_WATER_BYTES = 1024 * 1024

Header = tuple[bytes, bytes]


class UpstreamError(Exception):
    """The container can't be talked to."""


class NotListening(UpstreamError):
    """No connection: nothing was sent."""


class BrokenOff(UpstreamError):
    """The connection ended before the answer did, or the answer is not HTTP."""


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time. Called back by asyncio and by ``httptools``."""

    transport: asyncio.Transport
    status: int
    headers: list[Header]

    def __init__(self, on_lost: Callable[[Connection], None]) -> None:
        self._on_lost = on_lost
        self._wakeup: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.lost = False
        self.idle_since = 0.0

    def begin(self, *, bodiless: bool) -> None:
        """Start an exchange. ``bodiless``: it is HEAD, whose content-length is no body's."""
        self._parser = httptools.HttpResponseParser(self)
        self._bodiless = bodiless
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._paused = False
        self.headers = []
        self.request_sent = False
        self.has_head = False
        self.complete = False

    @property
    def reusable(self) -> bool:
        return (
            self.complete
            and self.request_sent
            and not self._bodiless
            and not self.lost
            and self._keeps_alive
        )

    @property
    def has_pieces(self) -> bool:
        return bool(self._pieces)

    async def head(self) -> None:
        """Wait for the status and the headers. :raises BrokenOff:"""
        while not self.has_head:
            await self._more()

    async def piece(self) -> bytes:
        """What has come of the body since the last call; ``complete`` tells whether it is all.

        :raises BrokenOff: the connection ended first.
        """
        if not self._pieces and not self.complete:
            await self._more()
        pieces, self._pieces, self._buffered = self._pieces, [], 0
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def write(self, data: Iterable[bytes]) -> None:
        """Returns when the container has taken enough of it. :raises BrokenOff:"""
        if self.lost:
            raise BrokenOff("the container closed the connection")
        self.transport.write(b"".join(data))
        if self._writable is not None:
            await self._writable

    def abort(self) -> None:
        self.transport.abort()

    async def _more(self) -> None:
        if self.lost:
            raise BrokenOff("the container closed the connection")
        self._wakeup = self._loop.create_future()
        try:
            await self._wakeup
        finally:
            self._wakeup = None

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    # -- asyncio ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self.idle_since:
            self.transport.abort()  # bytes that nobody has asked for
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.resume_writing()
        if not self.idle_since and self.has_head and not self._framed():
            self.complete = True  # a body without a length ends with the connection
        self._wake()
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _framed(self) -> bool:
        return any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)

    # -- httptools ----------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # what follows the body would be trailers
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim answer; the real one follows
            self.headers.clear()
            return
        self.has_head = True
        # The parser knows it only until the answer is complete.
        self._keeps_alive = self._parser.should_keep_alive()
        self.complete = self._bodiless
        self._wake()

    def on_body(self, body: bytes) -> None:
        if self.complete:
            return
        self._pieces.append(body)
        self._buffered += len(body)
        if self._buffered > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        self.complete = self.has_head
        self._wake()
