"""The connections to one pool, and what its answers become. Errors are mapped in ``failures``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..causes.proxies import any_proxy
from ..common.errors import AnswerTooLarge, SettingsError, UnexpectedAnswer
from ..common.pip_hint import pip_install
from .call import Call
from .direct import Direct
from .endpoints import Endpoint
from .exchange import Broken, Carrier, Progress, Request, Response, Timeouts
from .failures import answer_failure, network_failure
from .tls import tls_context

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

#: For each step of looking whether the host can be reached at all.
_LOOK_S: Final = 3.0
#: What a cell printed may come in such an answer.
_MAX_ERROR_BYTES: Final = 1024 * 1024
#: Where many sessions share connections: httpcore, behind a proxy, takes longer with each of them.
SESSIONS_A_CARRIER: Final = 4


class Connections:
    """Keep-alive HTTP/1.1 connections to the endpoint's origin, made when first needed.

    :param transport: instead of the network.
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
        self._carrier: Carrier | None = None
        self._opening = asyncio.Lock()
        self._ahead: asyncio.Task[None] | None = None
        self.asked = False
        """Whether a request may have reached the pool, which then has a session."""

    async def open(
        self,
        call: Call,
        params: Mapping[str, str],
        body: bytes | None,
        timeouts: Timeouts,
        progress: Progress,
        further: Mapping[str, str] | None = None,
    ) -> Response:
        """Send it and return the 2xx answer with its body unread; the caller closes it.

        :param further: headers.
        """
        carrier = await self._made()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {**(further or {}), "Authorization": f"Bearer {call.token}"}
        url = self._endpoint.join(call.path)
        if self._ahead is not None and not self.asked:
            # This one takes what was opened ahead, if that is ready; then the next has one, too.
            self.open_ahead()
        self.asked = True
        try:
            response = await carrier.send(
                Request(call.method, url, params, headers, body), timeouts, progress
            )
        except Broken as error:
            raise network_failure(call, error, sent=progress.sent) from error
        log.debug("%s %s: %d", call.method, call.path, response.status)
        if response.status // 100 == 2 and _encoding(response) == "identity":
            return response
        try:
            await self._refuse(call, response)
        finally:
            await response.aclose()
        raise AssertionError("unreachable")

    async def _refuse(self, call: Call, response: Response) -> None:
        if response.status // 100 == 2:
            error = UnexpectedAnswer(
                f"The answer to {call.name} is encoded as {_encoding(response)[:40]}, "
                "which was not asked for."
            )
            error.status = response.status
            raise error
        received = b""
        if _encoding(response) == "identity":
            received = await read_body(call, response, _MAX_ERROR_BYTES, cut=True)
        raise answer_failure(call, response.status, response.headers, received)

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

    @property
    def has_idle(self) -> bool:
        return self._carrier is not None and self._carrier.has_idle

    def open_ahead(self) -> None:
        """See ``PoolClient.open_ahead``."""
        if self._ahead is None or self._ahead.done():
            self._ahead = asyncio.create_task(self._open_ahead())

    async def _open_ahead(self) -> None:
        with contextlib.suppress(SettingsError, Broken):
            await (await self._made()).open_ahead()

    async def aclose(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.wait({self._ahead})
        if self._carrier is None:
            return
        if self._shared is None:
            await self._carrier.aclose()
        else:
            carrier, self._carrier = self._carrier, None
            await self._shared.give_back(self._endpoint, carrier)

    async def _made(self) -> Carrier:
        """:raises SettingsError: the environment's proxy or CA settings can't be used."""
        if self._carrier is not None:
            return self._carrier
        async with self._opening:
            if self._carrier is None:
                try:
                    if self._shared is not None:
                        self._carrier = await self._shared.take(self._endpoint)
                    else:
                        self._carrier = await self._own()
                except (ImportError, ValueError, OSError) as error:
                    raise _unusable_environment(error) from error
            return self._carrier

    async def _own(self) -> Carrier:
        if self._transport is None:
            return _carrier(self._endpoint, await _context(self._endpoint))
        from .through_httpx import ThroughHttpx

        return ThroughHttpx(self._endpoint, None, transport=self._transport)


async def _context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """None without TLS. Reading the CA store takes some 20 ms."""
    if endpoint.url.startswith("https:"):
        return await asyncio.to_thread(tls_context, endpoint.authority)
    return None


def _carrier(endpoint: Endpoint, context: ssl.SSLContext | None, sessions: int = 1) -> Carrier:
    """:param sessions: that use it."""
    if endpoint.loopback or not any_proxy(endpoint.url):
        return Direct(endpoint, context, sessions)
    from .through_httpx import ThroughHttpx

    return ThroughHttpx(endpoint, context, sessions)


@dataclass(eq=False)
class _Used:
    """:ivar users: how many sessions."""

    carrier: Carrier
    users: int = 0


class SharedConnections:
    """Those of many sessions of one event loop, while anybody uses that pool: one that comes gets
    the connections of one that has gone.

    A few sessions to a carrier, for with each request httpcore looks at every connection that its
    client has: 1.4 ms where it is one session's, 6.7 ms where it is that of 50.
    """

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], list[_Used]] = {}
        self._contexts: dict[tuple[str, str], ssl.SSLContext | None] = {}
        self._making = asyncio.Lock()

    async def take(self, endpoint: Endpoint) -> Carrier:
        """For use until it is given back. Raises as making one does."""
        key = (endpoint.url, endpoint.authority)
        async with self._making:
            if key not in self._contexts:
                self._contexts[key] = await _context(endpoint)
        carriers = self._of.setdefault(key, [])
        used = next((one for one in carriers if one.users < SESSIONS_A_CARRIER), None)
        if used is None:
            used = _Used(_carrier(endpoint, self._contexts[key], SESSIONS_A_CARRIER))
            carriers.append(used)
        used.users += 1
        return used.carrier

    async def give_back(self, endpoint: Endpoint, carrier: Carrier) -> None:
        """The last of all closes them."""
        key = (endpoint.url, endpoint.authority)
        carriers = self._of[key]
        next(one for one in carriers if one.carrier is carrier).users -= 1
        if not any(one.users for one in carriers):
            del self._of[key]
            for one in carriers:
                await one.carrier.aclose()


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


def _encoding(response: Response) -> str:
    return response.headers.get("content-encoding", "").strip().lower() or "identity"


async def chunks_of(call: Call, response: Response) -> AsyncGenerator[bytes, None]:
    try:
        async with contextlib.aclosing(response.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk
    except Broken as error:
        raise network_failure(call, error, sent=True) from error


async def read_body(call: Call, response: Response, limit: int, *, cut: bool = False) -> bytes:
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
