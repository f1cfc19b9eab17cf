"""Files that arrive while something runs: interrupts, comm messages, what has been read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .main_thread import MainThread
from .packing import pack
from .place import Place
from .tap import Tap

#: How often arriving files are looked for, only while something runs; less often where looking
#: would take more than this share of the user's processor, for the folder may be a large one.
LOOK_S, RARE_LOOK_S, SHARE = 0.05, 1.0, 0.02
#: Python sees a signal between bytecodes only; ipykernel's threads delay it while a cell starts.
SETTLE_S = 0.05


class Arrivals:
    """:ivar active: set while something runs. :ivar running: the ``msg_id`` that SIGINT would hit.

    :param handle: a coroutine function for a message that came beside the running one.
    """

    def __init__(self, tap: Tap, handle: Callable[..., Any]) -> None:
        self._tap, self._handle = tap, handle
        self.place: Place | None = None
        self.active = threading.Event()
        self.running, self._started_at = "", 0.0
        self._signal_wanted: set[str] = set()
        self._main_thread = MainThread()
        self._signalling, self._looking = threading.Lock(), threading.Lock()
        threading.Thread(target=self._watch, daemon=True, name="azure-session-watch").start()

    def begin(self, msg_id: str) -> None:
        self.running, self._started_at = msg_id, time.monotonic()

    def end(self) -> None:
        """No signal is sent after this has returned."""
        with self._signalling:
            self.running = ""

    def _watch(self) -> None:
        while True:
            self.active.wait()
            began = time.thread_time()
            with contextlib.suppress(Exception):
                self.look()
            taken_s = time.thread_time() - began
            time.sleep(min(max(LOOK_S, taken_s / SHARE), RARE_LOOK_S))

    def look(self) -> None:
        with self._looking:
            names = (
                self.place.names("signal-", "look-", "beside-", "read-", "exit-")
                if self.place
                else []
            )
            for name in names:
                value = self.place.take(name) if self.place else None
                if isinstance(value, dict):
                    self._take(name, value)
        with self._signalling:
            settled = time.monotonic() - self._started_at > SETTLE_S
            if self.running in self._signal_wanted and settled:
                self._signal_wanted.discard(self.running)
                self._signal()

    def _take(self, name: str, value: dict[str, Any]) -> None:
        kind, _, of_one = name.partition("-")
        if kind == "look":
            answer = threading.Thread(target=self._answer_look, args=(of_one,), daemon=True)
            answer.start()  # it may take a while, and a signal must not wait for it
        if kind == "exit":
            os._exit(0)
        if kind == "read":
            self._tap.log.backlog.forget(value["chunk"])
        if kind == "signal":
            over = value["msg_id"] in self._tap.seen and value["msg_id"] != self.running
            self._signal_wanted |= set() if over else {value["msg_id"]}
        for message in value.get("messages", ()):
            if self._tap.is_new(message):
                self._beside(message)

    def _answer_look(self, of_one: str) -> None:
        reaction = self._main_thread.reaction()
        if self.place is not None:
            with contextlib.suppress(OSError):
                self.place.write(f"seen-{of_one}", pack({"reaction": reaction}))

    def _beside(self, message: dict[str, Any]) -> None:
        """Comm messages on the kernel's loop: at once if a cell awaits, else when it is over."""
        kernel = self._tap.kernel

        async def handle() -> None:
            await self._handle(message, kernel.shell_stream, b"", beside=True)

        if message["channel"] == "control":
            threading.Thread(target=lambda: asyncio.run(handle()), daemon=True).start()
        else:
            kernel.io_loop.add_callback(handle)

    def _signal(self) -> None:
        """To the children, too, as an interrupt_request: `!sleep 100` must end."""
        if sys.platform == "win32":
            signal.raise_signal(signal.SIGINT)
        elif os.getpgid(0) == os.getpid():
            os.killpg(os.getpid(), signal.SIGINT)
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        threading.Thread(target=self._main_thread.wake, daemon=True).start()
        self._tap.kernel.io_loop.add_callback(int)  # a loop that waits for events looks up
