"""Connections that many sessions of one process share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.connections import SESSIONS_A_CARRIER, SharedConnections
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import Endpoint, parse_endpoint

pytestmark = pytest.mark.usefixtures("carrier")


class Server:
    """Answers every request, and keeps connections open."""

    def __init__(self) -> None:
        self.connections, self.closed = 0, asyncio.Event()
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await _request(reader):
            self.asked.append(head.split(b" ")[1])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()
        self.closed.set()


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Endpoint]]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield server, parse_endpoint(f"http://127.0.0.1:{port}")


async def test_sessions_use_each_others_connection_and_the_last_one_closes_it(
    server: tuple[Server, Endpoint],
) -> None:
    pool, endpoint = server
    shared = SharedConnections()
    one, other = (
        PoolClient(endpoint, FixedToken("t"), identifier, shared=shared)
        for identifier in ("first", "second")
    )
    for client in (one, other, one):
        await client.request("GET", "/x")
    assert pool.connections == 1
    assert [b"first" in asked for asked in pool.asked] == [True, False, True]
    await one.aclose()
    await one.aclose()  # does nothing the second time
    await other.request("GET", "/x")
    assert (pool.connections, pool.closed.is_set()) == (1, False)
    await other.aclose()
    await pool.closed.wait()


async def test_one_that_comes_gets_a_connection_of_one_that_has_gone(
    server: tuple[Server, Endpoint],
) -> None:
    """Few use one client, which gets slower with each, and none is closed while any is used."""
    pool, endpoint = server
    shared = SharedConnections()

    def session(number: int) -> PoolClient:
        return PoolClient(endpoint, FixedToken("t"), f"session-{number}", shared=shared)

    first, *others = map(session, range(SESSIONS_A_CARRIER + 1))
    for client in (first, *others):
        await client.request("GET", "/x")
    assert pool.connections == 2
    await first.aclose()
    later = session(100)
    await later.request("GET", "/x")
    assert (pool.connections, pool.closed.is_set()) == (2, False)
    for client in (later, *others):
        await client.aclose()
    await pool.closed.wait()


async def test_whether_a_session_was_asked_for_is_its_own_truth(
    server: tuple[Server, Endpoint],
) -> None:
    """One that nothing was sent for need not be stopped."""
    _, endpoint = server
    shared = SharedConnections()
    one, other = (PoolClient(endpoint, FixedToken("t"), i, shared=shared) for i in ("a", "b"))
    await one.request("GET", "/x")
    assert (one.asked, other.asked) == (True, False)
    await one.aclose()
    await other.aclose()
