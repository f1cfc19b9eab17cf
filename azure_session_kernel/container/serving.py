"""What programs that serve HTTP for a parent have in common: adapter, local pool, its sessions.

Needs the ``[adapter]`` extra.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn


class ProgramServer(uvicorn.Server):
    """Tells its port once it listens; ends without waiting for requests that last minutes.

    :param port_file: where the port is written, whole or not at all.
    :param let_go: ends what requests under way are waiting for.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        port_file: Path | None = None,
        let_go: Callable[[], Awaitable[None] | None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._port_file, self._let_go = port_file, let_go

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._port_file is not None and self.servers:
            temporary = self._port_file.with_suffix(".tmp")
            temporary.write_text(str(self.servers[0].sockets[0].getsockname()[1]))
            temporary.replace(self._port_file)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = self._let_go()
        if ending is not None:
            await ending
        await super().shutdown(sockets)

    def end_with_parent(self) -> None:
        """The parent holds the other end of our standard input for as long as it lives."""

        def end() -> None:
            self.should_exit = True

        call_when_parent_ends(end)


def call_when_parent_ends(end: Callable[[], None]) -> None:
    """Call ``end``, in a thread, when standard input is closed."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        end()

    threading.Thread(target=wait, daemon=True).start()
