"""No task without an owner: asyncio forgets a task that nobody keeps, and its failure with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class OwnedTasks:
    """The tasks of one owner that go on in the background; each is kept until it is done.

    :param log: the owner's.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """In the background. A failure is logged when it happens."""
        task = self.start_awaited(work)
        task.add_done_callback(self._log_failure)
        return task

    def start_awaited(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """The same where somebody awaits the task: a failure is told there, and not twice. asyncio
        logs it when nobody does.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _log_failure(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a background task failed", exc_info=error)

    async def aclose(self, timeout_s: float | None = None) -> None:
        """Cancel what goes on and wait until it has ended. A task may call this of its own owner.

        :param timeout_s: for so long at most; None: however long it takes.
        """
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=timeout_s)

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return iter(list(self._tasks))
