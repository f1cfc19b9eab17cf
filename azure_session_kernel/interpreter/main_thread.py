"""What SIGINT has done to the code that runs on the main thread, as another thread sees it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import sys
import threading
import time
from typing import Any

#: Sent to have a look. The system ignores it where Python does not handle it, and Python handles
#: signals in the order of their numbers: SIGINT comes before it. Windows has none.
LOOK = getattr(signal, "SIGURG", None)
#: Code that can be reached at all is reached in a millisecond, and on busy cores in some more.
LOOK_S = 0.4
#: So long after SIGINT, and then after each other, the main thread is woken once more.
WAKE_AFTER_S = (0.1, 0.4, 1.5)


class MainThread:
    """Created there. Python handles signals there between two bytecodes, or when a call wakes."""

    def __init__(self) -> None:
        self._seen: queue.SimpleQueue[str] = queue.SimpleQueue()  # a handler may use it any time
        self._looking = threading.Lock()
        if LOOK is not None:
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(LOOK, self._look)

    def reaction(self) -> str:
        """To the SIGINT before. Blocks for at most ``LOOK_S``, and is for other threads.

        ``none``: no line of Python has run since, it is still in the same call. ``handling``: in
        an ``except`` or ``finally`` that a KeyboardInterrupt led to. ``handled``: it has left
        that, or has a handler of its own. ``unknown``: this can't be found out here.
        """
        with self._looking:
            while not self._seen.empty():
                self._seen.get()
            if not self._let_look():
                return "unknown"
            try:
                return self._seen.get(timeout=LOOK_S)
            except queue.Empty:
                return "none"

    def wake(self) -> None:
        """Blocks for some seconds, and is for other threads.

        A signal that comes when the main thread has just looked for signals, and begins a call that
        waits, does not end that call: the next one does.
        """
        for pause_s in WAKE_AFTER_S:
            time.sleep(pause_s)
            self._let_look()

    def _let_look(self) -> bool:
        """False where there is no such signal, or the user's code has taken it."""
        if sys.platform == "win32" or LOOK is None or signal.getsignal(LOOK) != self._look:
            return False
        signal.pthread_kill(threading.main_thread().ident or 0, LOOK)
        return True

    def _look(self, *_: Any) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if getattr(handler, "__module__", "") == "ipykernel.ipkernel":
            # A cell that awaits: it gets a CancelledError, as soon as the loop has a turn.
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe(self._seen.put, "handled")
        else:
            interrupted = _comes_from_interrupt(sys.exc_info()[1])
            self._seen.put("handling" if interrupted else "handled")


def _comes_from_interrupt(error: BaseException | None) -> bool:
    known: set[int] = set()
    while error is not None and id(error) not in known:
        if isinstance(error, KeyboardInterrupt):
            return True
        known.add(id(error))
        error = error.__context__
    return False
