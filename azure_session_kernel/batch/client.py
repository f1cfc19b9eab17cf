"""The client of a kernel in this process: jupyter_client's, with other channels."""

from __future__ import annotations

import asyncio
import time
from queue import Empty
from typing import TYPE_CHECKING, Any

from jupyter_client.asynchronous.client import AsyncKernelClient

if TYPE_CHECKING:
    from .channels import Channel
    from .front_end import Place
    from .manager import SessionKernelManager

#: Whether the kernel still lives is looked at so often while it starts.
_LOOK_S = 1.0


class SessionKernelClient(AsyncKernelClient):
    """Made by ``SessionKernelManager.client``; used on the event loop of its kernel.

    What it sends, and the shapes of what it gets, are those of any ``AsyncKernelClient``.
    """

    def __init__(self, manager: SessionKernelManager, place: Place, **options: Any) -> None:
        super().__init__(parent=manager, **options)
        self._manager, self._place = manager, place

    @property
    def shell_channel(self) -> Channel:
        return self._place.channels["shell"]

    @property
    def iopub_channel(self) -> Channel:
        return self._place.channels["iopub"]

    @property
    def stdin_channel(self) -> Channel:
        return self._place.channels["stdin"]

    @property
    def control_channel(self) -> Channel:
        return self._place.channels["control"]

    @property
    def hb_channel(self) -> Any:
        raise NotImplementedError("A kernel in this process has no heartbeat: ask is_alive().")

    async def execute_interactive(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError("It waits for sockets: use execute() and get_iopub_msg().")

    @property
    def channels_running(self) -> bool:
        return any(channel.is_alive() for channel in self._place.channels.values())

    def start_channels(
        self,
        shell: bool = True,
        iopub: bool = True,
        stdin: bool = True,
        hb: bool = True,
        control: bool = True,
    ) -> None:
        wanted = {"iopub": iopub, "shell": shell, "stdin": stdin, "control": control}
        for name, is_wanted in wanted.items():
            if is_wanted:
                self._place.channels[name].start()
        self.allow_stdin = stdin

    def stop_channels(self) -> None:
        for channel in self._place.channels.values():
            channel.stop()

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Until the kernel has answered. What it has published by then is dropped.

        Cancelling ends the kernel: nbclient forgets one that it was still waiting for.

        :param timeout: in seconds; None: however long it takes.
        :raises RuntimeError: the kernel has ended, or did not answer in time.
        """
        try:
            await self._ready(timeout)
        except asyncio.CancelledError:
            await self._manager.shutdown_kernel(now=True)
            raise

    async def _ready(self, timeout: float | None) -> None:
        begun = time.monotonic()
        msg_id = self.kernel_info()
        while True:
            try:
                reply = await self.shell_channel.get_msg(timeout=_LOOK_S)
            except Empty:
                reply = {"parent_header": {}}
            if reply["parent_header"].get("msg_id") == msg_id:
                break
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if timeout is not None and time.monotonic() - begun > timeout:
                raise RuntimeError(f"Kernel didn't respond in {timeout:.0f} seconds")
        self._handle_kernel_info_reply(reply)
        self.iopub_channel.clear()
