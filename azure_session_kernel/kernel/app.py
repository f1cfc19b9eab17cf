"""The process around the kernel: signals, what has been configured, the end. No user code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tornado import ioloop
from traitlets import Bool, Dict
from traitlets.config.application import catch_config_error
from traitlets.config.loader import Config

from ..common import freed_memory
from ..common.within import within
from ..session.installed import set_what_pip_has_replaced
from .arguments import sorted_out
from .command_line import NAME, is_plain, read_by_ipykernel
from .connection import IPKernelApp
from .iopub import IOPubStream, RequestStream
from .parent import Parent
from .zmq_kernel import ZmqKernel

log = logging.getLogger(__name__)

#: How often the parent process is looked for, in seconds.
PARENT_POLL_S: Final = 1.0


class AzureSessionKernelApp(IPKernelApp):
    """One event loop, and no thread but the heartbeat's: nothing is run in this process."""

    name = NAME
    aliases = Dict({"f": "IPKernelApp.connection_file", "log-level": "Application.log_level"})
    no_stdout = Bool(False).tag(config=True)
    no_stderr = Bool(False).tag(config=True)

    @catch_config_error
    def initialize(self, argv: Sequence[str] | None = None) -> None:
        """:raises SystemExit: there can be no kernel, which has been said."""
        try:
            Path.cwd()
        except OSError:
            self.log.error("Current working directory doesn't exist.")
            self.exit(1)
        self._configure(sys.argv[1:] if argv is None else argv)
        self._redirect()
        self.init_connection_file()
        self.init_sockets()
        self.init_heartbeat()
        # Whoever reads the file, or the log, finds the ports bound.
        self.write_connection_file()
        self.log_connection_info()
        # Interrupts come as messages; a stray Ctrl-C in the server's terminal is not for us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._init_kernel()

    def _configure(self, argv: Sequence[str]) -> None:
        if is_plain(argv):
            self.parse_command_line(list(argv))
            return
        config, self.cli_config = read_by_ipykernel(argv)
        names, known = {one.__name__ for one in type(self).__mro__}, self.trait_names(config=True)
        for name in names & config.keys():
            config[name] = Config({n: value for n, value in config[name].items() if n in known})
        self.update_config(config)

    def _redirect(self) -> None:
        """What this process itself prints: its log."""
        if self.no_stdout or self.no_stderr:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # until the end
            if self.no_stdout:
                sys.stdout = sys.__stdout__ = nowhere  # type: ignore[misc]
            if self.no_stderr:
                sys.stderr = sys.__stderr__ = nowhere  # type: ignore[misc]

    def _init_kernel(self) -> None:
        # A terminal shows warnings; ``--log-level=INFO`` in the kernelspec's ``argv`` shows more.
        logging.getLogger("azure_session_kernel").setLevel(self.log_level)  # type: ignore[arg-type]
        # A socket that is read by a stream must be written by it too: any other use can take the
        # event that would have woken the stream.
        self._iopub = IOPubStream(self.sockets["iopub"])
        self._iopub.on_recv(self._welcome)
        self.kernel = ZmqKernel.instance(
            parent=self,
            session=self.session,
            shell_stream=RequestStream(self.sockets["shell"]),
            control_stream=RequestStream(self.sockets["control"]),
            iopub_socket=self._iopub,
            stdin_socket=self.sockets["stdin"],
            log=self.log,
            connection_file=str(self.abs_connection_file),
            arguments=self._arguments_for_the_session(),
        )
        ports = {f"{channel}_port": port for channel, port in self.bound.items()}
        self.kernel.record_ports(ports)  # type: ignore[no-untyped-call]

    def _welcome(self, frames: list[bytes]) -> None:
        """Tell a front end that its subscription is in force (JEP 65, ``iopub_welcome``).

        Straight on the socket, ahead of what the stream has queued: it must come first.
        """
        topic = self._iopub.subscribed(frames)
        if topic is not None:
            content = {"subscription": topic.decode("utf-8", "replace")}
            self.session.send(self.sockets["iopub"], "iopub_welcome", content, ident=topic or None)

    def _arguments_for_the_session(self) -> list[str]:
        arguments, unused = sorted_out(self.cli_config)
        if unused:
            log.warning("without effect in a session: %s", " ".join(unused))
        return arguments

    def start(self) -> None:
        """Run until shutdown, SIGTERM, or the end of the parent process."""
        freed_memory.keep()
        self.io_loop = ioloop.IOLoop.current()
        self.io_loop.add_callback(self._watch_for_the_end)
        self.kernel.start()
        self.io_loop.start()

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
