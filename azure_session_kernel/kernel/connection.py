"""How front ends reach this kernel: its connection file, and the sockets that it binds."""

from __future__ import annotations

import atexit
import contextlib
import errno
import itertools
import json
import logging
import os
import sys
from pathlib import Path
from threading import Thread
from typing import Any, Final, NoReturn

import zmq
from jupyter_client.connect import ConnectionFileMixin, write_connection_file
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import Any as AnyTrait
from traitlets import Integer, Unicode
from traitlets.config.application import Application
from traitlets.utils import filefind

from ..causes.hosts import is_loopback

#: Of a port that is taken; Windows has a number of its own.
IN_USE: Final = (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE))
LINGER_MS: Final = 1000


class IPKernelApp(Application, ConnectionFileMixin):
    """ipykernel's application of that name, as far as it is about connections: its options have
    effect here, too.

    It is not that one's subclass because its modules import IPython whole, the shell included: a
    third of what a kernel needed of time and memory to start.
    """

    parent_handle = Integer(int(os.environ.get("JPY_PARENT_PID") or 0)).tag(config=True)
    connection_dir = Unicode()
    blocking_class = AnyTrait()  # of a client, whose class is imported when a kernel is made
    _beating: zmq.Context[Any] | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.bound: dict[str, int] = {}
        """The port of each channel."""
        self.sockets: dict[str, zmq.Socket[Any]] = {}

    def _ip_default(self) -> str:
        """jupyter_client asks for it though the file says it, and looks at all interfaces then."""
        return "127.0.0.1" if self.transport == "tcp" else super()._ip_default()

    def init_connection_file(self) -> None:
        """Read it; where there is none, it is written later, and removed at the end."""
        self.connection_dir = jupyter_runtime_dir()
        if not self.connection_file:
            self.connection_file = f"kernel-{os.getpid()}.json"
        try:
            self.connection_file = filefind(self.connection_file, (".", self.connection_dir))
        except OSError:
            self.log.debug("Connection file not found: %s", self.connection_file)
            path = self.abs_connection_file
            path.parent.mkdir(mode=0o700, exist_ok=True, parents=True)
            atexit.register(self._remove_connection_file, path)
            return
        try:
            self.load_connection_file()
        except Exception:
            self.log.exception("Failed to load connection file: %r", self.connection_file)
            self.exit(1)

    @property
    def abs_connection_file(self) -> Path:
        """A bare name is that of a file in Jupyter's folder for them."""
        path = Path(self.connection_file)
        return Path(self.connection_dir) / path if path.name == self.connection_file else path

    def write_connection_file(self, **kwargs: Any) -> None:
        """With the ports that were chosen here; all else that is in it stays."""
        path = self.abs_connection_file
        known: dict[str, Any] = {}
        if path.exists():
            known = json.loads(path.read_bytes())
            known["key"] = known.get("key", "").encode()
        ours = {"ip": self.ip, "key": self.session.key, "transport": self.transport}
        ours |= {f"{channel}_port": port for channel, port in self.bound.items()}
        if (info := {**known, **ours}) != known:
            write_connection_file(str(path), **info)

    def _remove_connection_file(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()
        self.cleanup_ipc_files()

    # -- sockets ----------------------------------------------------------------------------------

    def init_sockets(self) -> None:
        """:raises SystemExit: a port is taken by another process, as the log says."""
        self.log.info("Starting the kernel at pid: %i", os.getpid())
        if self.transport == "tcp" and not is_loopback(self.ip) and self._curve is None:
            self.log.warning(
                "Kernel is running over TCP without encryption: all communication can be read on "
                "the way."
            )
        atexit.register(self.close)
        self.context = zmq.Context()
        for channel in ("shell", "stdin", "control"):
            self.sockets[channel] = self._bound(self.context, channel)
        self.sockets["iopub"] = self._bound(self.context, "iopub", zmq.XPUB)

    def init_heartbeat(self) -> None:
        """It answers while this process is busy: from a thread, and a context, of its own."""
        self._beating = zmq.Context()
        socket = self._bound(self._beating, "hb")
        Thread(target=_beat, args=(socket,), name="Heartbeat", daemon=True).start()

    @property
    def _curve(self) -> bytes | None:
        """The key of an encrypted connection. Older releases of jupyter_client know of none."""
        key: bytes | None = getattr(self, "curve_secretkey", None)
        return key

    def _bound(
        self, context: zmq.Context[Any], channel: str, kind: int = zmq.ROUTER
    ) -> zmq.Socket[Any]:
        """On the port that the connection file gives it, or else on any."""
        socket: zmq.Socket[Any] = context.socket(kind)
        socket.linger = LINGER_MS
        # ZeroMQ drops silently at its limit of 1000 queued messages (docs/design.md rule 4), also
        # replies of a front end that reads them late.
        socket.sndhwm = 0
        if kind == zmq.ROUTER:
            socket.router_handover = 1  # a front end that connects again is the same one
        else:
            socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        if self._curve is not None:
            socket.curve_secretkey, socket.curve_publickey = self._curve, self.curve_publickey
            socket.curve_server = True
        port = getattr(self, f"{channel}_port")
        try:
            self.bound[channel] = self._bind(socket, port)
        except zmq.ZMQError as error:
            socket.close()
            if port <= 0 or error.errno not in IN_USE:
                raise
            self._is_taken(port)
        setattr(self, f"{channel}_port", self.bound[channel])
        return socket

    def _bind(self, socket: zmq.Socket[Any], port: int) -> int:
        if self.transport == "ipc":
            free = (n for n in itertools.count(1) if not Path(f"{self.ip}-{n}").exists())
            port = port if port > 0 else next(free)
            socket.bind(f"ipc://{self.ip}-{port}")
        elif port > 0:
            socket.bind(f"tcp://{self.ip}:{port}")
        else:
            port = socket.bind_to_random_port(f"tcp://{self.ip}")
        return port

    def _is_taken(self, port: int) -> NoReturn:
        """jupyter_client finds free ports, lets go of them and writes them down; when many kernels
        start at once, another process may take one before this one can.
        """
        self.log.critical(
            "Port %d, which %s gives this kernel, has been taken by another process meanwhile. "
            "No session was opened. Start the kernel again, and it gets other ports; "
            "Jupyter's servers do so by themselves.",
            port,
            self.abs_connection_file,
        )
        sys.exit(1)

    def log_connection_info(self) -> None:
        """On stdout, too, where nobody but a person has started this kernel."""
        path = self.abs_connection_file
        shown = path.name if path.parent == Path(self.connection_dir) else path
        line = f"To connect another client to this kernel, use:\n    --existing {shown}"
        self.log.info(line)
        if not self.parent_handle and int(self.log_level) < logging.CRITICAL:  # type: ignore[call-overload]
            print(line, file=sys.__stdout__)

    def close(self) -> None:
        """What was sent has ``LINGER_MS`` to arrive."""
        if self._beating is not None:
            self._beating.term()
        for socket in self.sockets.values():
            socket.close()
        self.context.term()


def _beat(socket: zmq.Socket[Any]) -> None:
    """Send back what comes, until the context ends."""
    with contextlib.suppress(zmq.ContextTerminated), socket:
        while True:
            with contextlib.suppress(InterruptedError):
                zmq.proxy(socket, socket)
