"""Modules are read for Tab while nothing runs; see ``read_ahead_program.py``, which does it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from ..common.owned_tasks import OwnedTasks

log = logging.getLogger(__name__)

#: A session that nothing has run in for so long is idle.
IDLE_S: Final = 1.0
PROGRAM: Final = Path(__file__).with_name("read_ahead_program.py")

#: Names as ``names_in_use`` gives them, and the ``path`` on which they are found; None: no answer.
Asked = Callable[[], Awaitable[dict[str, Any] | None]]


class ReadAhead:
    """One interpreter's. It never fails, and what it does is over or stopped while something runs.

    :param ask: what the interpreter has in use.
    :param env: of the interpreter. :param python: the program that runs it.
    :ivar read: names for which a program has been started.
    """

    def __init__(
        self,
        ask: Asked,
        workdir: Callable[[], Path],
        env: Callable[[], dict[str, str]],
        python: str,
    ) -> None:
        self._ask, self._workdir, self._env, self._python = ask, workdir, env, python
        self.read: set[tuple[str, str]] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._tasks = OwnedTasks(log)
        self._due = self._stopped = False

    def on_work(self, *, from_a_person: bool) -> None:
        """Something is sent to the interpreter.

        :param from_a_person: it is a cell, and somebody may press Tab: runners take no questions.
        """
        self._due |= from_a_person
        self._cancel()
        self._signal("SIGSTOP")

    def on_idle(self) -> None:
        """Nothing runs in it any more."""
        self._cancel()
        if not self._stopped and (self._due or self._process is not None):
            self._waiting = asyncio.get_running_loop().call_later(IDLE_S, self._go_on)

    def _cancel(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _go_on(self) -> None:
        self._waiting = None
        self._signal("SIGCONT")
        if not self._tasks:
            self._tasks.start(self._run())

    async def _run(self) -> None:
        try:
            await self._read_what_is_new()
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
        ) as error:  # the interpreter says what it likes
            log.info("nothing is read for Tab: %s", error)
        finally:
            if self._due and not self._stopped:
                self.on_idle()

    async def _read_what_is_new(self) -> None:
        self._due = False
        asked = await self._ask()
        if asked is None:
            return
        names = [(str(module), str(of_class)) for module, of_class in asked["names"]]
        new = [name for name in names if name not in self.read]
        if not new:
            return
        self.read.update(new)
        self._process = process = await asyncio.create_subprocess_exec(
            *(self._python, str(PROGRAM)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._workdir(),
            env=self._env(),
        )
        try:
            await process.communicate(json.dumps({"path": asked["path"], "names": new}).encode())
        finally:
            self._signal("SIGKILL")
            self._process = None

    def _signal(self, name: str) -> None:
        number = getattr(signal, name, None)  # Windows has none of them
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(OSError):
            process.kill() if number is None else process.send_signal(number)

    async def end(self) -> None:
        self._stopped = True
        self._cancel()
        await self._tasks.aclose()
