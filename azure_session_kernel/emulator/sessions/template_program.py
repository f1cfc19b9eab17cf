"""A process that has imported what sessions run, and forks one for each that is asked for.

``python -m …template_program FD MODULE``: FD is a socket to the pool. It gets one JSON object for
each session with ``number``, ``python``, ``arguments``, ``cwd`` and ``env``, and the session's
standard input and output as descriptors. It says ``{}`` when it is ready, then ``{"started":
number, "pid"}`` and ``{"ended": number, "code"}``, and ends when the pool does.

A fork is sound where it copies the only thread. So nothing is started here: no event loop, no
ZeroMQ context.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

from ...container.imports import without_imports_from_here

#: What is imported when a session starts to serve.
_LATER: Final = (
    "azure_session_kernel.container.serving",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)
_REQUEST_BYTES: Final = 1 << 18


def main() -> None:
    control, module = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    without_imports_from_here()
    program = importlib.import_module(f"{module}.__main__")
    for name in (f"{module}.app", *_LATER):
        with contextlib.suppress(ImportError):  # then that session does without, or says so
            importlib.import_module(name)
    if (threads := len(list(Path("/proc/self/task").iterdir()))) != 1:
        raise SystemExit(f"{threads} threads: this process can't be forked")
    gc.freeze()  # else a collection in a session would copy every page
    control.send(b"{}")
    if _is_session(control, module):
        program.main()


def _is_session(control: socket.socket, module: str) -> bool:
    """True in each session, False when the pool has ended."""
    if sys.platform != "linux":
        raise OSError("forked on Linux alone")
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    numbers: dict[int, int] = {}
    while True:
        ready, _, _ = select.select((control.fileno(), woken), (), ())
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _report_ended(control, numbers)
        if control.fileno() not in ready:
            continue
        data, descriptors, _, _ = socket.recv_fds(control, _REQUEST_BYTES, 2)
        if not data:
            return False
        request = json.loads(data)
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(woken)
            os.close(wake)
            _become(request, control, descriptors, module)
            return True
        numbers[pid] = request["number"]
        for descriptor in descriptors:
            os.close(descriptor)


def _report_ended(control: socket.socket, numbers: dict[int, int]) -> None:
    if sys.platform != "linux":
        return
    while numbers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        said = {"ended": numbers.pop(pid), "code": os.waitstatus_to_exitcode(status)}
        with contextlib.suppress(OSError):  # the pool has ended
            control.send(json.dumps(said).encode())


def _become(
    request: dict[str, Any], control: socket.socket, descriptors: list[int], module: str
) -> None:
    """What a start with the same command would show to what runs from here on."""
    if sys.platform != "linux":
        return
    os.setsid()
    control.send(json.dumps({"started": request["number"], "pid": os.getpid()}).encode())
    control.close()
    taken, output = descriptors
    for descriptor, its in ((0, taken), (1, output), (2, output)):
        os.dup2(its, descriptor)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [module, *request["arguments"]]
    sys.executable = request["python"]


if __name__ == "__main__":
    main()
