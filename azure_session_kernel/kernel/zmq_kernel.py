"""The kernel of a process of its own: an ipykernel ``Kernel`` in name, for its application."""

from __future__ import annotations

import asyncio
from typing import Any

from ipykernel.kernelbase import Kernel
from tornado import ioloop
from traitlets import Any as AnyTrait
from traitlets import List, Unicode

from .. import __version__
from ..session.surroundings import Surroundings
from ..wire.kernel_info import BANNER, IMPLEMENTATION, LANGUAGE
from .iopub import RequestStream
from .kernel import AzureSessionKernel
from .requests import Request
from .zmq_front_end import ZmqFrontEnd


class ZmqKernel(Kernel):
    """Hands every request to an ``AzureSessionKernel``; shutdown and connect come back."""

    implementation = IMPLEMENTATION
    implementation_version = __version__
    banner = BANNER
    language_info = LANGUAGE
    profile_dir = AnyTrait()  # IPython's, which looks for its class when a kernel is made
    connection_file = Unicode()
    #: Of the command line, for the session's interpreter.
    arguments = List(Unicode())

    def start(self) -> None:
        """Called once by the application, on its event loop, before the loop runs."""
        self.io_loop = ioloop.IOLoop.current()
        streams: dict[str, Any] = {"shell": self.shell_stream, "control": self.control_stream}
        streams["stdin"] = RequestStream(self.stdin_socket)
        front = ZmqFrontEnd(
            self.session,  # type: ignore[arg-type]
            self.iopub_socket,
            streams,
            self.ident,
        )
        here = Surroundings(self.connection_file, arguments=self.arguments)
        self._it = AzureSessionKernel(front, here, self._answer, self.log)
        self.io_loop.add_callback(self._it.begin_work)

    @property
    def over(self) -> asyncio.Event:
        """Set when the kernel is to end, though nobody has asked for it."""
        return self._it.over

    async def end(self) -> None:
        """SIGTERM, or the parent's end."""
        await self._it.end()

    async def _answer(self, request: Request) -> None:
        """Shutdown and connect are the base class's; it answers the parent that is set."""
        control = request.channel == "control"
        raw = {"header": request.message.header, "content": dict(request.message.content)}
        self.set_parent(request.idents, raw, channel=request.channel)  # type: ignore[no-untyped-call]
        handlers = self.control_handlers if control else self.shell_handlers
        stream = self.control_stream if control else self.shell_stream
        await handlers[request.message.msg_type](stream, request.idents, raw)

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """Called by ``shutdown_request``; jupyter_client allows 2.5 s before SIGTERM."""
        return await self._it.shut_down(restart)

    def _process_children(self) -> list[Any]:
        """Those that ipykernel ends at a shutdown: no user's code has started any here, and what
        was started to finish a stop (``session/handover.py``) must live on.
        """
        return []
