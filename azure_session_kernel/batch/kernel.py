"""One kernel of a process that has many: what ``kernel/app.py`` is to a kernel process."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..kernel.kernel import AzureSessionKernel
from ..kernel.requests import Request
from ..session.shared import Shared
from ..session.surroundings import Surroundings
from .front_end import LocalFrontEnd

log = logging.getLogger(__name__)


class LocalKernel:
    """Started when it is made, on the running event loop; ends once."""

    def __init__(self, front: LocalFrontEnd, here: Surroundings, shared: Shared) -> None:
        self._front, self._shared = front, shared
        shared.join()
        self._it = AzureSessionKernel(front, here, self._answer, log)
        self._it.begin_work()
        self._life = asyncio.create_task(self._live())

    @property
    def is_alive(self) -> bool:
        """False as soon as it takes no more requests."""
        return not self._it.over.is_set()

    @property
    def is_busy(self) -> bool:
        return self._it.is_busy()

    def kill(self) -> None:
        """What runs is ended, and the session stopped."""
        self._it.over.set()

    async def ended(self) -> None:
        """Until its session is stopped. Cancelling does not stop that."""
        if not self._life.done():
            await asyncio.wait({self._life})

    async def _live(self) -> None:
        """Also where the loop ends without asking: ``asyncio.run`` cancels and waits."""
        try:
            await self._it.over.wait()
        finally:
            self._it.over.set()
            try:
                await self._it.end()
            except Exception:
                log.exception("the session could not be closed; its lease stays for the reaper")
            finally:
                self._front.stop()
                await self._shared.leave()

    async def _answer(self, request: Request) -> None:
        """Shutdown and connect, as ipykernel does: a shutdown is told on IOPub, too."""
        content: dict[str, Any] = {"status": "ok"}
        is_shutdown = request.message.msg_type == "shutdown_request"
        if is_shutdown:
            content = await self._it.shut_down(bool(request.message.content.get("restart")))
        self._front.reply(request, content)
        if is_shutdown:
            self._front.publish("shutdown_reply", content, request.message.header)
            self._it.over.set()
