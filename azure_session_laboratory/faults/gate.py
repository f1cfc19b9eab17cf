"""The front's connections, where faults can reach them: reset one, or refuse all for a while."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any, Final
from weakref import WeakSet

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Closing sends RST, as a firewall or a crashed host does.
_RESET: Final = struct.pack("ii", 1, 0)
_EXTENSION: Final = "local_pool"


class Gate:
    """All connections of one front."""

    def __init__(self) -> None:
        self._open: WeakSet[asyncio.Transport] = WeakSet()
        self._closed_until = 0.0

    def admit(self, transport: asyncio.Transport) -> bool:
        if asyncio.get_running_loop().time() < self._closed_until:
            reset(transport)
            return False
        self._open.add(transport)
        return True

    def close_for(self, seconds: float) -> None:
        """Reset what is open; until then, reset what comes."""
        self._closed_until = asyncio.get_running_loop().time() + seconds
        for transport in list(self._open):
            reset(transport)

    def protocol(self) -> type[HttpToolsProtocol]:
        """uvicorn's HTTP protocol, passing through this gate."""
        gate = self

        class GatedProtocol(HttpToolsProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                gate.admit(transport)

            def on_message_begin(self) -> None:
                super().on_message_begin()
                scope: dict[str, Any] = self.scope  # type: ignore[assignment]
                scope["extensions"] = {_EXTENSION: {"transport": self.transport}}

        return GatedProtocol


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection on which a request came."""
    transport: asyncio.Transport = scope["extensions"][_EXTENSION]["transport"]
    return transport


def reset(transport: asyncio.Transport) -> None:
    if transport.is_closing():  # uvloop's raises when it is closed already
        return
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
