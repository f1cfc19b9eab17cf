"""The session's messages, with the line about ``%upload`` under an error
(``kernel/magics/missing.py``).

That line needs a look at files, which no event loop may wait for (docs/design.md rule 7): a thread
looks, and what the session sends meanwhile waits here, so that everything keeps its order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from ..common.daemon_thread import in_daemon_thread
from ..common.errors import SessionKernelError
from ..common.within import within
from ..session.session import SessionEvents
from ..wire import Gap, Hello, Message, Oversized
from .magics.missing import UploadHint
from .requests import RequestTable

log = logging.getLogger(__name__)

#: So long a look may take; then there is no line.
LOOK_S: Final = 1.0


class HintedMessages:
    """``SessionEvents`` (see ``session/session.py``) in front of those that do the work.

    :param folder: the notebook's.
    :param takes_files: whether a hint to ``%upload`` helps with this session.
    """

    def __init__(
        self,
        events: SessionEvents,
        requests: RequestTable,
        folder: Path,
        takes_files: Callable[[], bool],
    ) -> None:
        self._events, self._requests = events, requests
        self._folder, self._takes_files = folder, takes_files
        self._waiting: deque[_Waiting] = deque()
        self._looking: asyncio.Task[None] | None = None
        self._given_up: WeakSet[UploadHint] = WeakSet()

    def on_message(self, message: Message) -> None:
        hint = self._hint_for(message)
        if self._looking is None and hint is None:  # nearly all
            self._events.on_message(message)
        else:
            self._put(_Waiting(self._events.on_message, message, hint))

    def on_gap(self, gap: Gap | Oversized) -> None:
        self._put(_Waiting(self._events.on_gap, gap))

    def on_hello(self, hello: Hello) -> None:
        self._put(_Waiting(self._events.on_hello, hello))

    async def drained(self) -> None:
        if self._looking is not None:
            await asyncio.wait({self._looking})
        await self._events.drained()

    def on_boot_over(self, boot: str, error: SessionKernelError, *, complete: bool) -> bool:
        """Its answer is wanted at once: what waits for a look goes without."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        while self._waiting:
            waiting = self._waiting.popleft()
            if waiting.hint is not None:
                self._given_up.add(waiting.hint)
            waiting.deliver(waiting.value)
        return self._events.on_boot_over(boot, error, complete=complete)

    def _hint_for(self, message: Message) -> UploadHint | None:
        if message.msg_type not in ("error", "execute_reply") or "ename" not in message.content:
            return None
        request = self._requests.find(message.parent_id)
        if request is None or not request.is_execute or not self._takes_files():
            return None
        return request.hint

    def _put(self, waiting: _Waiting) -> None:
        if self._looking is None and waiting.hint is None:
            waiting.deliver(waiting.value)
            return
        self._waiting.append(waiting)
        if self._looking is None:
            self._looking = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        while self._waiting:
            waiting = self._waiting[0]
            value = waiting.value
            if waiting.hint is not None and waiting.hint not in self._given_up:
                value = await self._looked_up(waiting.hint, value)
            self._waiting.popleft()
            try:
                waiting.deliver(value)
            except Exception:
                log.exception("what the session sent could not be passed on")
        self._looking = None

    async def _looked_up(self, hint: UploadHint, message: Message) -> Message:
        """Once a look took too long, the cell's reply says no more than its error did."""
        work = partial(hint.added_to, message, self._folder)
        try:
            return await within(in_daemon_thread(work), LOOK_S)
        except asyncio.TimeoutError:
            pass
        except Exception:  # what waits behind it must come all the same
            log.exception("looking for what a cell misses failed")
        self._given_up.add(hint)
        return message


@dataclass(frozen=True)
class _Waiting:
    deliver: Callable[[Any], None]
    value: Any
    hint: UploadHint | None = None
