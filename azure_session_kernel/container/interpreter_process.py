"""The interpreter as a process: started, signalled, ended. What it says is read elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.session import Session
from traitlets import Instance

from ..interpreter.main_thread import LOOK, WAKE_AFTER_S
from . import PYTHON_ARGUMENTS

log = logging.getLogger(__name__)

#: A unix socket's path may have about 107 characters; ZeroMQ's name and number come on top.
_LONGEST_DIRECTORY: Final = 70
#: Received before somebody asks for them, as in any Jupyter client; the rest stays there.
IOPUB_MESSAGES: Final = 1000
_PROGRAM: Final = Path(__file__).with_name("launch.py")


class _Manager(AsyncKernelManager):
    """A kernel manager that starts our interpreter program instead of looking up a kernelspec."""

    context = Instance(zmq.Context)

    def __init__(self, python: str, **options: Any) -> None:
        super().__init__(**options)
        # Its own would be looked up among those installed beside the adapter, where none has to be.
        self._kernel_spec = KernelSpec(language="python")
        self._python = python

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        program = [self._python, *PYTHON_ARGUMENTS, str(_PROGRAM)]
        return [*program, "-f", str(self.connection_file), *(extra_arguments or ())]


class InterpreterProcess:
    """One process with its connection file, its ZeroMQ addresses and its standard error.

    :param directory: where the connection file and the ipc sockets go (mode 0700).
    :param name: of these; different for each process.
    :param arguments: further ones of its command line.
    :param python: the program that runs it; default: the adapter's own.
    """

    def __init__(
        self,
        directory: Path,
        workdir: Path,
        name: str,
        arguments: Sequence[str] = (),
        python: str = sys.executable,
    ) -> None:
        self._workdir, self._arguments = workdir, list(arguments)
        self._stderr: IO[bytes] | None = None
        context = zmq.Context()
        for option in (zmq.RCVHWM, zmq.SNDHWM, zmq.LINGER):
            context.setsockopt(option, 0)
        use_ipc = os.name == "posix" and len(str(directory)) <= _LONGEST_DIRECTORY
        self._manager = _Manager(
            python,
            context=context,
            transport="ipc" if use_ipc else "tcp",
            ip=str(directory / name) if use_ipc else "127.0.0.1",
            connection_file=str(directory / f"{name}.json"),
        )

    @property
    def session(self) -> Session:
        """Signs messages for it and checks those from it."""
        session: Session = self._manager.session
        return session

    @property
    def exists(self) -> bool:
        """It was started and not killed by us; it may have ended by itself."""
        return bool(self._manager.has_kernel)

    async def start(self) -> None:
        """Returns before it listens."""
        self._stderr = tempfile.TemporaryFile(prefix="ask-stderr-")  # noqa: SIM115
        await self._manager.start_kernel(
            extra_arguments=self._arguments,
            cwd=str(self._workdir),
            env=environment(),
            stderr=self._stderr,
        )

    def connect(self) -> dict[str, zmq.Socket[bytes]]:
        """Sockets by channel."""
        # The kernel sends input requests to the identity that sent the execute request.
        identity = self.session.bsession
        self._manager.context.setsockopt(zmq.RCVHWM, IOPUB_MESSAGES)
        iopub = self._manager.connect_iopub()
        self._manager.context.setsockopt(zmq.RCVHWM, 0)
        return {
            "iopub": iopub,
            "shell": self._manager.connect_shell(identity=identity),
            "control": self._manager.connect_control(identity=identity),
            "stdin": self._manager.connect_stdin(identity=identity),
        }

    async def exit_code(self) -> int | None:
        """None while it lives."""
        provisioner = self._manager.provisioner
        return None if provisioner is None else await provisioner.poll()

    async def interrupt(self) -> bool:
        """SIGINT. False when it has ended, or the system does not let us."""
        try:
            if await self.exit_code() is not None:
                return False
            await self._manager.interrupt_kernel()
        except (OSError, RuntimeError) as error:  # RuntimeError: it was not started
            log.warning("the interpreter can't be interrupted: %s", error)
            return False
        for after_s in itertools.accumulate(WAKE_AFTER_S):
            asyncio.get_running_loop().call_later(after_s, self._wake)
        return True

    @property
    def ignores_interrupts(self) -> bool:
        """SIGINT would be lost. False where the system does not tell."""
        pid = getattr(self._manager.provisioner, "pid", None)
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return False
        ignored = status.partition("SigIgn:")[2].split(maxsplit=1)[:1]
        return bool(ignored) and bool(int(ignored[0], 16) >> (signal.SIGINT - 1) & 1)

    def _wake(self) -> None:
        """As ``MainThread.wake``: SIGINT alone may come in vain."""
        process = getattr(self._manager.provisioner, "process", None)
        if LOOK is not None and process is not None:
            with contextlib.suppress(OSError):
                process.send_signal(LOOK)

    async def kill(self) -> None:
        """With its process group. Returns when it is gone."""
        if not self.exists:
            return
        provisioner = self._manager.provisioner
        group = getattr(provisioner, "pgid", None)
        with contextlib.suppress(Exception):
            await provisioner.kill()  # type: ignore[union-attr]
        if group and sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(Exception):
            await provisioner.wait()  # type: ignore[union-attr]

    def clean_up(self) -> None:
        """Its connection file and everything of ZeroMQ's, once the sockets are closed."""
        with contextlib.suppress(Exception):
            self._manager.cleanup_connection_file()
        with contextlib.suppress(Exception):
            self._manager.context.destroy(linger=0)
        if self._stderr is not None:
            self._stderr.close()

    def last_words(self) -> str:
        """The last line that the process itself, not the user's code, wrote to stderr."""
        if self._stderr is None:
            return ""
        size = os.fstat(self._stderr.fileno()).st_size
        self._stderr.seek(max(0, size - 2000))
        lines = self._stderr.read(2000).decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f" It said: {said[-1][:300]}" if said else ""


def environment() -> dict[str, str]:
    """The adapter's environment, without what only concerns the adapter."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_SESSION_", "JPY_"))}
