"""One execute request of Azure's routes: its messages go in, its outputs come out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..wire import Message
from .outputs import Outputs


class Run:
    """One execute request; over when its reply and its idle have both come.

    :param started: called when the code begins to run.
    :ivar aborted: the kernel died, or gave the request up.
    """

    def __init__(self, started: Callable[[], None] = lambda: None) -> None:
        self._started = started
        self._replied = self._idle = False
        self.outputs = Outputs()
        self.over = asyncio.Event()
        self.aborted = False

    def take(self, message: Message) -> None:
        """A message whose parent is this request."""
        match message.msg_type:
            case "execute_input":
                self._started()
            case "execute_reply":
                self._replied = True
                self.aborted = message.content.get("status") == "aborted"
            case "status":
                self._idle = message.content.get("execution_state") == "idle"
            case _:
                self.outputs.take(message.msg_type, message.content)
        if self._replied and self._idle:
            self.over.set()

    def abort(self) -> None:
        """No more messages will come."""
        self.aborted = self.aborted or not self.over.is_set()
        self.over.set()
