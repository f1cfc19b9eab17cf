"""``PoolClient``: every byte to a session pool goes through here.

One request is four steps, each adding one concern: a token, one retry with a fresh token after a
401, a time limit, the exchange. Whatever fails is mapped in ``failures``.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..common.errors import (
    CredentialError,
    PoolError,
    SessionKernelError,
    Unauthorized,
    UnexpectedAnswer,
)
from ..common.within import within
from ..wire import BeyondDecoder, WireError, load
from .call import Call
from .connections import Connections, SharedConnections, chunks_of, read_body
from .credentials import TokenSource
from .endpoints import Endpoint
from .exchange import Progress, Response, Timeouts
from .failures import BODY_CHARS, network_failure, unreached
from .management import VERSIONS, is_gone, next_query, refuses_version, route, sessions_of

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

T = TypeVar("T")

#: One answer; a session is untrusted and could send for ever.
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
#: Of an answer that can't be read, in an error's text.
EXCERPT_CHARS: Final = 200
_MAX_PAGES: Final = 100


@dataclass(frozen=True)
class Answer:
    """A 2xx answer. :ivar headers: names in lower case. :ivar call: what it answers."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    call: Call | None = field(default=None, repr=False, compare=False)

    def json(self) -> Any:
        """:raises UnexpectedAnswer: when the body is not JSON, or is beyond ``wire.load``."""
        try:
            return self.decoded()
        except WireError as wrong:
            kind = self.headers.get("content-type", "no content type")[:80]
            beyond = isinstance(wrong, BeyondDecoder)
            error = UnexpectedAnswer(
                f"The answer of the session pool ({self.status}, {kind}) "
                f"{f'is beyond this kernel, for {wrong}' if beyond else 'is not JSON'}: "
                f"{self.excerpt() or 'it is empty'}",
                cause="Another program than the one this kernel expects answers in the session, "
                "or a proxy on the way.",
                fix="Check AZURE_SESSION_POOL_ENDPOINT. This looks further:\n"
                "azure-session-kernel doctor",
            )
            error.status, error.body = self.status, self.excerpt(BODY_CHARS)
            raise error from None

    def decoded(self) -> Any:
        """Its JSON. :raises WireError: there is none. :raises BeyondDecoder: see ``wire.load``."""
        return load(self.body.removeprefix(codecs.BOM_UTF8))

    def excerpt(self, limit: int = EXCERPT_CHARS) -> str:
        """What was received, for an error's text: printable, without token or identifier."""
        text = self.body[: limit * 8].decode("utf-8", "replace")
        clean = self.call.clean(text, limit) if self.call is not None else text[:limit]
        return " ".join("".join(c if c.isprintable() else " " for c in clean).split())


