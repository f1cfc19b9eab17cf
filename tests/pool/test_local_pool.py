"""The local pool's front: what it forwards, what it answers (docs/azure.md 2.4, 3.1, 4.1)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from .conftest import TOKEN, Front


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic x", "Bearer", "Bearer \xe9"])
async def test_a_call_without_the_token_is_refused(front: Front, header: str | None) -> None:
    headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
    async with httpx.AsyncClient(base_url=front.client.base_url, headers=headers) as stranger:
        for path in ("/echo", "/.management/listSessions"):
            answer = await stranger.post(path, params={"identifier": "someone"})
            assert answer.status_code == 401
    assert front.pool.all() == []


async def test_a_call_without_an_identifier_is_refused(front: Front) -> None:
    for params in ({}, {"identifier": ""}):
        answer = await front.client.get("/echo", params=params)
        assert answer.status_code == 400
        assert answer.text == "Missing required parameter 'identifier'"


@pytest.mark.parametrize("identifier", ["abc", "a" * 129, "a b c d", "caf\xe9", "abcd\n"])
async def test_an_identifier_that_breaks_the_rule_is_refused(front: Front, identifier: str) -> None:
    for answer in (
        await front.get("/echo", identifier),
        await front.manage("getSession", identifier),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "SessionRequestValidationFailed"
        assert set(answer.json()["error"]) == {"code", "message", "traceId"}


async def test_an_identifier_may_have_every_character_of_the_rule(front: Front) -> None:
    identifier = "aZ9_|}{[]:\";'<>?/.,@#$%^&*()_-+=!~`"
    await front.pid(identifier)
    assert [session.identifier for session in front.pool.all()] == [identifier]


async def test_method_path_query_and_body_reach_the_container(front: Front) -> None:
    path, query = "/a%2Fb/c%20d//e", "identifier=someone&x=1&x=%26"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await front.client.request(method, f"{path}?{query}", content=b"body")
        seen = answer.json()
        assert (seen["method"], seen["path"], seen["query"]) == (method, path, query)
        assert seen["body"] == "body"


async def test_the_token_and_connection_headers_stay_outside(front: Front) -> None:
    headers = {"connection": "close, x-hop", "x-hop": "1", "te": "trailers", "x-kept": "2"}
    answer = await front.client.get("/echo?identifier=someone", headers=headers)
    seen = dict(answer.json()["headers"])
    assert seen["x-kept"] == "2"
    assert not {"authorization", "connection", "te", "x-hop"} & set(seen)


async def test_the_answer_is_the_containers_under_azures_server_name(front: Front) -> None:
    answer = await front.get("/echo")
    assert answer.headers["x-from-container"] == "yes"
    assert answer.headers.get_list("server") == ["Kestrel"]
    assert len(answer.headers.get_list("date")) == 1
    assert "keep-alive" not in answer.headers


async def test_answers_without_a_body_are_passed_on(front: Front) -> None:
    head = await front.client.head("/health?identifier=someone")
    assert (head.status_code, head.content) == (200, b"")
    assert (await front.get("/empty")).status_code == 204
    assert (await front.get("/health")).headers["content-length"] == "0"


async def test_a_stream_is_passed_on_as_it_comes(front: Front) -> None:
    async with front.client.stream("GET", "/gated?identifier=someone") as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"first\n"
        await front.get("/open")
        assert await anext(chunks) == b"second\n"


async def test_a_large_answer_arrives_whole(front: Front) -> None:
    answer = await front.get("/big", size=str(3_000_001), count="11")
    expected = b"".join(bytes([index]) * 3_000_001 for index in range(11))
    assert answer.content == expected


async def test_a_large_body_arrives_whole_with_and_without_a_length(front: Front) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_001

    for content in (b"x" * 5_000_050, chunks()):
        answer = await front.client.post("/count?identifier=someone", content=content)
        assert answer.json() == 5_000_050


async def test_an_answer_that_comes_before_the_bodys_end_is_passed_on(front: Front) -> None:
    url = front.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = "POST /refuse?identifier=someone HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n"
    writer.write(f"{head}authorization: Bearer {TOKEN}\r\n\r\nx".encode())
    assert await reader.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert (await front.get("/health")).status_code == 200


async def test_a_client_that_goes_away_ends_the_containers_request(front: Front) -> None:
    async with front.client.stream("GET", "/gated?identifier=someone") as answer:
        assert await anext(answer.aiter_raw()) == b"first\n"
    assert (await front.get("/client-left")).text == "left"


async def test_a_container_that_breaks_off_leaves_the_answer_unfinished(front: Front) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await front.get("/break-off")


async def test_a_container_that_breaks_off_before_its_answer_is_a_bad_gateway(
    front: Front,
) -> None:
    assert (await front.get("/break-off", now="")).status_code == 502


async def test_paths_of_the_built_in_pools_belong_to_the_container(front: Front) -> None:
    for path in ("/session", "/listSessions", "/metadata", "/executions", "/"):
        assert (await front.get(path)).json()["path"] == path
