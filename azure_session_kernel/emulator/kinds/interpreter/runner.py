"""Which kernel runs an execution, and when (docs/azure.md 6.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ....azure_api.executions import Aborted, TimedOut
from ....azure_api.outputs import Outputs
from ....azure_api.request import ExecutionRequest
from .kernel import Kernel

_CHECK_WITHIN_S: Final = 60.0


class KernelRunner:
    """Synchronous executions one at a time; asynchronous ones straight to the same kernel.

    ``useEmptyKernel`` means a second kernel, which is started when it is first asked for.

    :param check_s: how often a health check runs in the kernel, as Microsoft's proxy has it run,
        with history; 0: never.
    """

    def __init__(self, directory: Path, data: Path, check_s: float = 0.0) -> None:
        self._check_s = check_s
        self._checking: asyncio.Task[None] | None = None
        self._directory, self._data = directory, data
        self._kernels: dict[str, Kernel] = {}
        self._one_at_a_time = asyncio.Lock()

    async def ready(self) -> None:
        """Start the kernel and wait until it answers."""
        await self._kernel("k").ready()
        if self._check_s:
            self._checking = asyncio.create_task(self._check())

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(self._check_s)
            with contextlib.suppress(TimedOut, Aborted):
                await self._kernel("k").run("1+1", _CHECK_WITHIN_S)

    async def close(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
        await asyncio.gather(*(kernel.stop() for kernel in self._kernels.values()))

    async def run(self, request: ExecutionRequest, started: Callable[[], None]) -> Outputs:
        """The time spent waiting for an earlier execution counts. :raises TimedOut:"""
        kernel = self._kernel("e" if request.empty_kernel else "k")
        if request.asynchronous:
            return await kernel.run(request.code, request.timeout_s, started)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeout_s
        try:
            # Not within(): a lock that it has just got would never be released.
            await asyncio.wait_for(self._one_at_a_time.acquire(), request.timeout_s)  # noqa: TID251
        except asyncio.TimeoutError:
            raise TimedOut from None
        try:
            return await kernel.run(request.code, deadline - loop.time(), started)
        finally:
            self._one_at_a_time.release()

    def _kernel(self, name: str) -> Kernel:
        if name not in self._kernels:
            self._kernels[name] = Kernel(self._directory, self._data, name)
            self._kernels[name].start()
        return self._kernels[name]
