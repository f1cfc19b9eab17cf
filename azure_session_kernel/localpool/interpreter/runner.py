"""Which kernel runs an execution, and when (azure/README 6.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from ...adapter.azure_executions import TimedOut
from ...adapter.azure_outputs import Outputs
from ...adapter.azure_request import ExecutionRequest
from .kernel import Kernel


class KernelRunner:
    """Synchronous executions one at a time; asynchronous ones straight to the same kernel.

    ``useEmptyKernel`` means a second kernel, which is started when it is first asked for.
    """

    def __init__(self, directory: Path, data: Path) -> None:
        self._directory, self._data = directory, data
        self._kernels: dict[str, Kernel] = {}
        self._one_at_a_time = asyncio.Lock()

    async def ready(self) -> None:
        """Start the kernel and wait until it answers."""
        await self._kernel("k").ready()

    async def close(self) -> None:
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
