"""One connection to a pool: requests one after the other, each with its answer.

What comes is untrusted. ``httptools`` finds where messages, chunks and headers end; what is kept of
an answer is bounded here, and a connection on which anything is odd carries no further request.
"""

from __future__ import annotations

import asyncio
import select
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Final

import httptools

from .exchange import Broken, Progress, Timeouts, TooSlow

#: Of one answer's headers, and of what comes without a byte of its body: other headers, interim
#: answers, the extensions of chunks. As much as h11 takes.
MAX_OVERHEAD_BYTES: Final = 100 * 1024
#: Of one read of the socket, first and once one has brought so much: each takes a turn of the loop.
_READ_BYTES: Final = 64 * 1024
_LARGE_READ_BYTES: Final = 256 * 1024
#: So much waits for who reads the answer, and what one more read of the socket brings.
MAX_WAITING_BYTES: Final = 256 * 1024
#: A body is sent in such pieces, so that an answer that comes before its end stops it.
_PIECE_BYTES: Final = 64 * 1024


class _Odd(Exception):
    """What comes is not an answer."""


class Connection(asyncio.BufferedProtocol):
    """Called by asyncio and ``httptools`` on one side, by ``direct.py`` on the other.

    :param lost: called with it when it is closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[[Connection], None]) -> None:
        self.loop = loop
        self.used_at = 0.0
        self.over = loop.create_future()
        """Done when it is closed."""
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._read = memoryview(bytearray(_READ_BYTES))
        self._paused = self._full = False
        self._waiter: asyncio.Future[None] | None = None
        self._idle = True
        self._forget()

    def _forget(self) -> None:
        self.status, self.headers = 0, dict[str, str]()
        self._complete = self._ends_with_connection = False
        self._failure: Broken | None = None
        self._parts: list[bytes] = []
        self._waiting_bytes = self._overhead_bytes = self._headers_bytes = 0

    # -- for who uses it ---------------------------------------------------------------------------

    @property
    def opened(self) -> bool:
        return self._transport is not None

    @property
    def usable(self) -> bool:
        """Whether it is open and nothing has come, not even its end, that the loop has yet to see:
        a request on it then is as safe as one on a new connection.
        """
        return self._idle and self._is_open and not self._has_come

    @property
    def _is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def _has_come(self) -> bool:
        """Whether anything waits to be read, of one that is open."""
        assert self._transport is not None  # noqa: S101
        return _readable(self._transport.get_extra_info("socket").fileno())

    async def ask(self, head: bytes, body: bytes, timeouts: Timeouts, progress: Progress) -> None:
        """Send a request and wait for the head of its answer.

        An answer that comes before all was sent stops the sending.
        """
        if self._transport is None or not self._is_open:
            raise self._failure or Broken("the connection was closed")
        self._forget()
        self._idle, self._keep = False, True
        progress.sent = True
        rest = memoryview(body)
        self._transport.write(head + rest[:_PIECE_BYTES])
        for start in range(_PIECE_BYTES, len(body), _PIECE_BYTES):
            if self._is_open and self._has_come:
                # An answer, perhaps, whose sender is gone: asyncio reads nothing more once a write
                # has failed. In one turn the loop sees what has come, in the next it is read.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            while self._full and not self.status:
                await self._change(timeouts.write_s)
            if self.status or self._failure is not None or not self._is_open:
                self._keep = False
                break
            self._transport.write(rest[start : start + _PIECE_BYTES])
        while not self.status:
            await self._change(timeouts.read_s)

    async def chunks(self, timeout_s: float) -> AsyncGenerator[bytes, None]:
        while self._parts or not self._complete:
            if self._parts:
                parts, self._parts, self._waiting_bytes = self._parts, [], 0
                if self._paused and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
                for piece in _joined(parts):
                    yield piece
            else:
                await self._change(timeout_s)

    async def _change(self, timeout_s: float) -> None:
        """:raises Broken: there will be none, or none in time."""
        if self._failure is not None:
            raise self._failure
        self._waiter = self.loop.create_future()
        try:
            await in_time(self._waiter, timeout_s)
        finally:
            self._waiter = None

    def release(self) -> bool:
        """The exchange is over for who asked. False: nothing can follow it, and it is closed."""
        transport = self._transport
        keep = self._complete and self._keep and self._failure is None
        if keep and transport is not None and not transport.is_closing():
            self._forget()
            if self._paused:
                self._paused = False
                transport.resume_reading()
            self._idle, self.used_at = True, time.monotonic()
            return True
        self.abort()
        return False

    def abort(self) -> None:
        """Close it at once."""
        self._fail("was closed")
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._read

    def buffer_updated(self, nbytes: int) -> None:
        if self._idle or self._failure is not None:
            self.abort()  # an answer to nothing
            return
        self._overhead_bytes += nbytes
        try:
            self._parser.feed_data(self._read[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep = False
            self._fail("brought something else than an answer", error)
        if nbytes == len(self._read) == _READ_BYTES:
            self._read = memoryview(bytearray(_LARGE_READ_BYTES))
        if self._overhead_bytes > MAX_OVERHEAD_BYTES:
            self._fail("brought endless headers")
        if self._waiting_bytes > MAX_WAITING_BYTES and not self._paused and not self._complete:
            assert self._transport is not None  # noqa: S101
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """The transport closes itself."""
        self._keep = False
        if self.status and self._ends_with_connection and self._failure is None:
            self._complete = True
        self._fail("ended in the middle")
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._fail("broke off", error)
        self._wake()
        if not self.over.done():
            self.over.set_result(None)
        self._lost(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def _fail(self, what: str, error: BaseException | None = None) -> None:
        """What has come of an answer is still to be read; the first failure counts."""
        if self._failure is None and not self._complete:
            self._failure = Broken(f"the connection {what}")
            self._failure.__cause__ = error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- httptools ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            raise _Odd("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers_bytes += len(name) + len(value)
        if self._headers_bytes > MAX_OVERHEAD_BYTES:
            raise _Odd("endless headers")
        if self.status:  # behind the body
            return
        key, text = name.decode("latin-1").lower(), _text(value)
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status: int = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self.headers = {}
            return
        coding = self.headers.get("transfer-encoding", "chunked").lower()
        if status == 101 or coding != "chunked":
            raise _Odd("neither asked for")
        delimited = {"transfer-encoding", "content-length"} & self.headers.keys()
        self._ends_with_connection = not delimited and status not in (204, 304)
        self._keep = self._keep and self._parser.should_keep_alive()
        self.status = status

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._waiting_bytes += len(body)
        self._overhead_bytes = 0

    def on_message_complete(self) -> None:
        self._complete = self.status != 0


def _joined(parts: list[bytes]) -> Iterator[bytes]:
    """Pieces of at most ``_LARGE_READ_BYTES``."""
    piece: list[bytes] = []
    size = 0
    for part in parts:
        if size and size + len(part) > _LARGE_READ_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(part)
        size += len(part)
    yield b"".join(piece)


async def in_time(future: asyncio.Future[None], timeout_s: float) -> None:
    """:raises TooSlow: it is not done within so many seconds."""
    timer = future.get_loop().call_later(timeout_s, _expire, future, timeout_s)
    try:
        await future
    finally:
        timer.cancel()


def _expire(future: asyncio.Future[None], timeout_s: float) -> None:
    if not future.done():
        future.set_exception(TooSlow(f"nothing happened for {timeout_s:.0f} s"))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _readable(socket: int) -> bool:
    """Whether something waits to be read, the other end's closing included."""
    if sys.platform == "win32":  # whose select knows no largest number
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
