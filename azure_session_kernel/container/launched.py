"""An interpreter's process and where it will listen.

The standard library alone: the adapter starts its first interpreter before it imports the rest,
which takes as long as the interpreter takes for its own imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from . import PYTHON_ARGUMENTS

#: A unix socket's path may have about 107 characters; ZeroMQ's name and number come on top.
_LONGEST_DIRECTORY: Final = 70
_CHANNELS: Final = ("shell", "iopub", "stdin", "control", "hb")
_PROGRAM: Final = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Launched:
    """One process.

    :ivar directory: holds its connection file and its sockets, and those of later ones.
    :ivar connection: what its connection file says.
    :ivar stderr: where it writes its own.
    """

    directory: Path
    file: Path
    connection: dict[str, Any]
    process: subprocess.Popen[bytes]
    stderr: IO[bytes]

    @property
    def key(self) -> str:
        return str(self.connection["key"])

    @property
    def private(self) -> bool:
        """Only who can read the key can reach its sockets: both are files of one directory."""
        return bool(self.connection["transport"] == "ipc")

    def address(self, channel: str) -> str:
        """ZeroMQ's."""
        transport, ip = self.connection["transport"], self.connection["ip"]
        between = ":" if transport == "tcp" else "-"
        return f"{transport}://{ip}{between}{self.connection[channel + '_port']}"

    @property
    def listens(self) -> bool:
        """On every channel: the heartbeat's socket is its last. True where nothing tells."""
        return not self.private or Path(self.address("hb").removeprefix("ipc://")).exists()

    def interrupt(self) -> None:
        """As Jupyter does: SIGINT for its process group, an event on Windows. :raises OSError:"""
        if sys.platform == "win32":
            from jupyter_client.win_interrupt import send_interrupt

            process: Any = self.process  # with an event of launch_kernel's
            send_interrupt(process.win32_interrupt_event)
        else:
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """With its process group; does not wait."""
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.process.kill()

    def clean_up(self) -> None:
        with contextlib.suppress(OSError):
            self.file.unlink()
        self.stderr.close()


def launch(
    directory: Path,
    name: str,
    workdir: Path,
    python: str,
    arguments: Sequence[str],
    key: str,
) -> Launched:
    """Start a process; returns before it listens.

    :param directory: for the connection file and the ipc sockets (mode 0700).
    :param name: of these; different for each process.
    :param workdir: in which it works.
    :param arguments: further ones of its command line.
    :param key: messages are signed with it.
    :raises OSError: it can't be started.
    """
    file, connection = directory / f"{name}.json", _connection(directory / name, key)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
        json.dump(connection, written, indent=2)
    command = [python, *PYTHON_ARGUMENTS, str(_PROGRAM), "-f", str(file), *arguments]
    stderr = tempfile.TemporaryFile(prefix="ask-stderr-")  # noqa: SIM115
    try:
        process = _started(command, str(workdir), stderr)
    except BaseException:
        stderr.close()
        raise
    return Launched(directory, file, connection, process, stderr)


def _started(command: list[str], cwd: str, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    env = environment()
    if sys.platform == "win32":
        from jupyter_client.launcher import launch_kernel  # with its event for interrupts

        return launch_kernel(command, cwd=cwd, env=env, stderr=stderr.fileno())
    # ipykernel ends by itself when that process does.
    env["JPY_PARENT_PID"] = str(os.getpid())
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.PIPE, stderr=stderr, start_new_session=True
    )
    if process.stdin is not None:
        process.stdin.close()
    return process


def _connection(sockets: Path, key: str) -> dict[str, Any]:
    use_ipc = os.name == "posix" and len(str(sockets.parent)) <= _LONGEST_DIRECTORY
    ports = range(1, len(_CHANNELS) + 1) if use_ipc else _free_ports(len(_CHANNELS))
    return {
        **{f"{channel}_port": port for channel, port in zip(_CHANNELS, ports, strict=True)},
        "ip": str(sockets) if use_ipc else "127.0.0.1",
        "key": key,
        "transport": "ipc" if use_ipc else "tcp",
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
    }


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in listening:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in listening]


def environment() -> dict[str, str]:
    """The adapter's environment, without what only concerns the adapter."""
    ours = ("AZURE_SESSION_", "JPY_", "PYTHONEXECUTABLE")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


@contextlib.contextmanager
def first_interpreter(workdir: Path, python: str) -> Iterator[Launched | None]:
    """It starts now, and nothing is left of it afterwards. None: it can't be started."""
    directory = Path(tempfile.mkdtemp(prefix="ask-"))
    first = None
    try:
        with contextlib.suppress(OSError):
            workdir.mkdir(parents=True, exist_ok=True)
            first = launch(directory, "first", workdir, python, (), secrets.token_hex(32))
        yield first
    finally:
        if first is not None:
            if first.process.poll() is None:
                first.kill()
                first.process.wait()
            first.clean_up()
        shutil.rmtree(directory, ignore_errors=True)
