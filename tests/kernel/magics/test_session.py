"""What ``%session`` says of times, which are the pool's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from azure_session_kernel.kernel.magics.session import _times
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint

POOL = "https://pool.blueground-16039c7f.eastasia.azurecontainerapps.io"
SESSION = {
    "identifier": "x",
    "createdAt": "2001-01-01T00:00:00.1234567Z",
    "expiresAt": "2001-01-01T00:10:00Z",
}


async def _shown(headers: dict[str, str]) -> dict[str, str]:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=SESSION, headers=headers)

    transport = httpx.MockTransport(answer)
    client = PoolClient(parse_endpoint(POOL), FixedToken("t"), "x", transport=transport)
    record: dict[str, Any] | None = await client.get_session()
    assert record is not None
    return dict(_times(record))


async def test_age_and_end_are_told_by_the_pools_clock() -> None:
    """Whose clock is decades off ours."""
    times = await _shown({"date": "Mon, 01 Jan 2001 00:04:05 GMT"})
    assert times == {"age": "4 min 5 s", "ends after": "5 min 55 s without a request"}


@pytest.mark.parametrize("headers", [{}, {"date": "soon"}])
async def test_where_the_pool_tells_no_time_none_is_guessed(headers: dict[str, str]) -> None:
    times = await _shown(headers)
    assert times == {"age": "unknown", "ends after": "unknown: this pool does not say"}
