"""Harmless requests to a pool, each as the reply that a diagnosis judges."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from ..causes.evidence import NOBODY, Reply
from ..causes.hosts import is_loopback
from ..common.errors import CredentialError, PoolError
from ..pool.client import Answer, PoolClient
from ..pool.credentials import FixedToken
from ..pool.endpoints import Endpoint
from ..pool.failures import reply_of
from ..wire import PROTOCOL_VERSION, dump
from .programs import is_execution, is_hello, is_run, printing

API_VERSION: Final = {"api-version": "2025-02-02-preview"}
#: One hello waits so long for an interpreter that is starting, in seconds.
HELLO_WAIT_S: Final = 7.0


@dataclass(frozen=True)
class Probe:
    """One request of the routing check. Harmless: no code runs but ``1`` and a ``print``.

    :ivar fits: whether the body of a 2xx is what that route answers; None: any body is.
    """

    name: str
    method: str
    path: str
    body: bytes | None = None
    query: Mapping[str, str] | None = None
    fits: Callable[[bytes], bool] | None = None


def hello_body(reader: str) -> bytes:
    value: dict[str, Any] = {"protocol": PROTOCOL_VERSION, "reader": reader}
    return dump({**value, "wait_s": HELLO_WAIT_S})


def probes(
    execute_path: str, reader: str, *, builtin: bool, adapter: bool = False
) -> dict[str, Probe]:
    """All of them, by name.

    :param adapter: our adapter is there, so no code needs to run to find out what is.
    """
    query = API_VERSION if builtin else None
    inline = {"codeInputType": "inline", "executionType": "synchronous", "code": "1"}
    executions = b"{}" if adapter else dump({**inline, "timeoutInSeconds": 30})
    run = b"{}" if adapter else dump({"properties": {"code": printing().code, "stdin": ""}})
    found: tuple[Probe, ...] = (
        Probe("hello", "POST", "/jupyter/hello", hello_body(reader), query, is_hello),
        Probe("health", "GET", "/health", None, query),
        Probe("root", "GET", "/", None, query),
        Probe("execute", "POST", execute_path, run, query, is_run),
        Probe("execute-sample", "POST", "/execute", run, query, is_run),
        Probe("executions", "POST", "/executions", executions, API_VERSION, is_execution),
        Probe("code-execute", "POST", "/code/execute", b"{}", query),
        Probe("runtimes", "GET", "/api/v2/runtimes", None, query),
        Probe("unknown", "GET", "/no-such-route-of-doctor", None, query),
    )
    trimmed = re.sub(r"/{2,}", "/", execute_path).rstrip("/")
    if trimmed and trimmed != execute_path:
        found = (*found, Probe("execute-trimmed", "POST", trimmed, run, query, is_run))
    return {probe.name: probe for probe in found}


async def ask(client: PoolClient, probe: Probe, timeout_s: float) -> tuple[Reply, Answer | None]:
    """The reply, and the answer itself when it is a 2xx.

    :raises CredentialError: no token.
    """
    begun = time.monotonic()
    try:
        answer = await client.request(
            probe.method, probe.path, body=probe.body, timeout_s=timeout_s, query=probe.query
        )
    except PoolError as error:
        return _of_error(probe, error, time.monotonic() - begun), None
    except CredentialError:
        raise
    call = await client.call_of(probe.method, probe.path)
    reply = reply_of(call, answer.status, answer.headers, answer.body[:65536], probe.name)
    odd = probe.fits is not None and not probe.fits(answer.body)
    return replace(reply, took_s=time.monotonic() - begun, odd=odd), answer


def _of_error(probe: Probe, error: PoolError, took_s: float) -> Reply:
    found = error.reply
    if found is None:  # an answer that could not be read
        found = Reply(probe.name, probe.method, probe.path, error.status, body=error.what)
        found = replace(found, who=NOBODY, trouble="broken")
    return replace(found, probe=probe.name, took_s=took_s)


async def ask_all(
    client: PoolClient, wanted: list[Probe], timeout_s: Callable[[str], float]
) -> list[Reply]:
    """At once; they take as long as the slowest. :param timeout_s: of a probe, by its name."""
    asked = (ask(client, probe, timeout_s(probe.name)) for probe in wanted)
    return [reply for reply, _ in await asyncio.gather(*asked)]


class WithoutToken(httpx.AsyncHTTPTransport):
    """For ``--direct``: a container that is no pool gets no token."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers.pop("authorization", None)
        return await super().handle_async_request(request)


def direct_client(url: str, identifier: str) -> PoolClient:
    """A client of a container without a pool.

    :raises ValueError: not an http or https URL.
    """
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:  # which is no ValueError
        parts = httpx.URL("")
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ValueError("--direct needs a URL such as http://localhost:8080")
    host = parts.host.lower()
    base = str(parts.copy_with(query=None, fragment=None)).rstrip("/")
    endpoint = Endpoint(base, host, "direct", is_loopback(host))
    return PoolClient(
        endpoint, FixedToken("no-token-is-sent"), identifier, transport=WithoutToken()
    )
