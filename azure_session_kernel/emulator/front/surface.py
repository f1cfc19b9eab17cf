"""How a front differs from a healthy one. What makes it differ is not in this package."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from starlette.middleware import Middleware
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ...pool.local_record import LocalPool
from ..sessions.sessions import SessionPool
from .front_token import FrontToken


class Faults(Protocol):
    """What breaks single requests on their way (``azure_session_laboratory/faults/front.py``).

    One object for each pool, whose front asks for everything once, before it serves.

    :ivar control_path: requests below it are for ``routes`` and never broken.
    """

    control_path: str

    def middleware(self, pool: SessionPool, token: FrontToken) -> Middleware:
        """What each request meets before its token is looked at."""

    def routes(self) -> Sequence[Route]:
        """Answered ahead of the pool's own; they need the token."""

    def protocol(self) -> type[HttpToolsProtocol]:
        """uvicorn's HTTP protocol, where connections can be reached."""

    async def stop(self) -> None:
        """Nothing is broken any more, and no request is held. The pool's sessions still run."""


@dataclass(frozen=True)
class Surface:
    """All of it; what is not given is healthy.

    :ivar in_front: what a request meets before the pool does; outermost first.
    :ivar tls: serve https with it.
    :ivar record: what is recorded of the pool, made from what is true.
    :ivar dated: the server writes the Date header.
    :ivar occupied_by: identifiers whose sessions are there from the beginning.
    :ivar faults: what breaks single requests.
    """

    in_front: Sequence[Middleware] = ()
    tls: ssl.SSLContext | None = None
    record: Callable[[LocalPool], LocalPool] = lambda record: record
    dated: bool = True
    occupied_by: Sequence[str] = ()
    faults: Faults | None = None

    def recorded(self, pool: LocalPool) -> LocalPool:
        if self.tls is not None:
            pool = replace(pool, url=pool.url.replace("http:", "https:", 1))
        return self.record(pool)
