"""The process around the kernel: sockets, signals, the end. One event loop, no user code."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import sys
from typing import Any

import zmq
from ipykernel.kernelapp import IPKernelApp
from tornado import ioloop
from zmq.eventloop.zmqstream import ZMQStream

from ..common.within import within
from ..session.installed import set_what_pip_has_replaced
from .arguments import sorted_out
from .iopub import IOPubStream
from .parent import Parent
from .zmq_kernel import ZmqKernel

log = logging.getLogger(__name__)

#: Of a port that is taken; Windows has a number of its own.
IN_USE = (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE))
LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: How often the parent process is looked for, in seconds.
PARENT_POLL_S = 1.0


class AzureSessionKernelApp(IPKernelApp):
    """ipykernel's application without a shell: control on the main loop, no output capture."""

    name = "azure-session-kernel"
    kernel_class = ZmqKernel

    def init_sockets(self) -> None:
        """No warning that loopback is not encrypted: nobody else can listen there."""
        level = self.log.level
        if self.ip in LOOPBACK:
            self.log.setLevel(logging.ERROR)
        try:
            super().init_sockets()  # type: ignore[no-untyped-call]
        finally:
            self.log.setLevel(level)

    def _bind_socket(self, s: zmq.Socket[bytes], port: int) -> int:
        """jupyter_client finds free ports, lets go of them and writes them down; when many kernels
        start at once, another process may take one before this one can.
        """
        try:
            return int(super()._bind_socket(s, port))  # type: ignore[no-untyped-call]
        except zmq.ZMQError as error:
            if error.errno not in IN_USE:
                raise
        self.log.critical(
            "Port %d, which %s gives this kernel, has been taken by another process meanwhile. "
            "No session was opened. Start the kernel again, and it gets other ports; "
            "Jupyter's servers do so by themselves.",
            port,
            self.abs_connection_file,
        )
        sys.exit(1)

    def init_heartbeat(self) -> None:
        """ipykernel binds its port in a thread, where a failure stays without consequence."""
        if self.hb_port:
            with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
                self._bind_socket(socket, self.hb_port)
        super().init_heartbeat()  # type: ignore[no-untyped-call]

    def init_pdb(self) -> None:
        """Nothing is debugged in this process."""

    def init_poller(self) -> None:
        """ipykernel's poller ends the process at once; ours stops the session first."""

    def init_control(self, context: Any) -> None:
        """A control socket without the threads and the debugger of a kernel that runs code."""
        self.control_socket = context.socket(zmq.ROUTER)
        self.control_socket.linger = 1000
        self._apply_curve(self.control_socket)
        self.control_port = self._bind_socket(self.control_socket, self.control_port)
        if hasattr(zmq, "ROUTER_HANDOVER"):
            self.control_socket.router_handover = 1

    def _apply_curve(self, socket: Any) -> None:
        apply = getattr(self, "_apply_curve_server_options", None)
        if apply is not None:
            apply(socket)

    def init_iopub(self, context: Any) -> None:
        """Published straight from the event loop: no user thread ever prints in this process."""
        self.iopub_socket = context.socket(zmq.XPUB)
        self.iopub_socket.linger = 1000
        # ZeroMQ drops silently at its limit of 1000 queued messages (docs/design.md rule 4).
        self.iopub_socket.sndhwm = 0
        self.iopub_socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._apply_curve(self.iopub_socket)
        self.iopub_port = self._bind_socket(self.iopub_socket, self.iopub_port)
        self.iopub_thread = None

    def _welcome(self, frames: list[bytes]) -> None:
        """Tell a front end that its subscription is in force (JEP 65, ``iopub_welcome``).

        Straight on the socket, ahead of what the stream has queued: it must come first.
        """
        topic = self._iopub.subscribed(frames)
        if topic is not None:
            content = {"subscription": topic.decode("utf-8", "replace")}
            self.session.send(self.iopub_socket, "iopub_welcome", content, ident=topic or None)

    def close(self) -> None:
        if self.iopub_socket is not None and not self.iopub_socket.closed:
            self.iopub_socket.close()
        super().close()  # type: ignore[no-untyped-call]

    def init_io(self) -> None:
        """No capture: what this process prints is for its log alone (docs/design.md rule 5)."""

    def init_signal(self) -> None:
        """Interrupts come as messages; a stray Ctrl-C in the server's terminal is not for us."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def init_kernel(self) -> None:
        # A terminal shows warnings; ``--log-level=INFO`` in the kernelspec's ``argv`` shows more.
        logging.getLogger("azure_session_kernel").setLevel(self.log_level)  # type: ignore[arg-type]
        # A socket that is read by a stream must be written by it too: any other use can take the
        # event that would have woken the stream.
        self._iopub = IOPubStream(self.iopub_socket)
        self._iopub.on_recv(self._welcome)
        self.kernel = ZmqKernel.instance(
            parent=self,
            session=self.session,
            shell_stream=ZMQStream(self.shell_socket),
            control_stream=ZMQStream(self.control_socket),
            iopub_socket=self._iopub,
            stdin_socket=self.stdin_socket,
            log=self.log,
            connection_file=self.abs_connection_file,
            arguments=self._arguments_for_the_session(),
        )
        ports = {f"{name}_port": port for name, port in self._ports.items()}
        self.kernel.record_ports(ports)  # type: ignore[no-untyped-call]

    def _arguments_for_the_session(self) -> list[str]:
        arguments, unused = sorted_out(self.cli_config)
        if unused:
            log.warning("without effect in a session: %s", " ".join(unused))
        return arguments

    def init_path(self) -> None:
        """Nothing is imported from the notebook's folder."""

    def start(self) -> None:
        """Run until shutdown, SIGTERM, or the end of the parent process."""
        self.io_loop = ioloop.IOLoop.current()
        self.io_loop.add_callback(self._watch_for_the_end)
        super().start()  # type: ignore[no-untyped-call]

    async def _watch_for_the_end(self) -> None:
        ended = self.kernel.over
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        parent = Parent(self.parent_handle)
        while not ended.is_set() and not parent.is_gone():
            with contextlib.suppress(asyncio.TimeoutError):
                await within(ended.wait(), PARENT_POLL_S)
        try:
            await self.kernel.end()
        finally:
            self.io_loop.stop()


def main() -> None:
    """What the kernelspec runs: ``python -m azure_session_kernel -f CONNECTION_FILE``."""
    for noisy in ("httpx", "httpcore", "azure"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("azure_session_kernel").addHandler(logging.StreamHandler())
    set_what_pip_has_replaced()
    AzureSessionKernelApp.launch_instance()
