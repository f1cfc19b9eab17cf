"""What programs that serve HTTP for a parent have in common: adapter, local pool, its sessions.

Needs the ``[adapter]`` extra.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn writes the head of an answer and its body one after the other, and each would wake
    the other end. Here they are written together, where both are there in one turn of the loop.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, HeadWaits(transport)))


class HeadWaits:
    """A transport in which the head of an answer waits for what follows, for a turn at most."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(b"HTTP/1."):
            self._head = data
            asyncio.get_running_loop().call_soon(self._send_head)
        else:
            self._transport.write(data)

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        self._send_head()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


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
