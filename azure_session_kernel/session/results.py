"""When ``AZURE_SESSION_DOWNLOAD`` looks for what cells have written.

After each cell, in the background, so that little is left for the end: jupyter_client sends SIGTERM
2.5 s after it has asked a kernel to end, and SIGKILL after 5. The last look goes on until that
SIGTERM, and a moment longer; ``KernelManager.shutdown_wait_time`` makes it later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from ..common.errors import SessionKernelError
from ..common.within import within
from ..wire import Message

if TYPE_CHECKING:
    from ..executors.session_files import SessionFiles
    from ..transfer.bring_back import BringBack

log = logging.getLogger(__name__)

#: For the last look, where nobody presses; and once somebody does.
LAST_LOOK_S: Final = 60.0
HURRIED_S: Final = 1.0

#: The session's files; None when it is not open any more.
Files = Callable[[], Awaitable["SessionFiles | None"]]


class Results:
    """One kernel's. :param files: of the session as it is now."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.bring_back: BringBack | None = None
        """Where the setting asks for it."""
        self._due = False
        self._looking: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()

    def on_message(self, message: Message) -> None:
        """Whatever a session says, it is about one of its own cells."""
        if self.bring_back is None or message.msg_type != "status":
            return
        if message.parent_header.get("msg_type") == "execute_request":
            self._due = True
            if message.content.get("execution_state") == "idle" and self._looking is None:
                self._look_in_background()

    def _look_in_background(self) -> None:
        self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        """Until nothing has ended meanwhile. Failures are logged: a cell's outputs are its own."""
        bring_back = self.bring_back
        try:
            while self._due and bring_back is not None:
                self._due = False
                files = await self._files()
                if files is None:
                    return
                await bring_back.look(files)
        except SessionKernelError as error:
            self._due = True
            log.warning("AZURE_SESSION_DOWNLOAD: %s", error.what)
        except Exception:
            self._due = True
            log.exception("AZURE_SESSION_DOWNLOAD failed")
        finally:
            self._looking = None

    @property
    def wants_time(self) -> bool:
        """Whether something may not have been brought yet."""
        return self.bring_back is not None and (self._due or self._looking is not None)

    def hurry(self) -> None:
        """The process must end soon."""
        self._hurried.set()

    async def last_look(self) -> None:
        """Never raises but when it is cancelled."""
        looking = self._looking or asyncio.ensure_future(self._look())
        hurried = asyncio.ensure_future(self._hurried.wait())
        try:
            await asyncio.wait(
                {looking, hurried}, timeout=LAST_LOOK_S, return_when=asyncio.FIRST_COMPLETED
            )
            if self._due and looking.done():  # it was over before the last cell was
                looking = asyncio.ensure_future(self._look())
            with contextlib.suppress(asyncio.TimeoutError):
                await within(looking, HURRIED_S)
        finally:
            await _ended(looking, hurried)
        if self._due and self.bring_back is not None:
            log.warning(
                "AZURE_SESSION_DOWNLOAD: there was no time to bring everything back (%s). A larger "
                "KernelManager.shutdown_wait_time of the runner gives more.",
                self.bring_back,
            )


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
