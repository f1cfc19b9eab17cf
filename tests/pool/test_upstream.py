"""The connections from the pool to a session's container, with a container that counts them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from azure_session_kernel.emulator.front.upstream import Address, Upstream


class Container:
    """Answers each request with the same bytes, on however many connections."""

    def __init__(self, answer: bytes) -> None:
        self.connections = 0
        self._answer = answer
        self._ended: list[asyncio.Event] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        ended = asyncio.Event()
        self._ended.append(ended)
        with contextlib.suppress(ConnectionError):
            while await reader.readline():
                writer.write(self._answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    async def ended(self) -> None:
        """Every connection has been closed."""
        for ended in self._ended:
            await asyncio.wait_for(ended.wait(), 30)


@pytest.fixture
async def container(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Container, Upstream]]:
    container = Container(request.param)
    server = await asyncio.start_server(container.take, "127.0.0.1", 0)
    upstream = Upstream(Address(port=server.sockets[0].getsockname()[1]))
    async with server:
        yield container, upstream
        upstream.close()
        await container.ended()


async def _exchange(upstream: Upstream) -> bytes:
    connection = await upstream.connect()
    await connection.write((b"GET / HTTP/1.1\n",))
    connection.request_sent = True
    await connection.head()
    body = b""
    while not connection.complete or connection.has_pieces:
        body += await connection.piece()
    upstream.release(connection)
    return body


@pytest.mark.parametrize(
    "container",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
    ids=["with a length", "in pieces"],
    indirect=True,
)
async def test_one_request_after_another_takes_the_same_connection(
    container: tuple[Container, Upstream],
) -> None:
    counted, upstream = container
    assert [await _exchange(upstream) for _ in range(3)] == [b"ok"] * 3
    assert counted.connections == 1


@pytest.mark.parametrize(
    "container",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
    ids=["HTTP/1.1", "HTTP/1.0"],
    indirect=True,
)
async def test_none_follows_on_a_connection_that_the_container_will_close(
    container: tuple[Container, Upstream],
) -> None:
    counted, upstream = container
    assert [await _exchange(upstream) for _ in range(3)] == [b"ok"] * 3
    assert counted.connections == 3
