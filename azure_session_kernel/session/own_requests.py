"""Requests of the kernel's own to the session, which no front end waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..common.within import within
from ..wire import Message
from ..wire.composed import header


class Questions:
    """Those under way, by ``msg_id``."""

    def __init__(self) -> None:
        self._open: dict[str, asyncio.Future[Message]] = {}

    async def ask(
        self,
        channel: str,
        msg_type: str,
        send: Callable[[Message], Awaitable[None]],
        timeout_s: float,
    ) -> dict[str, Any]:
        """The content of the reply.

        :raises asyncio.TimeoutError: none within ``timeout_s`` seconds. :raises SessionKernelError:
            from ``send``.
        """
        message = Message(channel, header(msg_type), {})
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._open[message.msg_id] = answer
        try:
            await send(message)
            return dict((await within(answer, timeout_s)).content)
        finally:
            del self._open[message.msg_id]

    def take(self, message: Message) -> bool:
        """Whether this is for a question of ours: its reply, or its busy and idle."""
        answer = self._open.get(message.parent_id)
        if answer is None:
            return False
        if message.channel in ("shell", "control") and not answer.done():
            answer.set_result(message)
        return True
