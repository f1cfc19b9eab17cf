"""One session: a process tree with its own directory and a scrubbed environment.

The contract with the container's command: it gets ``--workdir DIR --exit-with-parent`` and either
``--uds PATH`` or ``--port 0 --port-file FILE``; one that knows ``--mnt-data``
is to show user code that directory there. It listens, answers ``GET /health`` with 200
when it is ready, and ends when its standard input does, which this process holds open. So
sessions don't outlive a pool that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ...common.within import within
from ..front.connection import NotListening, UpstreamError
from ..front.upstream import Address, Upstream
from ..kinds.kinds import Ready
from . import environment, processes
from .layout import Layout, session_environment
from .template import Forked, Template, TemplateFailed

log = logging.getLogger(__name__)

#: How long a session may take to end by itself before it is killed.
STOP_WITHIN_S = 1.5
_POLL_S = 0.01
_REAPED_WITHIN_S = 0.5


class SessionFailed(Exception):
    """The container's command ended, or did not listen in time."""


class SessionProcess:
    """A running session. Made by :func:`start_session`."""

    def __init__(
        self, process: asyncio.subprocess.Process | Forked, layout: Layout, ready: Ready = "health"
    ) -> None:
        self.pid = process.pid
        self.layout = layout
        self._ready: Ready = ready
        self.upstream = Upstream(Address())
        self._process = process
        self._stopping: asyncio.Task[None] | None = None
        #: Ends when the session's process has.
        self.ended = asyncio.create_task(process.wait())

    @property
    def alive(self) -> bool:
        return not self.ended.done() and self._stopping is None

    async def has_ended(self) -> bool:
        """Whether the process is gone; waits a moment, as its sockets close before it is reaped.

        Not for one that was handed out before it listened: most likely it still does not.
        """
        if self.alive and self._ready != "started":
            await asyncio.wait({self.ended}, timeout=_REAPED_WITHIN_S)
        return not self.alive

    async def wait_until_ready(self) -> None:
        """:raises SessionFailed: the command ended."""
        while not await self._is_ready():
            if self.ended.done():
                raise SessionFailed(f"the session's command ended ({self.ended.result()})")
            await asyncio.sleep(_POLL_S)

    async def _is_ready(self) -> bool:
        uds = self.layout.uds
        if self._ready == "started":
            self.upstream = Upstream(Address(uds=uds))
            return True
        if uds is None:
            with contextlib.suppress(OSError, ValueError):
                port = int(self.layout.port_file.read_text())
                self.upstream = Upstream(Address(port=port))
                return await self._healthy()
            return False
        if not Path(uds).exists():  # noqa: ASYNC240 - a stat of a local file
            return False
        self.upstream = Upstream(Address(uds=uds))
        return await self._healthy()

    async def _healthy(self) -> bool:
        try:
            connection = await self.upstream.connect()
        except NotListening:
            return False
        try:
            if self._ready == "listening":
                return True
            await connection.write((b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",))
            connection.request_sent = True
            await connection.head()
            while not connection.complete:
                await connection.piece()
            return connection.status == 200
        except UpstreamError:
            return False
        finally:
            self.upstream.release(connection)

    def last_words(self) -> str:
        """The end of what the command printed."""
        with contextlib.suppress(OSError):
            return self.layout.log.read_bytes()[-2000:].decode(errors="replace").strip()
        return ""

    async def stop(self) -> None:
        """End every process of this session and remove its files. Repeats wait for the first."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        self.upstream.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._signal(signal.SIGTERM)
        await asyncio.wait({self.ended}, timeout=STOP_WITHIN_S)
        if sys.platform != "win32":
            self._signal(signal.SIGKILL)
        # The interpreter leads a process group of its own, and user code can make more.
        await asyncio.to_thread(processes.kill_by_home, str(self.layout.work))
        await self.ended
        await asyncio.to_thread(shutil.rmtree, self.layout.root, ignore_errors=True)

    def _signal(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if isinstance(self._process, asyncio.subprocess.Process) and sys.platform == "win32":
                self._process.terminate()
            elif sys.platform != "win32":
                os.killpg(self.pid, signum)


async def start_session(
    command: Sequence[str],
    root: Path,
    ready_within_s: float,
    ready: Ready = "health",
    template: Template | None = None,
) -> SessionProcess:
    """Start a session in the new directory ``root`` and wait until it is ready.

    :param template: what forks it, if it can.
    :raises SessionFailed: it did not; nothing of it is left.
    """
    layout = Layout(root)
    layout.create()
    python = await asyncio.to_thread(environment.make, layout.environment)
    if python is not None and command[0] == sys.executable:
        command = (str(python), *command[1:])
    port = ("--port", "0", "--port-file", str(layout.port_file))
    where = ("--uds", layout.uds) if layout.uds else port
    command = (*command, *where, "--workdir", str(layout.work), "--exit-with-parent")
    process = await _started(command, layout, session_environment(layout, python), template)
    session = SessionProcess(process, layout, ready)
    try:
        await within(session.wait_until_ready(), ready_within_s)
    except BaseException as error:
        words = session.last_words()
        await session.stop()
        if isinstance(error, (SessionFailed, TimeoutError, asyncio.TimeoutError)):
            what = str(error) or f"the session did not listen within {ready_within_s:g} s"
            log.warning("%s%s", what, f":\n{words}" if words else "")
            raise SessionFailed(what) from error
        raise
    return session


async def _started(
    command: Sequence[str], layout: Layout, env: dict[str, str], template: Template | None
) -> asyncio.subprocess.Process | Forked:
    with layout.log.open("wb") as output:
        if template is not None:
            with contextlib.suppress(TemplateFailed):
                return await template.fork(command[0], command[3:], layout.work, env, output)
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=layout.work,
            env=env,
            start_new_session=True,
        )
