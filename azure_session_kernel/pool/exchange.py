"""One exchange of HTTP/1.1 with a pool, whoever carries its bytes.

``direct.py`` does, unless a proxy may be on the way: then ``through_httpx.py``. Redirects are not
followed, cookies not taken, and nothing is asked for compressed::

    Broken                 no complete answer came
    ├── TooSlow            nothing happened for as long as it was given
    └── ProxyFailed        the proxy gave no way through
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from .. import __version__

CONNECT_TIMEOUT_S: Final = 10.0
WRITE_TIMEOUT_S: Final = 30.0
#: One long read, sends, interrupts and completions at once, and room for files.
MAX_CONNECTIONS: Final = 20
#: Kestrel keeps idle connections 130 s; uvicorn, under the local pool, 5 s. As long as they allow:
#: over a new connection to a pool far away an interrupt takes a second.
_KEEPALIVE_S: Final = 120.0
_LOOPBACK_KEEPALIVE_S: Final = 4.0

#: Of every request.
HEADERS: Final[Mapping[str, str]] = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # compressed streams arrive late
    "User-Agent": f"azure-session-kernel/{__version__}",
}


class Broken(Exception):
    """No complete answer came."""


class TooSlow(Broken, TimeoutError):
    """Nothing happened for as long as it was given."""


class ProxyFailed(Broken):
    """The proxy gave no way through."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds without any progress. :ivar place: until it is one of at most so many at a time."""

    read_s: float
    connect_s: float
    write_s: float = WRITE_TIMEOUT_S
    place_s: float = CONNECT_TIMEOUT_S

    @classmethod
    def of(cls, read_s: float) -> Timeouts:
        return cls(read_s, min(CONNECT_TIMEOUT_S, read_s))


@dataclass
class Progress:
    """:ivar sent: whether a byte of the request may have reached the pool."""

    sent: bool = False


@dataclass(frozen=True)
class Request:
    """:ivar url: on the carrier's origin, without a query. :ivar headers: beside ``HEADERS``."""

    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


class Response(Protocol):
    """An answer whose head has come. :ivar headers: names in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Its body as it arrives. Who stops asking for more is not sent more.

        :raises Broken: it does not come to its end.
        """
        ...

    async def aclose(self) -> None:
        """Done with it; closes the connection unless the answer has come to its end."""
        ...


class Carrier(Protocol):
    """Connections to one origin, made when they are needed and kept for the next request."""

    async def send(self, request: Request, timeouts: Timeouts, progress: Progress) -> Response:
        """The answer, of any status, with its body unread; the caller closes it.

        :raises Broken: there is none; ``progress`` tells whether the pool may have the request.

        Cancelling it closes the connection.
        """
        ...

    @property
    def has_idle(self) -> bool:
        """Whether there is an idle connection for the next request, as far as is known."""
        ...

    async def open_ahead(self) -> None:
        """Have an idle connection for the next request, where that can be. Nothing is sent.

        :raises Broken: there is none.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection; what is under way breaks off."""
        ...


def keepalive_s(*, loopback: bool) -> float:
    """How long an idle connection is kept for another request."""
    return _LOOPBACK_KEEPALIVE_S if loopback else _KEEPALIVE_S
