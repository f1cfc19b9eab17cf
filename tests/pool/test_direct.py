"""Our own connections: kept, shared, secured, broken."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from pathlib import Path

import pytest

from azure_session_kernel.common.errors import AnswerTooLarge, PoolUnreachable
from azure_session_kernel.emulator.front.certificates import Authority
from azure_session_kernel.pool import direct
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint

from .serving import CHUNKED, OK, TOKEN, free_port, head_of, playing, serving

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


async def test_a_host_all_of_whose_addresses_refuse_is_one_that_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, stream = free_port(), (socket.SOCK_STREAM, 6, "")
    addresses = [(socket.AF_INET, *stream, (f"127.0.0.{n}", port)) for n in (1, 2)]

    async def getaddrinfo(*_: object, **__: object) -> list[object]:
        return [*addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    endpoint = parse_endpoint(f"https://x.azurecontainerapps.io:{port}")
    client = PoolClient(endpoint, FixedToken(TOKEN), "someone")
    with pytest.raises(PoolUnreachable, match="refuses connections") as caught:
        await client.request("POST", "/x")
    assert (caught.value.sent, caught.value.gone) == (False, False)
    await client.aclose()


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
