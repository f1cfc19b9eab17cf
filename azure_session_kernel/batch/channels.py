"""One channel of a client, as nbclient uses it: messages of this process, and no socket."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from queue import Empty
from typing import Any

from ..common.within import within
from .messages import JupyterMessage


class Channel:
    """Has the methods of jupyter_client's ``AsyncZMQSocketChannel``.

    :param deliver: to the kernel.
    :param taken: called when the client has taken a message.
    :param changed: called when the channel has been started or stopped.
    """

    #: As of a channel that is not connected.
    socket = None

    def __init__(
        self,
        deliver: Callable[[Mapping[str, Any]], None],
        taken: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._deliver, self._taken, self._changed = deliver, taken, changed
        self._messages: deque[tuple[JupyterMessage, int]] = deque()
        self._came = asyncio.Event()
        self._running = False
        self.waiting_bytes = 0
        """What the client has not taken."""

    # -- the client's side ------------------------------------------------------------------------

    def start(self) -> None:
        self._running = True
        self._changed()

    def stop(self) -> None:
        self._running = False
        self.clear()
        self._changed()

    def is_alive(self) -> bool:
        return self._running

    def send(self, message: Mapping[str, Any]) -> None:
        """:param message: as ``Session.msg`` makes it. From any thread."""
        self._deliver(message)

    async def get_msg(self, timeout: float | None = None) -> JupyterMessage:
        """The next one. Cancelling loses none.

        :param timeout: in seconds; None: however long it takes.
        :raises queue.Empty: not in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._messages:
            if deadline is None:
                await self._came.wait()
                continue
            try:
                await within(self._came.wait(), max(0.0, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                raise Empty from None
        return self._next()

    async def get_msgs(self) -> list[JupyterMessage]:
        """Those that have come."""
        return [self._next() for _ in range(len(self._messages))]

    async def msg_ready(self) -> bool:
        return bool(self._messages)

    def clear(self) -> None:
        """What has come is not wanted."""
        while self._messages:
            self._next()

    def _next(self) -> JupyterMessage:
        message, size_bytes = self._messages.popleft()
        self.waiting_bytes -= size_bytes
        if not self._messages:
            self._came.clear()
        self._taken()
        return message

    # -- the kernel's side ------------------------------------------------------------------------

    def put(self, message: JupyterMessage, size_bytes: int) -> None:
        """A channel that is not running gets nothing, as a socket that is not there."""
        if self._running:
            self._messages.append((message, size_bytes))
            self.waiting_bytes += size_bytes
            self._came.set()
