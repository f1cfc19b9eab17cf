"""The user's ipykernel, as the adapter starts it. Everything the user runs lives in this process.

It differs from a plain ipykernel in nine ways: its IOPub socket has no limit at which ZeroMQ drops
messages silently (docs/design.md rule 4), no text makes a message impossible to send, a signal
wakes its event loop, another tells what an interrupt has done, cells that the kernel itself has
ended count, a comm message beside a cell that awaits has a busy and an idle, its threads wake each
other less (``hand_over.py``), it does not pause before a reply, and it runs at a lower priority
than the adapter, so that the HTTP loop answers while user code burns all CPUs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any

import zmq
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
from tornado import ioloop
from traitlets import Float, Type

from ..interpreter.arguments import apply
from ..interpreter.history import count_elsewhere
from ..interpreter.main_thread import MainThread
from ..interpreter.packing import let_any_text_pass
from ..interpreter.place import work_in
from . import (
    ENVIRONMENT_REPLY,
    ENVIRONMENT_REQUEST,
    IN_USE_REPLY,
    IN_USE_REQUEST,
    REACTION_REPLY,
    REACTION_REQUEST,
)
from .hand_over import HandOver, HistoryLater
from .names_in_use import names_in_use

NICENESS = 5


#: A comm message is being handled while a cell of the same shell awaits.
_beside_a_cell: ContextVar[bool] = ContextVar("beside_a_cell", default=False)


class SessionKernel(IPythonKernel):
    """An ``IPythonKernel`` whose environment variables the adapter can set, and which tells it what
    an interrupt has done and which modules its code uses.

    Not with code in a cell: that would count as one, and show in the history.

    And one with a busy and an idle for each comm message. ipykernel leaves them out beside a cell
    that awaits, but ipywidgets sends a slider's next move only after an idle for the last one. The
    cell's busy follows again, for JupyterLab takes the last status for the kernel's.
    """

    control_msg_types = [  # noqa: RUF012
        *IPythonKernel.control_msg_types,
        ENVIRONMENT_REQUEST,
        REACTION_REQUEST,
        IN_USE_REQUEST,
    ]

    #: ipykernel's pause before each reply gives its output, which comes by another way, some time.
    #: The adapter keeps their order itself (``channels.py``).
    _execute_sleep = Float(0.0).tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._replaced: dict[str, str | None] = {}
        self._main_thread = MainThread()
        self._history = HistoryLater(self)

    async def dispatch_shell(
        self, msg: Any, /, subshell_id: str | None = None, **options: Any
    ) -> None:
        """Each comm message beside a cell comes in a context of its own."""
        _beside_a_cell.set(bool(options.get("concurrent")))
        cell = self.get_parent("shell")  # type: ignore[no-untyped-call]
        await super().dispatch_shell(msg, subshell_id, **options)
        if _beside_a_cell.get():
            self._publish_status("idle", "shell")  # type: ignore[no-untyped-call]
            self._publish_status("busy", "shell", cell)  # type: ignore[no-untyped-call]

    def set_parent(self, ident: Any, parent: Any, channel: str = "shell") -> None:
        super().set_parent(ident, parent, channel)  # type: ignore[no-untyped-call]
        if _beside_a_cell.get():
            self._publish_status("busy", "shell")  # type: ignore[no-untyped-call]

    async def execute_request(self, stream: Any, ident: Any, parent: Any) -> None:
        count_elsewhere(self.shell, parent["metadata"])
        self._history.note()
        await super().execute_request(stream, ident, parent)  # type: ignore[no-untyped-call]

    async def set_environment_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Called by ipykernel on its control thread, also while a cell runs.

        Arguments and a folder come before the first cell only.
        """
        for name, value in self._replaced.items():
            _set_variable(name, value)
        env = parent["content"]["env"]
        self._replaced = {name: os.environ.get(name) for name in env}
        for name, value in env.items():
            _set_variable(name, value)
        if folder := parent["content"].get("folder"):
            await self._on_main_thread(lambda: work_in(self.shell, folder))
        if arguments := parent["content"].get("arguments"):
            await self._on_main_thread(lambda: apply(self, arguments))
        assert self.session is not None  # noqa: S101
        self.session.send(stream, ENVIRONMENT_REPLY, {"status": "ok"}, parent, ident)

    async def reaction_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Likewise: what the main thread has made of the last SIGINT."""
        content = {"status": "ok", "reaction": self._main_thread.reaction()}
        assert self.session is not None  # noqa: S101
        self.session.send(stream, REACTION_REPLY, content, parent, ident)

    async def in_use_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Likewise: what Tab will be asked about, see ``read_ahead.py``."""
        content = {
            "status": "ok",
            "names": names_in_use(self.shell),
            "path": list(map(str, sys.path)),
        }
        assert self.session is not None  # noqa: S101
        self.session.send(stream, IN_USE_REPLY, content, parent, ident)

    async def _on_main_thread(self, work: Callable[[], None]) -> None:
        done: Future[None] = Future()

        def run() -> None:
            try:
                work()
                done.set_result(None)
            except Exception as error:
                done.set_exception(error)

        self.io_loop.add_callback(run)
        await asyncio.wrap_future(done)


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


class SessionKernelApp(IPKernelApp):
    """An ``IPKernelApp`` whose output queue never drops."""

    name = "ipython-kernel"
    kernel_class = Type(SessionKernel, klass=Kernel)

    def init_iopub(self, context: Any) -> None:
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]
        HandOver(self.iopub_thread)

    def init_kernel(self) -> None:
        let_any_text_pass()
        # Else a record is made of each message, four for a cell, which no handler takes.
        self.log.setLevel(self.log_level)
        super().init_kernel()  # type: ignore[no-untyped-call]

    def start(self) -> None:
        ioloop.IOLoop.current().add_callback(_let_signals_wake_the_loop)
        super().start()  # type: ignore[no-untyped-call]


async def _let_signals_wake_the_loop() -> None:
    """Without this, SIGINT ends ``await asyncio.sleep(600)`` after 600 s.

    ipykernel's handler for cells that await adds a callback to the event loop, and a loop that
    waits for events does not notice that. asyncio arms its wakeup for all signals at once, as soon
    as it handles one: here, one that means nothing to a kernel.
    """
    if sys.platform != "win32":
        with contextlib.suppress(NotImplementedError):  # another event loop than asyncio's
            asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, lambda: None)


def main() -> None:
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
    SessionKernelApp.launch_instance()
