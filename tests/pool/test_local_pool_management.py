"""``/.management/`` of the local pool (docs/azure.md 2.4, 3.3)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from azure_session_kernel.emulator.front import management

from .conftest import Front

CALLS = ("stopSession", "getSession", "listSessions")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("version", ["", "2024-02-02-preview", "nonsense"])
async def test_a_management_call_needs_a_known_api_version(
    front: Front, call: str, version: str
) -> None:
    answer = await front.manage(call, version=version)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "SessionRequestValidationFailed"
    assert "2025-02-02-preview" in answer.headers["api-supported-versions"]


@pytest.mark.parametrize("version", ["2025-02-02-preview", "2025-10-02-preview"])
async def test_a_session_is_described(front: Front, version: str) -> None:
    await front.pid()
    answer = await front.manage("getSession", version=version)
    assert answer.status_code == 200
    assert answer.headers["api-supported-versions"] == version
    session = answer.json()
    assert set(session) == {"identifier", "etag", "createdAt", "lastAccessedAt", "expiresAt"}
    assert session["identifier"] == "someone"
    accessed, expires = (_moment(session[name]) for name in ("lastAccessedAt", "expiresAt"))
    assert timedelta(seconds=299) < expires - accessed < timedelta(seconds=301)
    assert _moment(session["createdAt"]) <= accessed


async def test_an_absent_session_is_an_error(front: Front) -> None:
    answer = await front.manage("getSession")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "SessionWithIdentifierNotFound"


async def test_management_calls_allocate_nothing(front: Front) -> None:
    for call in CALLS:
        await front.manage(call)
    assert front.pool.all() == []


async def test_a_stopped_session_is_gone_and_its_identifier_gets_a_fresh_one(front: Front) -> None:
    first = await front.pid()
    etag = (await front.manage("getSession")).json()["etag"]
    assert (await front.manage("stopSession")).status_code == 200
    assert (await front.manage("stopSession")).status_code == 400
    assert await front.pid() != first
    assert (await front.manage("getSession")).json()["etag"] != etag


async def test_stopping_a_session_ends_its_running_requests(front: Front) -> None:
    async with front.client.stream("GET", "/gated?identifier=someone") as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"first\n"
        await front.manage("stopSession")
        with pytest.raises(Exception, match="without sending complete message body"):
            await anext(chunks)


async def test_sessions_are_listed_in_pages(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "PAGE_SIZE", 2)
    await asyncio.gather(*(front.pid(name) for name in ("ann1", "bob1", "cleo")))
    first = (await front.manage("listSessions", None)).json()
    second = (await front.client.post(first["nextLink"])).json()
    names = {session["identifier"] for page in (first, second) for session in page["value"]}
    assert names == {"ann1", "bob1", "cleo"}
    assert (first["count"], second["count"], second["nextLink"]) == (2, 1, None)


@pytest.mark.parametrize("skip", ["-1", "x", ""])
async def test_a_skip_that_is_no_number_is_refused(front: Front, skip: str) -> None:
    params = {"skip": skip, "api-version": "2025-02-02-preview"}
    answer = await front.client.post("/.management/listSessions", params=params)
    assert answer.status_code == 400


async def test_an_unknown_management_call_is_not_forwarded(front: Front) -> None:
    assert (await front.manage("doSomething")).status_code == 404
    answer = await front.get("/.management/getSession", **{"api-version": "2025-02-02-preview"})
    assert answer.status_code in (404, 405)
    assert front.pool.all() == []


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
