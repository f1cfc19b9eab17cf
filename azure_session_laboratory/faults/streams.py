"""Answers that are cut off, stalled or held back, and requests that are played twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import Message, Receive, Send

from .gate import reset

Hit = Callable[[], None]


class _Limited:
    """An ASGI ``send`` that passes on ``limit`` bytes of the body and then breaks it off."""

    def __init__(self, send: Send, limit: int, transport: asyncio.Transport, hit: Hit) -> None:
        self._send, self._left = send, limit
        self._transport, self._hit = transport, hit
        self._broken = False

    async def __call__(self, message: Message) -> None:
        if self._broken:
            return
        body: bytes = message.get("body", b"")
        if message["type"] == "http.response.body" and len(body) > self._left:
            self._broken = True
            await self._send({**message, "body": body[: self._left], "more_body": True})
            self._hit()
            await self._break_off()
            return
        self._left -= len(body)
        await self._send(message)

    async def _break_off(self) -> None:
        raise NotImplementedError


class CutOff(_Limited):
    """Closes the connection, what was sent included."""

    async def _break_off(self) -> None:
        self._transport.close()


class Stalled(_Limited):
    """Keeps the connection open without a byte, then resets it."""

    def __init__(
        self, send: Send, limit: int, seconds: float, transport: asyncio.Transport, hit: Hit
    ) -> None:
        super().__init__(send, limit, transport, hit)
        self._seconds = seconds

    async def _break_off(self) -> None:
        await asyncio.sleep(self._seconds)
        reset(self._transport)


class Buffered:
    """Holds everything back until the answer ends, or for ``seconds`` from now."""

    def __init__(self, send: Send, seconds: float | None) -> None:
        self._send = send
        self._held: list[Message] | None = []
        self._lock = asyncio.Lock()
        self._timer = asyncio.create_task(self._later(seconds)) if seconds is not None else None

    async def __call__(self, message: Message) -> None:
        async with self._lock:
            if self._held is None:
                await self._send(message)
                return
            self._held.append(message)
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last:
            await self._release()

    async def _later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._release()

    async def _release(self) -> None:
        async with self._lock:
            held, self._held = self._held or [], None
            for message in held:
                await self._send(message)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


async def discard(message: Message) -> None:
    """An ASGI ``send`` that nobody listens to."""


class PlayBack:
    """A request's body, to be read any number of times; its client is gone when it is closed."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body = body
        self._gone = asyncio.Event()
        self._watch = asyncio.create_task(self._wait_for_the_end(receive))

    def receive(self) -> Receive:
        """A fresh ASGI ``receive``."""
        unread = [self._body]

        async def receive() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        return receive

    def close(self) -> None:
        self._watch.cancel()
        self._gone.set()

    async def _wait_for_the_end(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone.set()


async def play_back(receive: Receive) -> PlayBack:
    """Reads the whole body first."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return PlayBack(bytes(body), receive)
