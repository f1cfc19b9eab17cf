"""Messages on their way into a session, and what is known of them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

from ...common.errors import CredentialError, PoolError
from ...common.within import within
from ...pool.retry import PASSING
from ...wire import Message, message_as_json
from .azure import BUSY

#: Larger code goes as a file: how much code the pool takes in one execution is not known, except
#: that it has taken the code that brings the mailbox, which is longer.
MAX_CODE_CHARS: Final = 12 * 1024


class Delivery:
    """The messages of one execution.

    :ivar accepted: done once they are known to have arrived, or why they have not.
    :ivar perhaps: an execution that carried them may have reached the pool.
    :ivar complete: their last messages have been read.
    :ivar name: of them, each time they are sent.
    :ivar operation: of one execution. A pool may know the id of one that it has answered, and give
        the same answer again, so only one whose answer was lost is sent again under its own.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = list(messages)
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.accepted.add_done_callback(_retrieve)
        self.perhaps = False
        self.withdrawn = False
        self.complete = asyncio.Event()
        self.name, self.operation = secrets.token_hex(16), ""
        self.answered()
        self.began_at = time.monotonic()
        self.posted_at = 0.0
        self._open = {message.msg_id for message in messages}

    @property
    def known(self) -> bool:
        """Whether they have arrived."""
        return self.accepted.done() and self.accepted.exception() is None

    @property
    def running_s(self) -> float:
        return time.monotonic() - self.posted_at if self.posted_at else 0.0

    def answered(self) -> None:
        """What is sent from now on is another execution."""
        self.operation = secrets.token_hex(16)

    def failed(self, error: PoolError | CredentialError) -> None:
        """An execution that carried them was not answered as it should be."""
        status = getattr(error, "status", None)
        sent = getattr(error, "sent", isinstance(error, PASSING))
        self.perhaps = self.perhaps or sent or is_success(status)
        if status is not None:
            self.answered()

    def may_pass(self, error: PoolError | CredentialError) -> bool:
        """Whether to send them again, which is safe: the mailbox knows them by their msg_id."""
        status = getattr(error, "status", None)
        return isinstance(error, PASSING) or status == BUSY or is_success(status)

    def accept(self) -> None:
        if not self.accepted.done():
            self.accepted.set_result(None)

    def refuse(self, error: BaseException) -> bool:
        """False when it is too late: somebody counts on them."""
        if self.accepted.done():
            return False
        self.accepted.set_exception(error)
        return True

    def ended(self, msg_id: str) -> None:
        self._open.discard(msg_id)
        if not self._open:
            self.complete.set()

    async def completed(self, within_s: float) -> None:
        """Until their last messages have been read, but no longer than that."""
        with contextlib.suppress(asyncio.TimeoutError):
            await within(self.complete.wait(), within_s)

    @property
    def unended(self) -> list[Message]:
        """Those whose last messages have not been read."""
        return [message for message in self.messages if message.msg_id in self._open]

    def as_json(self) -> list[dict[str, Any]]:
        return [message_as_json(message) for message in self.messages]


def is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def _retrieve(future: asyncio.Future[None]) -> None:
    """Nobody may be waiting any longer."""
    if not future.cancelled():
        future.exception()


def is_for_beside(message: Message) -> bool:
    """Whether ipykernel would take it while a cell runs."""
    return message.msg_type.startswith("comm_") or message.channel == "control"
