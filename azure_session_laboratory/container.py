"""``python -m azure_session_laboratory.container NAME …``: a broken container.

NAME is a program of ``programs``, or one of the ways to start that stand in ``WAYS``. The other
arguments are those of ``emulator/sessions/process.py``. It starts within some 50 ms, so standard
library.
"""

from __future__ import annotations

import argparse
import os
import runpy
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from .programs import PROGRAMS, Program

#: How long ``slow-adapter`` takes before its adapter starts, in seconds.
SLOW_START_S: Final = 2.0


def main() -> None:
    name = sys.argv[1]
    if name in WAYS:
        WAYS[name]()
    else:
        _serve(PROGRAMS[name])


# -- a program ------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    """On a unix socket where one is given, as an address that is text."""

    #: doctor sends up to ten probes at once; socketserver would let five of them wait.
    request_queue_size = 128

    def server_bind(self) -> None:  # HTTPServer's wants a host and a port
        if isinstance(self.server_address, str):
            self.address_family = socket.AF_UNIX
            self.socket.close()
            self.socket = socket.socket(self.address_family, self.socket_type)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0


def _serve(program: Program) -> None:
    args = _arguments()
    address = args.uds or ("127.0.0.1", args.port)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with _Server(address, _handler(program)) as server:
        if args.port_file is not None:
            temporary = args.port_file.with_suffix(".tmp")
            temporary.write_text(str(server.socket.getsockname()[1]))
            temporary.replace(args.port_file)
        server.serve_forever()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--uds")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--workdir")
    parser.add_argument("--exit-with-parent", action="store_true")
    return parser.parse_args()


def _handler(program: Program) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            path = self.path.partition("?")[0]
            reply = program.answer(self.command, path, self.rfile.read(length))
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815

        def address_string(self) -> str:
            return "pool"  # a unix socket's client has no address

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads what it prints."""

    return Handler


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


# -- ways to start --------------------------------------------------------------------------------


def _silent() -> None:
    """Runs, and listens nowhere."""
    _end_with_parent()


def _crash() -> None:
    """As an adapter that finds its port taken."""
    sys.exit("OSError: [Errno 98] Address already in use: ('0.0.0.0', 2000)")


def _slow_adapter() -> None:
    time.sleep(SLOW_START_S)
    _adapter()


def _adapter_without_interpreter() -> None:
    """Our adapter, in an image whose ipykernel can't be imported."""
    _adapter_with_ipykernel("raise ImportError('libzmq.so.5: cannot open shared object file')\n")


def _adapter_without_egress() -> None:
    """Our adapter, in an image whose interpreter downloads something before it is ready."""
    _adapter_with_ipykernel(
        "import socket, urllib.error\n"
        "why = socket.gaierror(-3, 'Temporary failure in name resolution')\n"
        "raise urllib.error.URLError(why)\n"
    )


def _adapter_with_ipykernel(source: str) -> None:
    """The interpreter finds this module in place of the package."""
    directory = Path.cwd().parent / "broken"
    directory.mkdir()
    (directory / "ipykernel.py").write_text(source)
    os.environ["PYTHONPATH"] = str(directory)
    _adapter()


def _adapter() -> None:
    del sys.argv[1]
    runpy.run_module("azure_session_kernel.container", run_name="__main__", alter_sys=True)


WAYS: Final[Mapping[str, Callable[[], None]]] = {
    "silent": _silent,
    "crash": _crash,
    "slow-adapter": _slow_adapter,
    "adapter-without-interpreter": _adapter_without_interpreter,
    "adapter-without-egress": _adapter_without_egress,
}

if __name__ == "__main__":
    main()
