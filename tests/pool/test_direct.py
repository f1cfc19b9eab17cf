"""Our own connections, and a server that does what no server should."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from pathlib import Path

import pytest

from azure_session_kernel.common.errors import AnswerTooLarge, PoolUnreachable, UnexpectedAnswer
from azure_session_kernel.emulator.front.certificates import Authority
from azure_session_kernel.pool import direct
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.pool.http1 import MAX_WAITING_BYTES

from .serving import CHUNKED, TOKEN, Served, head_of, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def playing(*pieces: bytes, forever: bytes = b"") -> Served:
    """Answers each request with ``pieces`` and, with ``forever``, never ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        while forever:
            writer.write(forever * 100)
            await writer.drain()

    return answer


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


# -- one connection after another exchange


class Counting:
    """Answers each request with the number of its connection, and what else a test says."""

    def __init__(self, behind: bytes = b"") -> None:
        self.connections, self._behind = 0, behind
        self.closed = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = b"%d" % self.connections
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await head_of(reader):
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + number + self._behind
                )
        self.closed.set()


@pytest.mark.parametrize(
    "behind", [OK.replace(b"ok", b"no"), b"x", b"HTTP/1.1 100 Continue\r\n\r\n", b"\0"]
)
async def test_what_comes_behind_an_answer_is_never_the_next_one(behind: bytes) -> None:
    async with serving(Counting(behind)) as client:
        assert [(await client.request("GET", "/x")).body for _ in range(3)] == [b"1", b"2", b"3"]


async def test_an_answer_to_nothing_closes_the_connection() -> None:
    writers = []
    server = Counting()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await server(reader, writer)

    async with serving(answer) as client:
        await client.request("GET", "/x")
        writers[0].write(OK)
        await server.closed.wait()
        assert (await client.request("GET", "/x")).body == b"2"


async def test_a_connection_that_was_closed_before_a_request_is_not_used_for_it() -> None:
    """Also when the loop has not seen it yet: a laptop that has slept."""
    listener = socket.create_server(("127.0.0.1", 0))
    closed = [threading.Event(), threading.Event()]

    def serve() -> None:
        for event in closed:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(OK)
            connection.close()
            event.set()

    thread = threading.Thread(target=serve)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = PoolClient(parse_endpoint(url), FixedToken(TOKEN), "someone")
    for event in closed:
        assert (await client.request("GET", "/x")).body == b"ok"
        event.wait()  # the loop stands still
    await client.aclose()
    thread.join()
    listener.close()


async def test_an_idle_connection_is_not_used_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "keepalive_s", lambda *, loopback: -1.0)
    server = Counting()
    async with serving(server) as client:
        assert [(await client.request("GET", "/x")).body for _ in range(2)] == [b"1", b"2"]
        await server.closed.wait()


async def test_a_cancelled_request_closes_its_connection_and_makes_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(direct, "MAX_CONNECTIONS", 1)
    came, closed = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await head_of(reader)).startswith(b"GET"):
            writer.write(OK)
            return
        came.set()
        await reader.read()
        closed.set()

    async with serving(answer) as client:
        first = asyncio.create_task(client.request("POST", "/x"))
        await came.wait()
        waiting = [asyncio.create_task(client.request("GET", "/x")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting.pop(1).cancel()
        first.cancel()
        assert [(await task).body for task in waiting] == [b"ok"] * 2
        await closed.wait()


async def test_only_so_many_connections_are_open_and_who_waits_in_vain_has_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(direct, "MAX_CONNECTIONS", 2)
    server = Counting()
    async with serving(server) as client:
        await asyncio.gather(*(client.request("GET", "/x") for _ in range(9)))
        assert server.connections == 2
    async with serving(playing(CHUNKED + b"1\r\nx\r\n", forever=b"1\r\nx\r\n")) as client:
        stream = client.stream("/read", body=b"{}", idle_timeout_s=60)
        async with stream, client.stream("/read", body=b"{}", idle_timeout_s=60):
            with pytest.raises(PoolUnreachable) as caught:
                await client.request("POST", "/x", timeout_s=0.2)
        assert caught.value.sent is False
        with pytest.raises(AnswerTooLarge):
            await client.request("GET", "/x", answer_bytes=100)


async def test_closing_the_client_ends_what_is_under_way() -> None:
    came = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        came.set()
        await reader.read()

    async with serving(answer) as client:
        request = asyncio.create_task(client.request("POST", "/x"))
        await came.wait()
        await client.aclose()
        with pytest.raises(PoolUnreachable):
            await request


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "\0", "é", "a\x0bb"])
async def test_a_header_that_can_not_be_sent_is_an_error_and_nothing_is_sent(value: str) -> None:
    server = Counting()
    async with serving(server) as client:
        with pytest.raises(ValueError, match="header"):
            await client.request("GET", "/x", headers={"X": value})
    assert server.connections == 0


