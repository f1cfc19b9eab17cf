"""Requests that no kernel sent: their messages go to whoever made them, not into the boot's log."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from ..wire import Message

_PREFIX: Final = "azure-"


class ApartRequests:
    """Azure's own routes make them (``container/azure_routes/runner.py``)."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Callable[[Message], None], Callable[[], None]]] = {}

    def add(self, take: Callable[[Message], None], ended: Callable[[], None]) -> str:
        """:param take: gets its messages. :param ended: called when the boot ends.

        :returns: its ``msg_id``, for ``forget``.
        """
        msg_id = _PREFIX + secrets.token_hex(12)
        self._open[msg_id] = take, ended
        return msg_id

    def forget(self, msg_id: str) -> None:
        """What still comes for it, from a thread for instance, belongs to nobody."""
        self._open.pop(msg_id, None)

    def take(self, message: Message) -> bool:
        """Whether it belongs to such a request, over or not."""
        if message.parent_id in self._open:
            self._open[message.parent_id][0](message)
        return message.parent_id.startswith(_PREFIX)

    def end(self) -> None:
        """No more messages will come."""
        for _, ended in list(self._open.values()):
            ended()
