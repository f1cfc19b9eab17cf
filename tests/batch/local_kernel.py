"""``LiveKernel`` without a process: what the tests of kernels do, done with a ``batch`` kernel."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from azure_session_kernel.batch import SessionKernelManager
from azure_session_kernel.batch.channels import Channel

from ..compat.front import Front

Loop = asyncio.AbstractEventLoop
LOGGER = logging.getLogger("azure_session_kernel")


@contextmanager
def running_loop() -> Iterator[Loop]:
    """An event loop in a thread of its own, which must have nothing left to do at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
        left = asyncio.all_tasks(loop)
        assert not left, left
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Blocking:
    """The methods of ``it`` as calls that wait, made on the loop that it belongs to."""

    def __init__(self, it: Any, loop: Loop) -> None:
        self._it, self._loop = it, loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._it, name)
        if isinstance(value, Channel):
            return Blocking(value, self._loop)
        return self._calling(value) if inspect.ismethod(value) else value

    def _calling(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def on_the_loop(*args: Any, **options: Any) -> Any:
            result = method(*args, **options)
            return await result if inspect.isawaitable(result) else result

        def call(*args: Any, **options: Any) -> Any:
            work = on_the_loop(*args, **options)
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()

        return call


class LocalKernel(Front):
    """One kernel of this process, and one client of it."""

    def __init__(self, env: Mapping[str, str], log: Path, loop: Loop, **start: Any) -> None:
        self.env, self.log = {**os.environ, **env}, log
        self._logs = logging.FileHandler(log)
        self._logs.setLevel(logging.WARNING)
        LOGGER.addHandler(self._logs)
        self._manager = SessionKernelManager(kernel_name="azure-session")
        self.km: Any = Blocking(self._manager, loop)
        self.km.start_kernel(env=self.env, **start)
        self.kc: Any = Blocking(self.km.client(), loop)
        self.kc.start_channels()
        self._hangs = False
        self._seen, self._replies = [], {}

    @property
    def process(self) -> Any:
        raise AssertionError("it has none")

    @property
    def lease(self) -> dict[str, Any]:
        kernel: Any = self._manager._kernel
        return asdict(kernel._it._notebook.opening.lease.lease)

    def stop(self, *, now: bool = False) -> float:
        if self.km.has_kernel:
            self.km.shutdown_kernel(now=now)
        self.kc.stop_channels()
        LOGGER.removeHandler(self._logs)
        self._logs.close()
        return 0.0
