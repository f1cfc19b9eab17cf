"""The carrier without a proxy: our own connections, for httpx takes four times as long."""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from ..common.within import within
from .endpoints import Endpoint
from .exchange import (
    CONNECT_TIMEOUT_S,
    HEADERS,
    MAX_CONNECTIONS,
    Broken,
    Progress,
    Request,
    Timeouts,
    TooSlow,
    keepalive_s,
)
from .http1 import Connection, in_time

#: What stays as it is in a path. What is escaped already is not escaped again.
_PATH_SAFE: Final = "!$%&'()*+,/:;=@[]^|~"
#: The next address is tried, too, when one has not answered for so long (RFC 8305).
_NEXT_ADDRESS_S: Final = 0.25
#: A session's calls have few, each as long as its token lasts.
_MOST_HEADS: Final = 20
#: asyncio's for closing what was aborted, which takes a turn or two of its loop.
_END_S: Final = 1.0


class Direct:
    """See ``Carrier``.

    :param context: None without TLS.
    :param sessions: that use it; each is good for ``MAX_CONNECTIONS``.
    """

    def __init__(
        self, endpoint: Endpoint, context: ssl.SSLContext | None, sessions: int = 1
    ) -> None:
        parts = urlsplit(endpoint.url)
        self._host, self._loopback, self._context = endpoint.host, endpoint.loopback, context
        standard = 443 if context is not None else 80
        self._port = parts.port or standard
        self._origin = f"{parts.scheme}://{parts.netloc}"
        host = f"[{self._host}]" if ":" in self._host else self._host
        host += f":{self._port}" if self._port != standard else ""
        self._fixed = _lines({"Host": host, **HEADERS})
        self._keepalive_s = keepalive_s(loopback=endpoint.loopback)
        if context is not None:
            context.set_alpn_protocols(["http/1.1"])
        self._heads: dict[tuple[object, ...], str] = {}
        self._places = sessions * MAX_CONNECTIONS
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: list[Connection] = []  # the one that is used next is at the end
        self._open: set[Connection] = set()
        self._closed = False

    async def send(self, request: Request, timeouts: Timeouts, progress: Progress) -> _Answer:
        """See ``Carrier``. :raises ValueError: something can't stand in a header."""
        head = self._head(request)
        await self._place(timeouts.place_s)
        connection = None
        try:
            connection = self._kept() or await self._connect(timeouts.connect_s)
            await connection.ask(head, request.body or b"", timeouts, progress)
        except BaseException:
            self._give_back(connection)
            raise
        return _Answer(self, connection, timeouts.read_s, connection.status, connection.headers)

    @property
    def has_idle(self) -> bool:
        """See ``Carrier``."""
        last = time.monotonic() - self._keepalive_s
        return any(one.used_at >= last and one.usable for one in self._idle)

    async def open_ahead(self) -> None:
        """See ``Carrier``."""
        connection = self._kept()
        if connection is not None:
            self._idle.append(connection)
            return
        connection = await self._connect(CONNECT_TIMEOUT_S)
        connection.used_at = time.monotonic()
        self._idle.insert(0, connection)  # one that has carried a request is faster

    async def aclose(self) -> None:
        self._closed = True
        opened = [connection for connection in self._open if connection.opened]
        for connection in opened:
            connection.abort()
        if opened:
            await asyncio.wait([connection.over for connection in opened], timeout=_END_S)

    def _give_back(self, connection: Connection | None) -> None:
        """The end of an exchange."""
        if connection is not None and connection.release():
            self._idle.append(connection)
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._places += 1

    def _head(self, request: Request) -> bytes:
        length = ""
        if request.body is not None or request.method == "POST":
            length = f"Content-Length: {len(request.body or b'')}\r\n"
        queried, told = tuple(request.query.items()), tuple(request.headers.items())
        known = request.method, request.url, queried, told
        head = self._heads.get(known)
        if head is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            head = self._heads[known] = self._made_head(request)
        return f"{head}{length}\r\n".encode("ascii")

    def _made_head(self, request: Request) -> str:
        path = quote(request.url.removeprefix(self._origin), safe=_PATH_SAFE)
        query = urlencode(request.query, quote_via=quote, safe="")
        target = f"{path}?{query}" if query else path
        first = f"{request.method} {target} HTTP/1.1\r\n"
        return f"{first}{self._fixed}{_lines(request.headers)}"

    async def _place(self, timeout_s: float) -> None:
        if self._places > 0:
            self._places -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await in_time(place, timeout_s)
        except BaseException:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._give_back(None)  # it came as this was cancelled
            raise

    def _kept(self) -> Connection | None:
        """An idle connection on which a request is as safe as on a new one."""
        last = time.monotonic() - self._keepalive_s
        for connection in [one for one in self._idle if one.used_at < last]:
            self._idle.remove(connection)
            connection.abort()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _connect(self, timeout_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"ssl": self._context}
        # uvloop knows nothing of it, and asyncio leaves a socket to the garbage collector when this
        # is cancelled: so not on loopback, where each address answers at once or never.
        if isinstance(loop, asyncio.BaseEventLoop) and not self._loopback:
            options["happy_eyeballs_delay"] = _NEXT_ADDRESS_S
        connection = Connection(loop, self._lost)
        self._open.add(connection)
        try:
            await within(
                loop.create_connection(lambda: connection, self._host, self._port, **options),
                timeout_s,
            )
        except BaseException as error:
            self._open.discard(connection)
            connection.abort()  # it may have come as this was cancelled
            if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
                raise TooSlow("no connection in time") from error
            if isinstance(error, OSError):
                raise Broken("no connection") from _refused(error)
            raise
        if self._closed:
            connection.abort()
        return connection

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


def _refused(error: OSError) -> OSError:
    """Of a host with many addresses, asyncio tells what each said as one text."""
    if error.errno is None and f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return ConnectionRefusedError(errno.ECONNREFUSED, str(error))
    return error


@dataclass
class _Answer:
    """See ``Response``."""

    _carrier: Direct
    _connection: Connection | None
    _read_s: float
    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncGenerator[bytes, None]:
        assert self._connection is not None  # noqa: S101
        return self._connection.chunks(self._read_s)

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._carrier._give_back(connection)


def _lines(headers: Mapping[str, str]) -> str:
    """:raises ValueError: a character that ends a line or is none of ASCII."""
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
    if not lines.isascii() or len(lines.splitlines()) != len(headers) or "\0" in lines:
        raise ValueError("a header holds a character that can't be sent")
    return lines.replace("\n", "\r\n")
