"""A way to the pool on which something happens to some requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

Forward = Callable[[httpx.Request], Awaitable[httpx.Response]]
#: Answers a request, with or without the pool.
Handle = Callable[[httpx.Request, Forward], Awaitable[httpx.Response]]


class Way(httpx.AsyncBaseTransport):
    def __init__(self, handle: Handle) -> None:
        self._handle, self._real = handle, httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._handle(request, self._forward)

    async def _forward(self, request: httpx.Request) -> httpx.Response:
        response = await self._real.handle_async_request(request)
        await response.aread()
        await response.aclose()
        return response

    async def aclose(self) -> None:
        await self._real.aclose()


def refused(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "not here"}})


async def without_files(request: httpx.Request, forward: Forward) -> httpx.Response:
    """There is no file API, so no mailbox."""
    return refused(403, "Forbidden") if "/files" in request.url.path else await forward(request)


def is_execution(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith(("/executions", "/code/execute"))
