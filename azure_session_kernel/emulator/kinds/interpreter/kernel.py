"""One plain ipykernel, driven as the real proxy drives its own (docs/azure.md 6.1).

``allow_stdin`` is false, requests queue in the kernel, and one that takes too long is given up but
not interrupted: what comes after it waits behind it (docs/azure.md 6.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager

from ....azure_api.executions import Aborted, TimedOut
from ....azure_api.outputs import Outputs
from ....azure_api.run import Run
from ....common.within import within
from ....container import PYTHON_ARGUMENTS
from ....wire import Message, WireError
from ....wire.zmq_messages import decode_frames

log = logging.getLogger(__name__)

#: A unix socket's path may have about 107 characters; ZeroMQ's name and number come on top.
_LONGEST_DIRECTORY: Final = 70
_POLL_S: Final = 0.1


class _Manager(AsyncKernelManager):
    """Starts ipykernel as its own kernelspec does, whatever kernelspecs are installed."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        program = [sys.executable, *PYTHON_ARGUMENTS, "-m", "ipykernel_launcher"]
        return [*program, "-f", str(self.connection_file)]


class Kernel:
    """An ipykernel that is started again when it dies, as Jupyter Server does.

    :param directory: for the connection files and the sockets.
    :param cwd: the kernel's working directory.
    """

    def __init__(self, directory: Path, cwd: Path, name: str) -> None:
        self._directory, self._cwd, self._name = directory, cwd, name
        self._lives = itertools.count(1)
        self._runs: dict[str, Run] = {}
        self._sockets: dict[str, Any] = {}
        self._heard: set[str] = set()
        self._answered = asyncio.Event()
        self._living: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to start it; returns at once."""
        self._living = asyncio.create_task(self._live())

    async def stop(self) -> None:
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)

    async def ready(self) -> None:
        """Wait until it has answered on both channels.

        Its first word on IOPub is not enough: a request that comes before its shell listens can
        be left lying there.
        """
        while not self._answered.is_set():
            if self._sockets:
                self._send("kernel_info_request", {})
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._answered.wait(), _POLL_S)

    async def run(
        self, code: str, timeout_s: float, started: Callable[[], None] = lambda: None
    ) -> Outputs:
        """:raises TimedOut: :raises Aborted: the kernel died, or was killed."""
        run = Run(started)
        try:
            await within(self._until_over(code, run), timeout_s)
        except asyncio.TimeoutError:
            raise TimedOut from None
        if run.aborted:
            raise Aborted
        return run.outputs

    async def _until_over(self, code: str, run: Run) -> None:
        await self.ready()
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        self._runs[self._send("execute_request", {**content, "stop_on_error": False})] = run
        await run.over.wait()

    def _send(self, msg_type: str, content: dict[str, Any]) -> str:
        message = self._session.msg(msg_type, content)
        self._sockets["shell"].send_multipart(self._session.serialize(message))
        return str(message["header"]["msg_id"])

    # -- one life after the other -----------------------------------------------------------------

    async def _live(self) -> None:
        while True:
            try:
                await self._one_life()
            except Exception:
                log.exception("the kernel can't be started")
                await asyncio.sleep(_POLL_S)

    async def _one_life(self) -> None:
        manager = self._new_manager()
        receiving: list[asyncio.Task[None]] = []
        try:
            # User code can have removed it.
            self._cwd.mkdir(parents=True, exist_ok=True)
            await manager.start_kernel(cwd=str(self._cwd))
            receiving = self._connect(manager)
            while await manager.is_alive():  # noqa: ASYNC110  # a process gives no event
                await asyncio.sleep(_POLL_S)
        finally:
            for task in receiving:
                task.cancel()
            await self._end(manager)

    def _new_manager(self) -> _Manager:
        name = f"{self._name}{next(self._lives)}"
        use_ipc = os.name == "posix" and len(str(self._directory)) <= _LONGEST_DIRECTORY
        context = zmq.asyncio.Context()
        for option in (zmq.RCVHWM, zmq.SNDHWM, zmq.LINGER):
            context.setsockopt(option, 0)
        return _Manager(
            context=context,
            transport="ipc" if use_ipc else "tcp",
            ip=str(self._directory / name) if use_ipc else "127.0.0.1",
            connection_file=str(self._directory / f"{name}.json"),
        )

    def _connect(self, manager: _Manager) -> list[asyncio.Task[None]]:
        self._session = manager.session
        self._sockets = {"iopub": manager.connect_iopub(), "shell": manager.connect_shell()}
        receive = [self._receive(channel, socket) for channel, socket in self._sockets.items()]
        return [asyncio.create_task(work) for work in receive]

    async def _end(self, manager: _Manager) -> None:
        self._answered.clear()
        self._heard.clear()
        sockets, self._sockets = self._sockets, {}
        for run in self._runs.values():
            run.abort()
        self._runs.clear()
        group = getattr(manager.provisioner, "pgid", None)
        with contextlib.suppress(Exception):
            await manager.shutdown_kernel(now=True)
        if group and sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        for socket in sockets.values():
            socket.close(linger=0)
        with contextlib.suppress(Exception):
            manager.context.destroy(linger=0)

    # -- messages ---------------------------------------------------------------------------------

    async def _receive(self, channel: str, socket: Any) -> None:
        while True:
            frames = await socket.recv_multipart()
            with contextlib.suppress(WireError):
                self._take(decode_frames(self._session, channel, frames)[1])

    def _take(self, message: Message) -> None:
        self._heard.add(message.msg_type if message.channel == "shell" else message.channel)
        if {"kernel_info_reply", "iopub"} <= self._heard:
            self._answered.set()
        run = self._runs.get(message.parent_id)
        if run is None:
            return
        run.take(message)
        if run.over.is_set():
            del self._runs[message.parent_id]
