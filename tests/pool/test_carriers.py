"""What holds whoever carries the bytes: our own connections, or httpx."""

from __future__ import annotations

import asyncio
import logging

import pytest

from azure_session_kernel.common.errors import PoolUnreachable
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.connections import SharedConnections
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.direct import Direct
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.pool.through_httpx import ThroughHttpx

from .serving import CHUNKED, IDENTIFIER, TOKEN, free_port, head_of, serving

carried = pytest.mark.usefixtures("carrier")


@carried
async def test_a_proxy_never_sees_the_local_pools_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with serving(answer) as client:
        assert (await client.request("GET", "/x")).body == b"ok"


@carried
async def test_one_connection_serves_requests_one_after_the_other() -> None:
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await head_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    async with serving(answer) as client:
        for _ in range(3):
            await client.request("GET", "/x")
    assert connections == 1


@carried
async def test_a_silent_pool_ends_the_request_in_time_and_it_counts_as_sent() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(answer) as client:
        with pytest.raises(PoolUnreachable) as caught:
            await client.request("POST", "/x", body=b"{}", timeout_s=1)
    assert caught.value.sent is True


@carried
async def test_a_pool_that_trickles_can_not_hold_a_request_beyond_its_time() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(CHUNKED)
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(answer) as client:
        with pytest.raises(PoolUnreachable, match="broke off"):
            await client.request("GET", "/x", timeout_s=1)


@carried
async def test_a_connection_dropped_before_the_answer_counts_as_sent() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)

    async with serving(answer) as client:
        with pytest.raises(PoolUnreachable) as caught:
            await client.request("GET", "/x")
    assert caught.value.sent is True


@carried
async def test_a_stream_gives_each_chunk_as_it_arrives_while_other_requests_go_on() -> None:
    go_on = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        if head.startswith(b"GET /go"):
            go_on.set()
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            assert (await reader.readexactly(2)) == b"{}"
            writer.write(CHUNKED + b"3\r\none\r\n")
            await writer.drain()
            await go_on.wait()
            writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        await writer.drain()

    async with (
        serving(answer) as client,
        client.stream("/jupyter/read", body=b"{}", idle_timeout_s=60) as chunks,
    ):
        assert await chunks.__anext__() == b"one"
        await client.request("GET", "/go")
        assert [chunk async for chunk in chunks] == [b"two"]


@carried
async def test_leaving_a_stream_closes_its_connection_at_once() -> None:
    closed = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(CHUNKED + b"3\r\none\r\n")
        await writer.drain()
        await reader.readexactly(2)
        assert await reader.read() == b""
        closed.set()

    async with serving(answer) as client:
        async with client.stream("/read", body=b"{}", idle_timeout_s=60) as chunks:
            await chunks.__anext__()
        await closed.wait()


@carried
@pytest.mark.parametrize("ending", ["silence", "break"])
async def test_a_stream_that_falls_silent_or_breaks_is_unreachable(ending: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(CHUNKED + b"3\r\none\r\n")
        await writer.drain()
        if ending == "silence":
            await reader.readexactly(2)
            await reader.read()

    async with serving(answer) as client:
        received = []
        with pytest.raises(PoolUnreachable) as caught:
            async with client.stream("/read", body=b"{}", idle_timeout_s=1) as chunks:
                async for chunk in chunks:
                    received.append(chunk)
    assert received == [b"one"]
    assert caught.value.sent is True


async def test_no_log_holds_the_identifier_or_the_token(
    carrier: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
            b"Operation-Location: /executions/1?identifier=%s\r\n\r\n" % IDENTIFIER.encode()
        )
        await writer.drain()

    with caplog.at_level(logging.DEBUG):
        async with serving(answer) as client:
            await client.request("GET", "/health")
    assert "GET /health: 200" in caplog.text
    assert ("identifier=…" in caplog.text) is (carrier == "httpx")
    assert IDENTIFIER not in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("environment", "carrier"),
    [
        ({}, Direct),
        ({"HTTPS_PROXY": ""}, Direct),
        ({"HTTP_PROXY": "http://proxy:3128"}, Direct),  # a pool is not asked over http
        ({"https_proxy": "http://proxy:3128"}, ThroughHttpx),
        ({"ALL_PROXY": "http://proxy:3128"}, ThroughHttpx),
        # What it means for which host is httpx's to say.
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, ThroughHttpx),
    ],
)
async def test_httpx_carries_the_bytes_where_there_may_be_a_proxy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], carrier: type
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    endpoint = parse_endpoint("https://x.azurecontainerapps.io")
    shared = SharedConnections()
    taken = await shared.take(endpoint)
    assert type(taken) is carrier
    await shared.give_back(endpoint, taken)


async def test_a_proxy_is_asked_for_the_way_and_one_that_refuses_gets_no_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with serving(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint.url)
        endpoint = parse_endpoint("https://x.azurecontainerapps.io")
        client = PoolClient(endpoint, FixedToken(TOKEN), IDENTIFIER)
        with pytest.raises(PoolUnreachable, match="HTTPS_PROXY") as caught:
            await client.request("POST", "/x")
        await client.aclose()
    assert caught.value.sent is False
    assert heads[0].startswith(b"CONNECT x.azurecontainerapps.io:443 ")
    assert TOKEN.encode() not in heads[0]
