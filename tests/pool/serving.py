"""A client of a server whose every byte a test writes itself."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint

IDENTIFIER = "ask-abcdefghijklmnopqrstuvwxyz234567"
TOKEN = "the-token-0123456789"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    answer: Served,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    authority: str = "",
) -> AsyncIterator[PoolClient]:
    """A client of a loopback server whose every connection is handled by ``answer``.

    :param host: by which the client knows the server.
    :param authority: see ``Endpoint``.
    """
    writers: list[asyncio.StreamWriter] = []
    handling: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        handling.append(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(connected, "", 0, family=socket.AF_INET, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    scheme = "http" if tls is None else "https"
    parsed = replace(parse_endpoint(f"{scheme}://{host}:{port}"), authority=authority)
    client = PoolClient(parsed, FixedToken(TOKEN), IDENTIFIER)
    try:
        yield client
    finally:
        await client.aclose()
        server.close()
        # Also a connection that is only just being accepted: its client may have left long ago.
        for _ in range(3):
            await asyncio.sleep(0)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, *handling, return_exceptions=True)
        for writer in writers:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for w in writers), return_exceptions=True)


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
