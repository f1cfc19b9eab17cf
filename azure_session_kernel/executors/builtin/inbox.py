"""What one boot says, as it is read from its log: the log, not an execution's answer, is the truth
about a cell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ...common.errors import SessionKernelError
from ...common.owned_tasks import OwnedTasks
from ...wire import BootEnded, EndReason, Gap, Message, Oversized
from ..base import ExecutorEvents
from .delivery import Delivery
from .failures import unheard, with_limit
from .folder import Folder
from .notes import Notes
from .reader import MailboxReader, Position

log = logging.getLogger(__name__)

#: Tell the session what has been read after so much, or so many files, so that it can remove it.
ACKNOWLEDGE_BYTES: Final = 16 * 1024 * 1024
ACKNOWLEDGE_FILES: Final = 256


@dataclass
class Boot:
    """One boot, as far as both halves of a box know it.

    :ivar over: it is gone, or somebody else's.
    :ivar ending: this kernel is ending it, which explains what fails meanwhile.
    :ivar connected: an execution has a connection.
    """

    id: str
    over: bool = False
    ending: bool = False
    connected: bool = False


class Inbox:
    """Hands on what the boot says, and sees when its deliveries have arrived and ended.

    :param is_sending: whether an execution is under way.
    """

    def __init__(
        self,
        boot: Boot,
        folder: Folder,
        notes: Notes,
        events: ExecutorEvents,
        is_sending: Callable[[], bool],
        *,
        position: Position,
        outage_s: float,
    ) -> None:
        self._boot, self._folder, self._notes, self._events = boot, folder, notes, events
        self._is_sending = is_sending
        self._deliveries: dict[str, Delivery] = {}
        self._beside: dict[str, Message] = {}
        self._interrupted: set[str] = set()
        self._tasks = OwnedTasks(log)
        self._acknowledged_bytes, self._acknowledged_chunk = 0, position.chunk
        self.reader = MailboxReader(
            self._fetch,
            self,
            is_there=self.is_there,
            running=lambda: self._is_sending() or bool(self._deliveries),
            connected=lambda: self._boot.connected,
            position=position,
            outage_s=outage_s,
        )

    async def _fetch(self, chunk: int) -> bytes | None:
        return await self._folder.get(f"out-{chunk}")

    async def is_there(self) -> bool:
        """The boot's own files still are. :raises PoolError: it can't be told."""
        return await self._folder.get("hello") is not None

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await self.reader.aclose()

    # -- what is awaited --------------------------------------------------------------------------

    def expect(self, delivery: Delivery) -> None:
        self._deliveries |= {message.msg_id: delivery for message in delivery.messages}

    def forget(self, delivery: Delivery) -> None:
        for message in delivery.messages:
            self._deliveries.pop(message.msg_id, None)

    def find(self, msg_id: str | None) -> tuple[str, Delivery] | None:
        """:param msg_id: None for whatever runs: each leaves with its idle."""
        if msg_id is None:
            msg_id = next(iter(self._deliveries), "")
        found = self._deliveries.get(msg_id)
        return None if found is None or found.complete.is_set() else (msg_id, found)

    def interrupted(self, msg_id: str) -> None:
        """What it says of its end is not to be explained by the pool's time limit."""
        self._interrupted.add(msg_id)

    def expect_beside(self, messages: list[Message]) -> None:
        """They were put beside an execution that may end before it sees them."""
        self._beside |= {message.msg_id: message for message in messages}

    def take_left_beside(self) -> list[Message]:
        """Those of which nothing was heard: they came too late for it."""
        left = list(self._beside.values())
        self._beside.clear()
        return left

    # -- called by the reader ---------------------------------------------------------------------

    def on_line(self, message: Message) -> None:
        parent_id = message.parent_id
        self._beside.pop(parent_id, None)
        delivery = self._deliveries.get(parent_id)
        if delivery is not None:
            delivery.accept()
            if parent_id not in self._interrupted:
                message = with_limit(message, delivery.running_s)
        self._events.on_message(message)
        if message.msg_type == "status" and message.content.get("execution_state") == "idle":
            self._interrupted.discard(parent_id)
            if delivery is not None:
                delivery.ended(parent_id)
                del self._deliveries[parent_id]
        self._acknowledge()

    def _acknowledge(self) -> None:
        read, files = self.reader.bytes_read, self.reader.chunk - self._acknowledged_chunk
        if read - self._acknowledged_bytes < ACKNOWLEDGE_BYTES and files < ACKNOWLEDGE_FILES:
            return
        self._acknowledged_bytes, self._acknowledged_chunk = read, self.reader.chunk
        self._tasks.start(self._notes.read_up_to(self.reader.chunk - 1))

    async def drained(self) -> None:
        await self._events.drained()

    def on_gap(self, gap: Gap | Oversized) -> None:
        self._events.on_gap(gap)

    def on_unreadable(self, error: SessionKernelError) -> None:
        """Without its log, nothing that is sent to this boot would ever be answered."""
        if self._boot.over or self._boot.ending:
            return
        for delivery in set(self._deliveries.values()):
            delivery.refuse(unheard(delivery, error))
        self.fail(error)

    # -- the end ----------------------------------------------------------------------------------

    def fail(self, error: SessionKernelError) -> None:
        """Nothing more is heard of it."""
        self._boot.over = True
        self._events.on_failure(self._boot.id, error)

    def end(self, reason: EndReason, cause: str) -> None:
        self._boot.over = True
        ended = BootEnded(self.reader.position.n + 1, reason, cause)
        self._events.on_boot_ended(self._boot.id, ended)
