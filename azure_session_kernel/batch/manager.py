"""``SessionKernelManager``: what nbclient takes for a manager of kernel processes."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import uuid
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from ..session.shared import Shared
from ..session.surroundings import Surroundings
from .client import SessionKernelClient
from .front_end import LocalFrontEnd
from .kernel import LocalKernel
from .kernelspec import environment_of, find_spec, session_arguments

#: What the kernels of an event loop share. A closed loop's is of no use to another one.
_SHARED: dict[asyncio.AbstractEventLoop, Shared] = {}


def _shared() -> Shared:
    """Of the running loop."""
    for loop in [loop for loop in _SHARED if loop.is_closed()]:
        del _SHARED[loop]
    return _SHARED.setdefault(asyncio.get_running_loop(), Shared())


class SessionKernelManager(AsyncKernelManager):
    """Each kernel is a part of this process, on the event loop that starts it, and has a session
    of the pool of its own. No process, no socket, no file but the session's lease.

    The settings are those of the kernelspec ``kernel_name``, or of ``azure-session`` where that is
    not one of ours, and of ``env``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # A name as Jupyter Server gives it: the session is known by it, over restarts.
        self._identity = f"kernel-{uuid.uuid4()}.json"
        self._front: LocalFrontEnd | None = None
        self._kernel: LocalKernel | None = None
        self._started_with: dict[str, Any] | None = None

    # -- the life of the kernel -------------------------------------------------------------------

    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """``env``, ``cwd`` and ``extra_arguments`` as for a process; anything else that one could
        be started with has no meaning here.

        :raises FileNotFoundError: ``cwd`` is no folder.
        """
        self._started_with = dict(options)
        self.kernel_id = self.kernel_id or str(options.get("kernel_id") or uuid.uuid4())
        shared = _shared()
        here = self._surroundings(shared, options)
        if self._front is None:
            self._front = LocalFrontEnd()
        self._kernel = LocalKernel(self._front, here, shared)
        if not self.ready.done():
            self.ready.set_result(None)

    def _surroundings(self, shared: Shared, options: dict[str, Any]) -> Surroundings:
        spec = find_spec(self.kernel_spec_manager, self.kernel_name)
        folder = Path(options.get("cwd") or Path.cwd()).resolve()
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        before = dict(os.environ)
        environ = options.get("env")
        return Surroundings(
            connection_file=self._identity,
            environ=environment_of(spec, before if environ is None else environ),
            parent_environ=lambda: before,
            folder=folder,
            arguments=session_arguments(spec, options.get("extra_arguments") or ()),
            shared=shared,
        )

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:  # type: ignore[override]
        """As for a process: an interrupt of what runs, and then a shutdown. Until the session is
        stopped, or asked for a new interpreter.

        :param now: without the interrupt. A process would leave its session to the reaper.
        """
        if self._kernel is None or self._front is None:
            return
        if self._kernel.is_alive:
            # A signal to a session where nothing runs would only be in the way of its end.
            if not now and self._kernel.is_busy:
                self._control("interrupt_request")
            self._control("shutdown_request", restart=restart)
        await self.cleanup_resources(restart=restart)

    async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override]
        """Until the kernel has ended: one that has begun to, or was told to."""
        if self._kernel is not None:
            await self._kernel.ended()
            self._kernel = None

    async def restart_kernel(  # type: ignore[override]
        self, now: bool = False, newports: bool = False, **options: Any
    ) -> None:
        """:raises RuntimeError: it was never started."""
        if self._started_with is None:
            raise RuntimeError("Cannot restart the kernel. No previous call to 'start_kernel'.")
        await self.shutdown_kernel(now=now, restart=True)
        await self.start_kernel(**{**self._started_with, **options})

    async def interrupt_kernel(self) -> None:  # type: ignore[override]
        """:raises RuntimeError: there is no kernel."""
        if self._kernel is None:
            raise RuntimeError("Cannot interrupt kernel. No kernel is running!")
        self._control("interrupt_request")

    async def signal_kernel(self, signum: int) -> None:  # type: ignore[override]
        """SIGINT interrupts; whatever ends a process ends the kernel.

        :raises RuntimeError: there is no kernel.
        """
        if self._kernel is None:
            raise RuntimeError("Cannot signal kernel. No kernel is running!")
        if signum == signal.SIGINT:
            await self.interrupt_kernel()
        elif signum in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            self._kernel.kill()

    def _control(self, msg_type: str, **content: Any) -> None:
        if self._front is not None:
            self._front.receive("control", self.session.msg(msg_type, content))

    # -- what is asked about it -------------------------------------------------------------------

    @property
    def has_kernel(self) -> bool:
        return self._kernel is not None

    async def is_alive(self) -> bool:  # type: ignore[override]
        return self._kernel is not None and self._kernel.is_alive

    #: Called so by clients.
    _async_is_alive = is_alive

    def client(self, **options: Any) -> SessionKernelClient:  # type: ignore[override]
        """:raises RuntimeError: the kernel was never started."""
        if self._front is None:
            raise RuntimeError("Start the kernel first: its clients are in the same process.")
        place = self._front.join()
        return SessionKernelClient(self, place, **{"session": self.session, **options})
