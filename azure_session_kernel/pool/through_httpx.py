"""The carrier where a proxy may be on the way: httpx, which reads the environment for it.

It is imported only then, for it takes a sixth of a kernel's start.
"""

from __future__ import annotations

import contextlib
import importlib.util
import ssl
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

# httpcore tries to import sniffio, which it no longer needs, at every step of every request. Where
# it is not installed, each try searches the whole path; this makes it fail at once instead.
if importlib.util.find_spec("sniffio") is None:
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

import httpx

from .endpoints import Endpoint
from .exchange import (
    HEADERS,
    MAX_CONNECTIONS,
    Broken,
    Progress,
    ProxyFailed,
    Request,
    Timeouts,
    TooSlow,
    keepalive_s,
)
from .log_filter import keep_identifiers_out_of_logs

_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class ThroughHttpx:
    """See ``Carrier``.

    :param context: None without TLS.
    :param sessions: that use it; each is good for ``MAX_CONNECTIONS``.
    :param transport: instead of the network.
    :raises ValueError: a proxy of the environment is not one.
    :raises ImportError: it needs another package.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        context: ssl.SSLContext | None,
        sessions: int = 1,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        keep_identifiers_out_of_logs()
        self._traced = transport is None
        try:
            self._http = httpx.AsyncClient(
                verify=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                transport=transport,
                http1=True,
                http2=False,
                follow_redirects=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # takes none
                trust_env=not endpoint.loopback,  # a proxy must never see the local pool's token
                limits=httpx.Limits(
                    max_connections=sessions * MAX_CONNECTIONS,
                    max_keepalive_connections=sessions * MAX_CONNECTIONS,
                    keepalive_expiry=keepalive_s(loopback=endpoint.loopback),
                ),
                headers=HEADERS,
            )
        except httpx.InvalidURL as error:
            raise ValueError("not a URL") from error

    async def send(self, request: Request, timeouts: Timeouts, progress: Progress) -> _Answer:
        """See ``Carrier``."""

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                progress.sent = True

        built = self._http.build_request(
            request.method,
            request.url,
            params=dict(request.query),
            content=request.body,
            headers=request.headers,
            timeout=httpx.Timeout(
                connect=timeouts.connect_s,
                read=timeouts.read_s,
                write=timeouts.write_s,
                pool=timeouts.place_s,
            ),
            extensions={"trace": trace},
        )
        progress.sent = not self._traced
        with _failures(progress):
            return _Answer(await self._http.send(built, stream=True))

    @property
    def has_idle(self) -> bool:
        """httpx does not tell."""
        return False

    async def open_ahead(self) -> None:
        """httpx makes a connection for a request only."""

    async def aclose(self) -> None:
        await self._http.aclose()


class _Answer:
    """See ``Response``."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status, self.headers = response.status_code, dict(response.headers)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with _failures(Progress()):
            async for chunk in self._response.aiter_bytes():
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


@contextlib.contextmanager
def _failures(progress: Progress) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError, OSError) as error:
        if isinstance(error, _NOT_SENT):
            progress.sent = False  # also when a proxy's CONNECT was sent
        kind: type[Broken] = Broken
        if isinstance(error, httpx.ProxyError):
            kind = ProxyFailed
        elif isinstance(error, httpx.TimeoutException):
            kind = TooSlow
        raise kind(type(error).__name__) from error
