"""What a server may send for an answer, and what it must not."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from azure_session_kernel.common.errors import PoolUnreachable, UnexpectedAnswer
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.pool.http1 import MAX_WAITING_BYTES

from .serving import CHUNKED, IDENTIFIER, OK, TOKEN, head_of, playing, serving

# -- what is no answer


@pytest.mark.parametrize(
    ("begin", "forever"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"x" * 100),
        (b"HTTP/1.1 200 ", b"O" * 100),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"\r\n"),
        (CHUNKED + b"1;", b"x" * 100),
        (CHUNKED, b"0" * 100),
        (CHUNKED + b"0\r\n", b"X: y\r\n"),
        (CHUNKED + b"0\r\nX", b"x" * 100),
    ],
    ids=[
        *("value", "headers", "name", "reason", "interim", "empty lines"),
        *("extension", "size", "trailers", "trailer"),
    ],
)
async def test_what_never_comes_to_a_body_is_ended_by_its_size(
    begin: bytes, forever: bytes
) -> None:
    async with serving(playing(begin, forever=forever)) as client:
        with pytest.raises(PoolUnreachable) as caught:
            await client.request("GET", "/x")
    assert caught.value.sent is True
    assert "No answer in time" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\xff\r\n\r\n",
        b"hello",
        b"HTTP/1.1 ",
        b"HTTP/1.1 200 OK\r\nX: y\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX\0: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999999\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nok",
        b"HTTP/1.1 101 Switching\r\n\r\n" + OK,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        CHUNKED + b"x\r\nok\r\n",
        CHUNKED + b"-1\r\nok\r\n",
        CHUNKED + b"fffffffffffffffff\r\nok\r\n",
        CHUNKED + b"2\r\nokay\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nok\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n",
    ],
)
async def test_what_is_no_answer_or_not_all_of_one_is_none_and_the_request_may_have_arrived(
    answer: bytes,
) -> None:
    async with serving(playing(answer)) as client:
        with pytest.raises(PoolUnreachable) as caught:
            await client.request("POST", "/x", body=b"{}")
    assert caught.value.sent is True


async def test_what_came_before_a_stream_breaks_is_read() -> None:
    received = []
    async with serving(playing(CHUNKED + b"2\r\nok\r\nx")) as client:
        with pytest.raises(PoolUnreachable, match="broke off"):
            async with client.stream("/read", body=b"{}", idle_timeout_s=60) as chunks:
                async for chunk in chunks:
                    received.append(chunk)
    assert received == [b"ok"]


# -- what is one


@pytest.mark.parametrize("split", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"\r\n" + OK,
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK,
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        CHUNKED + b"1;a=b\r\no\r\n1\r\nk\r\n0\r\nX: y\r\n\r\n",
    ],
)
async def test_each_way_to_end_an_answer_is_understood(answer: bytes, split: bool) -> None:
    pieces = [answer[n : n + 1] for n in range(len(answer))] if split else [answer]
    async with serving(playing(*pieces)) as client:
        answered = await client.request("GET", "/x")
    assert (answered.status, answered.body) == (200, b"ok")
    assert "x" not in answered.headers, "neither of an interim answer nor from behind the body"


async def test_an_answer_keeps_all_headers_of_one_name() -> None:
    lines = b"X: a\r\nx: b\r\nY: \xc3\xa9\r\nZ: \xe9\r\nContent-Length: 0\r\n\r\n"
    async with serving(playing(b"HTTP/1.1 200 OK\r\n" + lines)) as client:
        headers = (await client.request("GET", "/x")).headers
    assert dict(headers) == {"x": "a, b", "y": "é", "z": "é", "content-length": "0"}


async def test_an_answer_that_comes_before_the_request_is_sent_ends_the_sending() -> None:
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await over.wait()

    async with serving(answer) as client:
        with pytest.raises(UnexpectedAnswer, match="too large"):
            await client.request("POST", "/x", body=bytes(32_000_000))
        over.set()


ANSWERS_AND_CLOSES = """
import socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 413 Too Large\\r\\nContent-Length: 3\\r\\n\\r\\nbig")
    connection.close()  # with unread bytes: a reset
"""


async def test_an_answer_is_read_though_the_request_can_not_be_sent_to_its_end() -> None:
    """A process of its own, for one that shares this one's lock answers at other moments."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inherited = listener.fileno()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-c", ANSWERS_AND_CLOSES, str(inherited)]
        server = await asyncio.create_subprocess_exec(*command, pass_fds=[inherited])
    client = PoolClient(parse_endpoint(url), FixedToken(TOKEN), IDENTIFIER)
    refused = 0
    try:
        for _ in range(20):
            with pytest.raises((UnexpectedAnswer, PoolUnreachable)) as caught:
                await client.request("POST", "/x", body=bytes(4_000_000))
            refused += "too large" in str(caught.value)
    finally:
        await client.aclose()
        server.kill()
        await server.wait()
    assert refused > 10, "a reset may still come between a look and the write after it"


async def test_a_large_request_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        assert await reader.readexactly(len(body)) == body
        writer.write(OK)

    async with serving(answer) as client:
        assert (await client.request("POST", "/x", body=body)).body == b"ok"


async def test_who_reads_slowly_is_not_sent_more() -> None:
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        if (await head_of(reader)).startswith(b"GET"):
            writer.write(OK)
            return
        writer.write(CHUNKED)
        while True:
            writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            await writer.drain()
            sent += 0x10000

    async with (
        serving(answer) as client,
        client.stream("/read", body=b"{}", idle_timeout_s=60) as chunks,
    ):
        received = len(await anext(chunks))
        for _ in range(200):
            await client.request("GET", "/x")
        stood_at = sent
        assert stood_at < 100 * MAX_WAITING_BYTES, "and what the sockets hold"
        while received < 2 * stood_at:
            chunk = await anext(chunks)
            assert len(chunk) <= 3 * MAX_WAITING_BYTES
            received += len(chunk)
