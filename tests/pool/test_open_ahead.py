"""A connection that waits for the next request to a pool that is far away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable

import pytest

from azure_session_kernel.common.errors import PoolUnreachable
from azure_session_kernel.common.within import within
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint

LIMIT_S = 60


class Server:
    """Answers every request. :ivar asked: the number of the connection that each came on."""

    def __init__(self) -> None:
        self.connections: list[asyncio.StreamWriter] = []
        self.closed = 0
        self.asked: list[int] = []
        self._changed = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.connections)
        self.connections.append(writer)
        await self._tell()
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                self.asked.append(number)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()
        self.closed += 1
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await within(self._changed.wait_for(condition), LIMIT_S)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, PoolClient]]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        client = PoolClient(parse_endpoint(f"http://127.0.0.1:{port}"), FixedToken("t"), "i")
        yield server, client
        await client.aclose()
        await server.until(lambda: server.closed == len(server.connections))


async def _made_ahead(client: PoolClient) -> None:
    client.open_ahead()
    assert client._connections._ahead is not None
    await client._connections._ahead


async def test_the_next_request_goes_over_the_connection_that_was_made_ahead(
    server: tuple[Server, PoolClient],
) -> None:
    pool, client = server
    client.open_ahead()
    await _made_ahead(client)
    assert (pool.asked, client.asked) == ([], False)
    await client.request("GET", "/a")
    await _made_ahead(client)  # that one is idle again, which is enough
    await client.request("GET", "/b")
    assert pool.asked == [0, 0]


async def test_the_first_request_leaves_one_for_what_comes_while_it_is_under_way(
    server: tuple[Server, PoolClient],
) -> None:
    """A read that is held takes its connection, and the first cell follows at once."""
    pool, client = server
    await _made_ahead(client)
    await client.request("GET", "/a")
    await client._connections._ahead  # type: ignore[misc]
    await pool.until(lambda: len(pool.connections) == 2)
    async with client.stream("/held", body=b"", idle_timeout_s=LIMIT_S):
        await client.request("GET", "/b")
    assert (pool.asked, len(pool.connections)) == ([0, 0, 1], 2)


async def test_one_that_the_pool_has_closed_is_not_used(server: tuple[Server, PoolClient]) -> None:
    pool, client = server
    await _made_ahead(client)
    await pool.until(lambda: len(pool.connections) == 1)
    assert client.sends_at_once
    pool.connections[0].close()
    await pool.until(lambda: pool.closed == 1)
    assert not client.sends_at_once
    await client.request("GET", "/a")
    assert pool.asked == [1]


async def test_an_end_that_comes_meanwhile_leaves_none_open(
    server: tuple[Server, PoolClient],
) -> None:
    pool, client = server
    client.open_ahead()
    await client.aclose()
    await pool.until(lambda: pool.closed == len(pool.connections))


@pytest.mark.parametrize("turns", range(16))
async def test_a_request_that_is_cancelled_while_it_connects_leaves_no_socket(
    server: tuple[Server, PoolClient], turns: int
) -> None:
    """Not to the garbage collector either, whose warning is an error here."""
    asking = asyncio.create_task(server[1].request("GET", "/a"))
    for _ in range(turns):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    del asking
    gc.collect()


async def test_where_there_is_no_pool_the_request_says_so(unused_tcp_port: int) -> None:
    client = PoolClient(parse_endpoint(f"http://127.0.0.1:{unused_tcp_port}"), FixedToken("t"), "i")
    client.open_ahead()
    with pytest.raises(PoolUnreachable):
        await client.request("GET", "/a")
    await client.aclose()
