"""The HTTP connections to one pool: httpx, set up for it. Errors are mapped in ``failures``."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import ssl
import sys
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from .. import __version__
from ..common.errors import AnswerTooLarge, SettingsError, UnexpectedAnswer
from ..common.pip_hint import pip_install
from .call import Call
from .endpoints import Endpoint
from .failures import NETWORK_ERRORS, answer_failure, network_failure
from .tls import tls_context

CONNECT_TIMEOUT_S: Final = 10.0
WRITE_TIMEOUT_S: Final = 30.0
#: For each step of looking whether the host can be reached at all.
_LOOK_S: Final = 3.0
#: What a cell printed may come in such an answer.
_MAX_ERROR_BYTES: Final = 1024 * 1024
#: One long read, sends, interrupts and completions at once, and room for files.
_MAX_CONNECTIONS: Final = 20
#: Where many sessions share connections: httpcore's time for a request grows with them.
SESSIONS_A_CLIENT: Final = 4
#: Kestrel keeps idle connections 130 s; uvicorn, under the local pool, 5 s. As long as they allow:
#: over a new connection to a pool far away an interrupt takes a second.
_KEEPALIVE_S: Final = 120.0
_LOOPBACK_KEEPALIVE_S: Final = 4.0

# httpcore tries to import sniffio, which it no longer needs, at every step of every request. Where
# it is not installed, each try searches the whole path; this makes it fail at once instead.
if importlib.util.find_spec("sniffio") is None:
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]


class Connections:
    """Keep-alive HTTP/1.1 connections to the endpoint's origin, made when first needed.

    :param transport: instead of the network; for tests.
    :param shared: with whom the connections are shared; None: with nobody.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        transport: httpx.AsyncBaseTransport | None,
        shared: SharedConnections | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._shared = shared
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self.asked = False
        """Whether a request may have reached the pool, which then has a session."""

    async def open(
        self,
        call: Call,
        params: dict[str, str],
        body: bytes | None,
        timeouts: httpx.Timeout,
        progress: Progress,
        further: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send it and return the 2xx answer with its body unread; the caller closes it.

        :param further: headers.
        """
        http = await self._client()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {**(further or {}), "Authorization": f"Bearer {call.token}"}
        request = http.build_request(
            call.method,
            self._endpoint.join(call.path),
            params=params,
            content=body,
            headers=headers,
            timeout=timeouts,
            extensions={"trace": progress.trace},
        )
        self.asked = True
        progress.sent = self._transport is not None  # which traces nothing
        try:
            response = await http.send(request, stream=True)
        except NETWORK_ERRORS as error:
            sent = None if self._transport is not None else progress.sent
            raise network_failure(call, error, sent=sent) from error
        if response.is_success and _encoding(response) == "identity":
            return response
        try:
            await self._refuse(call, response)
        finally:
            await response.aclose()
        raise AssertionError("unreachable")

    async def _refuse(self, call: Call, response: httpx.Response) -> None:
        if response.is_success:
            error = UnexpectedAnswer(
                f"The answer to {call.name} is encoded as {_encoding(response)[:40]}, "
                "which was not asked for."
            )
            error.status = response.status_code
            raise error
        received = b""
        if _encoding(response) == "identity":
            received = await read_body(call, response, _MAX_ERROR_BYTES, cut=True)
        raise answer_failure(call, response.status_code, response.headers, received)

    async def trouble_on_the_way(self) -> str:
        """What keeps every request from the host, as ``doctor.evidence.Reply.trouble``; or "".

        Nothing is sent.
        """
        if self._transport is not None:
            return ""
        from .network import connect  # most kernels never need it

        found = await connect(self._endpoint.url, _LOOK_S, self._endpoint.authority)
        if found.tls is not None and not found.tls.trusted:
            return "untrusted"
        return next(iter(found.trouble.values()), "")

    async def aclose(self) -> None:
        if self._http is None:
            return
        if self._shared is None:
            await self._http.aclose()
        else:
            http, self._http = self._http, None
            await self._shared.give_back(self._endpoint, http)

    async def _client(self) -> httpx.AsyncClient:
        """:raises SettingsError: the environment's proxy or CA settings can't be used."""
        async with self._opening:
            if self._http is None:
                try:
                    if self._shared is not None:
                        self._http = await self._shared.take(self._endpoint)
                    else:
                        self._http = await self._own()
                except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
                    raise _unusable_environment(error) from error
            return self._http

    async def _own(self) -> httpx.AsyncClient:
        if self._transport is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            context = await _context(self._endpoint)
        return _new_client(self._endpoint, context, self._transport)


async def _context(endpoint: Endpoint) -> ssl.SSLContext:
    """Reading the CA store takes some 20 ms; without TLS it is not needed."""
    if endpoint.url.startswith("https:"):
        return await asyncio.to_thread(tls_context, endpoint.authority)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _new_client(
    endpoint: Endpoint,
    context: ssl.SSLContext,
    transport: httpx.AsyncBaseTransport | None = None,
    sessions: int = 1,
) -> httpx.AsyncClient:
    """:param sessions: that use it."""
    loopback = endpoint.loopback
    return httpx.AsyncClient(
        verify=context,
        transport=transport,
        http1=True,
        http2=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # takes none
        trust_env=not loopback,  # a proxy must never see the local pool's token
        limits=httpx.Limits(
            max_connections=sessions * _MAX_CONNECTIONS,
            max_keepalive_connections=sessions * _MAX_CONNECTIONS,
            keepalive_expiry=_LOOPBACK_KEEPALIVE_S if loopback else _KEEPALIVE_S,
        ),
        headers={
            "User-Agent": f"azure-session-kernel/{__version__}",
            "Accept-Encoding": "identity",  # compressed streams arrive late
        },
    )


@dataclass(eq=False)
class _Used:
    """:ivar users: how many sessions."""

    client: httpx.AsyncClient
    users: int = 0


class SharedConnections:
    """Those of many sessions of one event loop, while anybody uses that pool: one that comes gets
    the connections of one that has gone.

    A few sessions to a client, for with each request httpcore looks at every connection that its
    client has: 1.4 ms where it is one session's, 6.7 ms where it is that of 50.
    """

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], list[_Used]] = {}
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}
        self._making = asyncio.Lock()

    async def take(self, endpoint: Endpoint) -> httpx.AsyncClient:
        """For use until it is given back. Raises as making one does."""
        key = (endpoint.url, endpoint.authority)
        async with self._making:
            if key not in self._contexts:
                self._contexts[key] = await _context(endpoint)
        clients = self._of.setdefault(key, [])
        used = next((one for one in clients if one.users < SESSIONS_A_CLIENT), None)
        if used is None:
            context = self._contexts[key]
            used = _Used(_new_client(endpoint, context, sessions=SESSIONS_A_CLIENT))
            clients.append(used)
        used.users += 1
        return used.client

    async def give_back(self, endpoint: Endpoint, client: httpx.AsyncClient) -> None:
        """The last of all closes them."""
        key = (endpoint.url, endpoint.authority)
        clients = self._of[key]
        next(one for one in clients if one.client is client).users -= 1
        if not any(one.users for one in clients):
            del self._of[key]
            for one in clients:
                await one.client.aclose()


class Progress:
    """Whether a request may have reached the pool: told by httpcore's ``trace`` extension."""

    def __init__(self) -> None:
        self.sent = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.sent = True


#: What httpx takes from the environment; their values may hold passwords and are not shown.
_PROXIES: Final = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
_AUTHORITIES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def _unusable_environment(error: Exception) -> SettingsError:
    names = _AUTHORITIES if isinstance(error, OSError) else _PROXIES
    found = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    shown = ", ".join(found) or "the proxy or certificate settings"
    socks = isinstance(error, ImportError)
    return SettingsError(
        "No connection to the session pool can be set up with this machine's settings.",
        cause=f"{shown} can't be used: "
        + ("a SOCKS proxy needs another package." if socks else "the value is not valid."),
        fix=f"Install it where the kernel is installed:\n{pip_install('httpx[socks]')}"
        if socks
        else f"Correct or unset {shown} in the environment of Jupyter, and restart it.",
    )


def timeouts_of(read_s: float) -> httpx.Timeout:
    return httpx.Timeout(
        connect=min(CONNECT_TIMEOUT_S, read_s),
        read=read_s,
        write=WRITE_TIMEOUT_S,
        pool=CONNECT_TIMEOUT_S,
    )


def _encoding(response: httpx.Response) -> str:
    return response.headers.get("content-encoding", "").strip().lower() or "identity"


async def chunks_of(call: Call, response: httpx.Response) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except NETWORK_ERRORS as error:
        raise network_failure(call, error, sent=True) from error


async def read_body(
    call: Call, response: httpx.Response, limit: int, *, cut: bool = False
) -> bytes:
    """The body. Beyond ``limit`` bytes: ``cut`` it, or raise AnswerTooLarge."""
    received = bytearray()
    async for chunk in chunks_of(call, response):
        received += chunk
        if len(received) <= limit:
            continue
        if cut:
            break
        raise AnswerTooLarge(f"The answer to {call.name} is larger than {limit} bytes.")
    return bytes(received[:limit])
