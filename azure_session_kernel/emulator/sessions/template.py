"""The pool's side of ``template_program.py``: sessions whose programs need no imports of their own.

What a session's program starts in turn, the user's interpreter above all, is a plain process.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from ...common.within import within
from .layout import Layout, session_environment

_PROGRAM: Final = "azure_session_kernel.emulator.sessions.template_program"
_READY_WITHIN_S: Final = 60.0
_ANSWER_BYTES: Final = 4096


class TemplateFailed(Exception):
    """Nothing was started."""


class Forked:
    """A session's process, as ``asyncio.subprocess.Process`` has it.

    :ivar stdin: the other end of its standard input.
    """

    def __init__(self, pid: int, stdin: IO[bytes], ended: asyncio.Future[int]) -> None:
        self.pid, self.stdin, self._ended = pid, stdin, ended

    async def wait(self) -> int:
        """Its exit code."""
        return await asyncio.shield(self._ended)


class Template:
    """A process for one module; where it dies, its sessions count as ended.

    :param module: with a ``__main__`` that has a ``main``.
    :param root: of its directories, which are like a session's.
    """

    def __init__(self, module: str, root: Path) -> None:
        self._module, self._layout = module, Layout(root)
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._ready: asyncio.Future[int] | None = None
        self._started: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._unusable = False

    @staticmethod
    def module_of(command: Sequence[str]) -> str | None:
        """What ``command`` runs, where that can be forked.

        On macOS Python itself forks no processes by default: libraries there may have threads.
        """
        plain = sys.platform == "linux" and tuple(command[:2]) == (sys.executable, "-m")
        return command[2] if plain else None

    async def warm_up(self) -> None:
        async with self._turn:
            with contextlib.suppress(TemplateFailed):
                await self._running()

    async def fork(
        self,
        python: str,
        arguments: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        output: IO[bytes],
    ) -> Forked:
        """A process as ``python -m MODULE`` with these. :raises TemplateFailed:"""
        if sys.platform != "linux":
            raise TemplateFailed
        loop = asyncio.get_running_loop()
        async with self._turn:
            control = await self._running()
            number = next(self._numbers)
            asked = {"number": number, "python": python, "arguments": list(arguments)}
            asked |= {"cwd": str(cwd), "env": dict(env)}
            started = self._started[number] = loop.create_future()
            ended = self._ended[number] = loop.create_future()
            taken, held = os.pipe()
            stdin = os.fdopen(held, "wb", buffering=0)
            try:
                descriptors = [taken, output.fileno()]
                socket.send_fds(control, [json.dumps(asked).encode()], descriptors)
                return Forked(await started, stdin, ended)
            except BaseException as error:
                stdin.close()  # at which it ends
                if isinstance(error, OSError):
                    raise TemplateFailed from error
                raise
            finally:
                os.close(taken)
                del self._started[number]

    async def close(self) -> None:
        """Its sessions have ended."""
        self._forget()
        if self._process is not None:
            await self._process.wait()

    # -- its process ------------------------------------------------------------------------------

    async def _running(self) -> socket.socket:
        if self._control is not None:
            return self._control
        if sys.platform != "linux" or self._unusable:
            raise TemplateFailed
        if not self._layout.root.exists():
            self._layout.create()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _PROGRAM, str(theirs.fileno()), self._module),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                cwd=self._layout.work,
                env=session_environment(self._layout),
                start_new_session=True,
            )
        ours.setblocking(False)
        self._control = ours
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        loop.add_reader(ours, self._take_all)
        try:
            await within(self._ready, _READY_WITHIN_S)
        except (TemplateFailed, asyncio.TimeoutError) as error:
            # One that has never been ready will not be the next time either.
            self._unusable = True
            self._end_process()
            raise TemplateFailed from error
        except BaseException:
            self._end_process()
            raise
        return ours

    def _end_process(self) -> None:
        self._forget()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def _take_all(self) -> None:
        while self._control is not None:
            try:
                data = self._control.recv(_ANSWER_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self._take(json.loads(data))
            else:
                self._forget()

    def _take(self, said: dict[str, Any]) -> None:
        if "started" in said:
            _resolve(self._started.get(said["started"]), said["pid"])
        elif "ended" in said:
            _resolve(self._ended.pop(said["ended"], None), said["code"])
            _fail(self._started.get(said["ended"]))
        else:
            _resolve(self._ready, 0)

    def _forget(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        _fail(self._ready)
        for started in self._started.values():
            _fail(started)
        for ended in self._ended.values():
            _resolve(ended, -1)
        self._ended.clear()


def _resolve(future: asyncio.Future[int] | None, value: int) -> None:
    if future is not None and not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[int] | None) -> None:
    if future is not None and not future.done():
        future.set_exception(TemplateFailed())
