"""What the interpreter's threads hand to each other for a cell, and less of it than ipykernel does.

Each flush of a stream wakes ipykernel's IOPub thread twice and waits for it, six times for a small
cell that has written nothing; and IPython's history thread writes each cell to its database, and
waits for the disk, while the next one waits for that. Measured: half of a small cell's time.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from ipykernel.iostream import OutStream

#: A cell is in IPython's database so long after it began, and those of so long a time together.
HISTORY_S: Final = 0.25
#: ``HistoryManager.db_cache_size``: at so many it is written at once.
HISTORY_CELLS: Final = 1000
_FLUSH: Final = getattr(OutStream, "_flush", object())


class HandOver:
    """What any thread has for the IOPub thread, in its order.

    A stream's ``flush`` wakes that thread, and waits for it, only while something is not sent.

    :param thread: an ``IOPubThread``. Its ``schedule``, and its loop's ``call_later``, become ours.
    """

    def __init__(self, thread: Any) -> None:
        self._thread, loop = thread, thread.io_loop
        self._schedule, thread.schedule = thread.schedule, self.schedule
        self._call_later, loop.call_later = loop.call_later, self._later
        self._waiting: deque[Callable[[], Any]] = deque()
        self._at_work = False

    def schedule(self, work: Callable[[], Any]) -> None:
        """``IOPubThread.schedule``. Of a flush, it gets ``OutStream._flush``, and then the ``set``
        of an event that the flush waits for.
        """
        if not self._thread.thread.is_alive():  # in a process that was forked, for instance
            work()
            return
        stream_or_event, function = getattr(work, "__self__", None), getattr(work, "__func__", None)
        is_flush = function is _FLUSH
        if is_flush and _has_nothing(stream_or_event):
            return
        if isinstance(stream_or_event, threading.Event) and not self._something_is_unsent():
            work()
            return
        self._waiting.append(work)
        if not is_flush:  # its event wakes the thread
            self._schedule(self._work)

    def _something_is_unsent(self) -> bool:
        """What ``_at_work`` took from a stream is ``_waiting`` before it ends; what it took from
        there is sent.
        """
        return self._at_work or bool(self._waiting) or self._at_work

    # -- on the IOPub thread ----------------------------------------------------------------------

    def _work(self) -> None:
        with self._working():
            for _ in range(len(self._waiting)):
                self._waiting.popleft()()

    def _later(self, delay: float, work: Callable[..., Any], *args: Any, **options: Any) -> object:
        """A stream's own flush, some time after something was written."""

        def run() -> Any:
            with self._working():
                return work(*args, **options)

        return self._call_later(delay, run)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        self._at_work = True
        try:
            yield
        finally:
            self._at_work = False


def _has_nothing(stream: Any) -> bool:
    """For sure; unknown releases of ipykernel may keep it elsewhere."""
    return getattr(stream, "_buffers", None) == {} and getattr(stream, "echo", True) is None


class HistoryLater:
    """IPython's own thread writes cells to its database, but not while they begin.

    What asks for them there, such as ``%history -g``, has them written first.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._is_planned = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._write_now)

    def note(self) -> None:
        """A cell begins."""
        with contextlib.suppress(Exception):  # the user's code may have put anything there
            history = self._kernel.shell.history_manager
            if history.db_cache_size in (0, HISTORY_CELLS):  # the user's own is left
                # Without its thread IPython does as ever, for that starts one.
                history.db_cache_size = 0 if history.save_flag is None else HISTORY_CELLS
        if not self._is_planned:
            self._is_planned = True
            self._kernel.iopub_thread.schedule(self._plan)

    def _plan(self) -> None:
        """On a loop that no cell holds up."""
        self._kernel.iopub_thread.io_loop.call_later(HISTORY_S, self._write)

    def _write(self) -> None:
        self._is_planned = False
        with contextlib.suppress(Exception):
            history = self._kernel.shell.history_manager
            if _waits(history):
                history.save_flag.set()

    def _write_now(self) -> None:
        """Else two processes would."""
        with contextlib.suppress(Exception):
            history = self._kernel.shell.history_manager
            if _waits(history):
                history.writeout_cache()


def _waits(history: Any) -> bool:
    return bool(history.db_input_cache or history.db_output_cache)
