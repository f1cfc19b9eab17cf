"""The same bytes mean the same to our own connections and to httpx."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azure_session_kernel.pool.direct import Direct
from azure_session_kernel.pool.endpoints import Endpoint, parse_endpoint
from azure_session_kernel.pool.exchange import Broken, Carrier, Progress, Request, Timeouts
from azure_session_kernel.pool.through_httpx import ThroughHttpx

Answered = tuple[int, dict[str, str], bytes]
Make = Callable[[Endpoint, None], Carrier]


@dataclass
class Script:
    """A server that writes ``pieces`` to each request, and closes."""

    pieces: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture(scope="module")
def answered() -> Iterator[Callable[[Make, list[bytes]], Answered | None]]:
    """What a carrier makes of such bytes; None: no answer."""
    loop, script = asyncio.new_event_loop(), Script()
    server = loop.run_until_complete(asyncio.start_server(script.serve, "127.0.0.1", 0))
    endpoint = parse_endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    async def ask(make: Make) -> Answered | None:
        carrier = make(endpoint, None)
        request, progress = Request("GET", f"{endpoint.url}/x", {}, {}, None), Progress()
        try:
            answer = await carrier.send(request, Timeouts.of(20), progress)
            body = b"".join([chunk async for chunk in answer.chunks()])
            await answer.aclose()
        except Broken:
            assert progress.sent
            return None
        finally:
            await carrier.aclose()
        return answer.status, dict(answer.headers), body

    def play(make: Make, pieces: list[bytes]) -> Answered | None:
        script.pieces = pieces
        return loop.run_until_complete(ask(make))

    yield play
    server.close()

    async def rest() -> None:
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        await asyncio.sleep(0)

    loop.run_until_complete(rest())
    loop.close()


_TOKEN = st.text("abcXYZ-_!~0", min_size=1, max_size=8)
_VALUE = st.text('abc ;,="é\t', max_size=8).map(str.strip)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """One that is as it should be."""
    status = draw(st.sampled_from([200, 201, 204, 304, 400, 401, 404, 429, 500, 599]))
    body = draw(st.binary(max_size=40)) if status not in (204, 304) else b""
    headers = [(n, v) for n, v in draw(st.lists(st.tuples(_TOKEN, _VALUE), max_size=4))]
    how = draw(st.sampled_from(["length", "chunks", "end"]))
    if how == "length":
        headers.append(
            (draw(st.sampled_from(["Content-Length", "content-length"])), f"{len(body)}")
        )
    elif how == "chunks" and status not in (204, 304):
        headers.append(("Transfer-Encoding", "chunked"))
        cuts = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=4))})
        parts = [body[a:b] for a, b in itertools.pairwise(cuts)]
        extension = draw(st.sampled_from([b"", b";a=b", b";a"]))
        body = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in parts)
        body += b"0\r\n" + draw(st.sampled_from([b"", b"X: y\r\n"])) + b"\r\n"
    if draw(st.booleans()):
        headers.append(("Connection", draw(st.sampled_from(["close", "keep-alive"]))))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    reason = draw(st.sampled_from([" OK", " ", " Not é", ""]))
    return interim + f"HTTP/1.1 {status}{reason}\r\n{lines}\r\n".encode() + body


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """One in which something is other, or missing."""
    answer = draw(answers())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(answer)))
        length = draw(st.integers(0, 3))
        new = draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from([b"\r\n", b"\n", b"\0", b":", b" ", b"0", b"f", b"\r\n\r\n"]),
            )
        )
        answer = answer[:at] + new + answer[at + length :]
    return answer[: draw(st.integers(0, len(answer)))] if draw(st.booleans()) else answer


def _pieces(answer: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(answer), *(cut % (len(answer) + 1) for cut in cuts)})
    return [answer[a:b] for a, b in itertools.pairwise(places)]


_CUTS = st.lists(st.integers(0, 10_000), max_size=5)


@settings(max_examples=80, deadline=None)
@given(answer=answers(), cuts=_CUTS)
def test_an_answer_as_it_should_be_is_the_same_to_both(
    answered: Callable[[Make, list[bytes]], Answered | None], answer: bytes, cuts: list[int]
) -> None:
    ours = answered(Direct, _pieces(answer, cuts))
    assert ours is not None
    assert ours == answered(ThroughHttpx, _pieces(answer, cuts))


@settings(max_examples=150, deadline=None)
@given(answer=broken(), cuts=_CUTS)
def test_an_answer_with_something_wrong_is_refused_by_one_of_both_or_means_the_same(
    answered: Callable[[Make, list[bytes]], Answered | None], answer: bytes, cuts: list[int]
) -> None:
    """Each takes a few that the other does not."""
    ours = answered(Direct, _pieces(answer, cuts))
    theirs = answered(ThroughHttpx, _pieces(answer, cuts))
    if ours is not None and theirs is not None:
        assert (ours[0], ours[2]) == (theirs[0], theirs[2])