class PoolClient:
    """The requests of one session. Used by one event loop; any number of tasks at once.

    :param identifier: the session's; sent as ``identifier=`` and never shown in full.
    :param transport: instead of the network; for tests.
    :param shared: connections that other sessions of this event loop use, too.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        tokens: TokenSource,
        identifier: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        shared: SharedConnections | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.identifier = identifier
        self._tokens = tokens
        self._connections = Connections(endpoint, transport, shared)
        self._version = VERSIONS[0]
        self.used_at = time.time()
        """When the pool last had a request of this session, from which its cooldown counts: seconds
        since 1970, because other clocks stand still while a laptop sleeps."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        timeout_s: float = 30,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """One exchange with the session.

        :param body: JSON, sent as ``application/json`` unless ``headers`` says otherwise.
        :param timeout_s: for the whole exchange, without the time a token takes.
        :param answer_bytes: an answer that is larger is not read to its end.
        :raises PoolError: any answer outside 2xx, or none (``PoolUnreachable``).
        :raises CredentialError: no token.

        Cancelling it closes its connection; whether the pool acted on it is then unknown.
        """
        params = self._query(query)
        return await self._request(method, path, body, timeout_s, params, headers, answer_bytes)

    @asynccontextmanager
    async def stream(
        self, path: str, *, body: bytes, idle_timeout_s: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """``POST path``, its answer as raw chunks as they arrive.

        :param idle_timeout_s: silence of this length ends it with ``PoolUnreachable``.
        :raises PoolError: when entered, and while iterating.

        Leaving the block closes the connection at once, also in the middle of an answer.
        """

        async def attempt(token: str) -> tuple[Call, Response]:
            timeouts = Timeouts.of(idle_timeout_s)
            call = self._call("POST", path, token)
            return call, await self._connections.open(
                call, self._query(None), body, timeouts, Progress()
            )

        call, response = await self._with_token(attempt, self._call("POST", path, ""))
        chunks = chunks_of(call, response)
        self.used_at = time.time()
        try:
            yield chunks
            self.used_at = time.time()
        finally:
            try:
                await chunks.aclose()
            finally:
                await response.aclose()

    def open_ahead(self) -> None:
        """Have a connection ready for the next request, in the background: a pool far away takes as
        long for a new one as for two or three answers. Nothing is sent, and what fails is for that
        request to tell.
        """
        self._connections.open_ahead()

    @property
    def sends_at_once(self) -> bool:
        """Whether there is a connection for the next request, as far as is known."""
        return self._connections.has_idle

    async def call_of(self, method: str, path: str) -> Call:
        """The request as errors speak of it; it cleans what was answered of token and identifier.

        :raises CredentialError: no token.
        """
        return self._call(method, path, await self._tokens.token())

    async def stop_session(self, timeout_s: float) -> bool:
        """End the session. True when it is stopped or was gone; else the reason is logged.

        :param timeout_s: for all of it, the token included.

        Never raises, except when cancelled: it is called while the kernel shuts down.
        """
        try:
            await within(self.end_session(timeout_s), timeout_s)
        except SessionKernelError as error:
            if isinstance(error, PoolError) and is_gone(error):
                return True
            # No advice: a cell has had it, or doctor gives it.
            log.warning("the session could not be stopped: %s", error.what)
            return False
        except (TimeoutError, asyncio.TimeoutError):
            log.warning("the session was not stopped within %.1f s", timeout_s)
            return False
        return True

    async def end_session(self, timeout_s: float) -> None:
        """End the session. :raises PoolError: it is not ended, or there is none."""
        await self._managed("stop", timeout_s)

    async def metadata(self) -> Any:
        """What a built-in pool says of itself. :raises PoolError: as ``request``."""
        return (await self._managed("metadata")).json()

    def prefer_version(self, version: str) -> None:
        """An api-version that the pool has accepted; used for the calls about sessions."""
        if version in VERSIONS:
            self._version = version

    async def get_session(self) -> dict[str, Any] | None:
        """What the pool knows of the session; None when there is none. Does not allocate one.

        Fields (not all are always there): identifier, etag, createdAt, lastAccessedAt, expireAt
        or expiresAt; and date, the answer's header, for its times are those of the pool's clock.

        :raises PoolError: as ``request``.
        """
        try:
            answer = await self._managed("get")
        except PoolError as error:
            if is_gone(error):
                return None
            raise
        value = answer.json()
        if not isinstance(value, dict):
            raise UnexpectedAnswer("The answer of the session pool is not a session.")
        date = answer.headers.get("date")
        return value if date is None else {**value, "date": date}

    async def list_sessions(self) -> list[dict[str, Any]]:
        """All sessions of the pool, whoever uses them; fields as in ``get_session``.

        :raises UnexpectedAnswer: not a list, too many pages, or a next page on another host.
        :raises PoolError: as ``request``.
        """
        method, path = route(self._family, "list")
        sessions: list[dict[str, Any]] = []
        query: Mapping[str, str] | None = {"skip": "0"}
        for _ in range(_MAX_PAGES):
            page = await self._page(method, path, query or {})
            sessions += sessions_of(page)
            query = next_query(page, self.endpoint.url)
            if query is None:
                return sessions
        raise UnexpectedAnswer(f"The session pool lists more than {_MAX_PAGES} pages of sessions.")

    async def _page(self, method: str, path: str, query: Mapping[str, str]) -> Any:
        async def ask(version: Mapping[str, str]) -> Answer:
            return await self._request(method, path, None, 30, {**query, **version})

        return (await self._in_a_version(ask)).json()

    @property
    def asked(self) -> bool:
        """Whether anything was sent: without a token nothing is, and there is no session."""
        return self._connections.asked

    async def aclose(self) -> None:
        """Close every connection. The client can't be used afterwards."""
        await self._connections.aclose()

    # -- calls about sessions ----------------------------------------------------------------------

    async def _managed(self, action: str, timeout_s: float = 30) -> Answer:
        method, path = route(self._family, action)

        async def ask(version: Mapping[str, str]) -> Answer:
            return await self.request(method, path, timeout_s=timeout_s, query=version)

        return await self._in_a_version(ask)

    async def _in_a_version(self, ask: Callable[[Mapping[str, str]], Awaitable[Answer]]) -> Answer:
        """A pool may know only some of the api-versions."""
        refused: PoolError | None = None
        for version in dict.fromkeys((self._version, *VERSIONS)):
            try:
                answer = await ask({"api-version": version})
            except PoolError as error:
                if not refuses_version(error):
                    raise
                refused = refused or error
            else:
                self._version = version
                return answer
        assert refused is not None  # noqa: S101
        raise refused

    # -- the steps of one request, outermost first -------------------------------------------------

    async def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_s: float,
        params: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        async def attempt(token: str) -> Answer:
            call = self._call(method, path, token)
            return await self._within(timeout_s, call, dict(params), body, headers, answer_bytes)

        return await self._with_token(attempt, self._call(method, path, ""))

    async def _with_token(self, attempt: Callable[[str], Awaitable[T]], call: Call) -> T:
        """``attempt``, and once more with a fresh token after a 401, which did nothing.

        :param call: without a token: what an error is about when there is none.
        """
        try:
            token = await self._tokens.token()
        except CredentialError:
            # Nobody needs to sign in to a host that can't be reached. So says doctor, too.
            if trouble := await self._connections.trouble_on_the_way():
                raise unreached(call, trouble, sent=False) from None
            raise
        try:
            return await attempt(token)
        except Unauthorized:
            # Somebody else may have renewed it since this request took its own.
            fresh = await self._tokens.token()
            if fresh == token:
                fresh = await self._tokens.token(refresh=True)
            if fresh == token:
                raise
        return await attempt(fresh)

    async def _within(
        self,
        timeout_s: float,
        call: Call,
        params: dict[str, str],
        body: bytes | None,
        headers: Mapping[str, str] | None,
        answer_bytes: int,
    ) -> Answer:
        progress, timeouts = Progress(), Timeouts.of(timeout_s)
        exchange = self._exchange(call, params, body, headers, timeouts, progress, answer_bytes)
        try:
            return await within(exchange, timeout_s)
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise network_failure(call, error, sent=progress.sent) from error

    async def _exchange(
        self,
        call: Call,
        params: dict[str, str],
        body: bytes | None,
        headers: Mapping[str, str] | None,
        timeouts: Timeouts,
        progress: Progress,
        answer_bytes: int,
    ) -> Answer:
        response = await self._connections.open(call, params, body, timeouts, progress, headers)
        try:
            received = await read_body(call, response, answer_bytes)
            self.used_at = time.time()
        finally:
            await response.aclose()
        return Answer(response.status, response.headers, received, call)

    @property
    def _family(self) -> str:
        return "builtin" if self.endpoint.builtin else self.endpoint.kind

    def _call(self, method: str, path: str, token: str) -> Call:
        return Call(self.endpoint, method, path, self.identifier, token)

    def _query(self, query: Mapping[str, str] | None) -> dict[str, str]:
        return {**(query or {}), "identifier": self.identifier}
