"""The interpreter as a process: started, signalled, ended. What it says is read elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import zmq
from jupyter_client.session import Session

from ..interpreter.main_thread import LOOK, WAKE_AFTER_S
from .launched import Launched, launch

log = logging.getLogger(__name__)

#: Received before somebody asks for them, as in any Jupyter client; the rest stays there.
IOPUB_MESSAGES: Final = 1000
#: Where it is not known when it listens, ZeroMQ's own 100 to 200 ms would add to each start.
_RECONNECT_MS: Final = 10
#: How often a starting interpreter is looked at, in seconds and as a share of the time it took.
_LOOK_S, _LOOK_SHARE = 0.005, 0.05
_SOCKETS: Final = {
    "iopub": zmq.SUB,
    "shell": zmq.DEALER,
    "control": zmq.DEALER,
    "stdin": zmq.DEALER,
}


class InterpreterProcess:
    """One process with its ZeroMQ sockets and its standard error.

    :param directory: where the connection file and the ipc sockets go (mode 0700).
    :param name: of these; different for each process.
    :param arguments: further ones of its command line.
    :param python: the program that runs it; default: the adapter's own.
    :param launched: one that runs already, with these.
    """

    def __init__(
        self,
        directory: Path,
        workdir: Path,
        name: str,
        arguments: Sequence[str] = (),
        python: str = sys.executable,
        launched: Launched | None = None,
    ) -> None:
        self._key = secrets.token_hex(32) if launched is None else launched.key
        self._given = directory, name, workdir, python, list(arguments), self._key
        self._launched = launched
        self._ended: asyncio.Future[int] | None = None
        self._killed = False
        self._context = zmq.Context()
        for option in (zmq.RCVHWM, zmq.SNDHWM, zmq.LINGER):
            self._context.setsockopt(option, 0)
        self._context.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        self.session = Session(key=self._key.encode())
        """Signs messages for it and checks those from it."""

    @property
    def exists(self) -> bool:
        """It was started and not killed by us; it may have ended by itself."""
        return self._ended is not None and not self._killed

    async def start(self) -> None:
        """Returns before it listens. :raises OSError:"""
        launched = self._launched = self._launched or launch(*self._given)
        loop = asyncio.get_running_loop()
        ended = self._ended = loop.create_future()

        def wait() -> None:
            code = launched.process.wait()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(ended.set_result, code)

        threading.Thread(target=wait, daemon=True).start()

    async def connect(self) -> dict[str, zmq.Socket[bytes]]:
        """Sockets by channel, once it listens or has ended.

        ZeroMQ would try again all the time. A file that appears gives no event, so it is looked for
        ever more seldom: of many that start at once, each takes long.
        """
        assert self._launched is not None and self._ended is not None, "it was started"  # noqa: S101
        begun = time.monotonic()
        while not (self._launched.listens or self._ended.done()):
            waited_s = time.monotonic() - begun
            await asyncio.wait({self._ended}, timeout=max(_LOOK_S, waited_s * _LOOK_SHARE))
        sockets = {}
        for channel, kind in _SOCKETS.items():
            socket = sockets[channel] = self._context.socket(kind)
            if channel == "iopub":
                socket.setsockopt(zmq.RCVHWM, IOPUB_MESSAGES)
                socket.setsockopt(zmq.SUBSCRIBE, b"")
            else:
                # It sends input requests to the identity that sent the execute request.
                socket.setsockopt(zmq.IDENTITY, self.session.bsession)
            socket.connect(self._launched.address(channel))
        return sockets

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        assert self._ended is not None, "it was started"  # noqa: S101
        return await asyncio.shield(self._ended)

    async def interrupt(self) -> bool:
        """SIGINT. False when it has ended, or the system does not let us."""
        if self._launched is None or self._ended is None or self._ended.done():
            return False
        try:
            self._launched.interrupt()
        except OSError as error:
            log.warning("the interpreter can't be interrupted: %s", error)
            return False
        for after_s in itertools.accumulate(WAKE_AFTER_S):
            asyncio.get_running_loop().call_later(after_s, self._wake)
        return True

    @property
    def private(self) -> bool:
        """See ``Launched``."""
        return self._launched is not None and self._launched.private

    @property
    def ignores_interrupts(self) -> bool:
        """SIGINT would be lost. False where the system does not tell."""
        pid = self._launched and self._launched.process.pid
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return False
        ignored = status.partition("SigIgn:")[2].split(maxsplit=1)[:1]
        return bool(ignored) and bool(int(ignored[0], 16) >> (signal.SIGINT - 1) & 1)

    def _wake(self) -> None:
        """As ``MainThread.wake``: SIGINT alone may come in vain."""
        if LOOK is not None and self._launched is not None:
            with contextlib.suppress(OSError):
                self._launched.process.send_signal(LOOK)

    async def kill(self) -> None:
        """With its process group. Returns when it is gone."""
        if self._launched is None or self._ended is None or self._killed:
            return
        self._killed = True
        self._launched.kill()
        await self.wait()

    def clean_up(self) -> None:
        """Its connection file and everything of ZeroMQ's, once the sockets are closed."""
        with contextlib.suppress(Exception):
            self._context.destroy(linger=0)
        if self._launched is not None:
            self._launched.clean_up()

    def last_words(self) -> str:
        """The last line that the process itself, not the user's code, wrote to stderr."""
        if self._launched is None:
            return ""
        stderr = self._launched.stderr
        size = os.fstat(stderr.fileno()).st_size
        stderr.seek(max(0, size - 2000))
        lines = stderr.read(2000).decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f" It said: {said[-1][:300]}" if said else ""