@pytest.mark.parametrize("path", ["/a b", "/ü", "/a?b", "/a#b", "/a\r\nb", "/a%2Fb", "/a+b"])
async def test_a_path_stays_in_the_first_line(path: str) -> None:
    lines: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await head_of(reader)).partition(b"\r\n")[0])
        writer.write(OK)

    async with serving(answer) as client:
        await client.request("GET", path)
    method, target, version = lines[0].split(b" ")
    assert (method, version, target.count(b"?"), b"#" in target) == (b"GET", b"HTTP/1.1", 1, False)
    assert target.startswith(b"/a%2Fb?") or "%" not in path


# -- TLS


async def _untrusted(host: str, authority: Authority, trusted: Authority, path: Path) -> str:
    file = path / "authority.pem"
    file.write_bytes(trusted.pem)
    server = Counting()
    async with serving(
        server, tls=authority.server_context(), host=host, authority=str(file)
    ) as client:
        with pytest.raises(PoolUnreachable) as caught:
            await client.request("POST", "/x", body=b"{}")
    assert caught.value.sent is False
    assert server.connections == 0
    return str(caught.value)


async def test_tls_to_the_right_host_carries_requests(tmp_path: Path) -> None:
    authority, file = Authority("ours"), tmp_path / "authority.pem"
    file.write_bytes(authority.pem)
    server = Counting()
    async with serving(server, tls=authority.server_context(), authority=str(file)) as client:
        assert [(await client.request("GET", "/x")).body for _ in range(2)] == [b"1"] * 2


async def test_tls_to_another_host_or_authority_sends_nothing(tmp_path: Path) -> None:
    ours, other = Authority("ours"), Authority("other")
    for said in (
        await _untrusted("127.0.0.2", ours, ours, tmp_path),
        await _untrusted("127.0.0.1", other, ours, tmp_path),
    ):
        assert "certificate" in said


async def test_a_server_that_speaks_no_tls_gets_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        client = PoolClient(parse_endpoint(url), FixedToken(TOKEN), "someone")
        with pytest.raises(PoolUnreachable) as caught:
            await client.request("POST", "/x", timeout_s=0.5)
        assert caught.value.sent is False
        await client.aclose()


# -- where it breaks


@pytest.mark.parametrize("close", ["close", "reset"])
@pytest.mark.parametrize(
    "until", ["head", "body", "some of the answer's head", "its head", "some of its body"]
)
async def test_a_break_at_any_point_after_a_byte_was_sent_says_so(until: str, close: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        if until != "head":
            await reader.readexactly(2)
        sent: dict[str, bytes] = {
            "some of the answer's head": CHUNKED[:20],
            "its head": CHUNKED,
            "some of its body": CHUNKED + b"2\r\no",
        }
        writer.write(sent.get(until, b""))
        await writer.drain()
        if close == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    async with serving(answer) as client:
        with pytest.raises(PoolUnreachable, match="broke off") as caught:
            await client.request("POST", "/x", body=b"{}")
    assert caught.value.sent is True
