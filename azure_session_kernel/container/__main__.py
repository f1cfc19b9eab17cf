"""``python -m azure_session_kernel.container --port N``: the entry point of a session container."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ..common import freed_memory
from ..common.pip_hint import needs_extra
from .data_folder import DATA, make_own
from .imports import without_imports_from_here
from .init import split_off_init
from .launched import Launched, first_interpreter

if TYPE_CHECKING:
    from .serving import ProgramServer


def _in_container() -> bool:
    in_cluster = os.getpid() == 1 or "KUBERNETES_SERVICE_HOST" in os.environ
    return in_cluster or Path("/.dockerenv").exists()


def _default_host() -> str:
    """Every interface inside a container, where the pool's front must reach it; else loopback.

    Outside a container an open port would let the whole network run code here.
    """
    return "0.0.0.0" if _in_container() else "127.0.0.1"  # noqa: S104


def _default_workdir() -> Path:
    """Azure's own inside a container, if this user can have it; else where this was started."""
    if not _in_container():
        return Path.cwd()
    with contextlib.suppress(OSError):
        DATA.mkdir(parents=True, exist_ok=True)
    return DATA if os.access(DATA, os.R_OK | os.W_OK | os.X_OK) else Path.cwd()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m azure_session_kernel.container", description=__doc__
    )
    parser.add_argument("--host", default=_default_host(), help="address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="the pool's targetPort; 0: any")
    parser.add_argument("--uds", help="listen on this unix socket instead")
    parser.add_argument("--port-file", type=Path, help="write the port here once it listens")
    parser.add_argument(
        "--workdir",
        type=Path,
        help=f"the interpreter's working directory (default: {DATA} in a container, else this one)",
    )
    parser.add_argument(
        "--mnt-data",
        action="store_true",
        help=f"let the interpreter see it as {DATA}, whatever is there for others",
    )
    parser.add_argument(
        "--python",
        default=sys.executable,
        help="the Python that runs the user's code, where ipykernel must be installed "
        "(default: the adapter's own)",
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when standard input is closed"
    )
    args = parser.parse_args()
    if args.uds and args.port_file:
        parser.error("--port-file goes with --port; a unix socket has no port")
    args.workdir = args.workdir or _default_workdir()
    python = shutil.which(args.python)
    if python is None:
        parser.error(f"--python {args.python}: there is no such program")
    args.python = str(Path(python).absolute())
    return args


def _leave_working_directory(args: argparse.Namespace) -> None:
    """What the user's code does there, modules it writes included, must not reach this process."""
    for name in ("workdir", "port_file"):
        path = getattr(args, name)
        setattr(args, name, path and path.absolute())
    args.uds = args.uds and str(Path(args.uds).absolute())
    without_imports_from_here()
    os.chdir(Path.cwd().anchor)


def main() -> None:
    args = _arguments()
    if os.getpid() == 1:
        split_off_init()
    _leave_working_directory(args)
    workdir = make_own(args.workdir) if args.mnt_data else args.workdir
    told = _ToldToEnd()
    signal.signal(signal.SIGTERM, told)
    with first_interpreter(workdir, args.python) as first:
        _serve(args, workdir, first, told)


class _ToldToEnd:
    """SIGTERM where the server does not see to it: before it listens, and once it has ended.

    It is noted, too: Python loses what a handler raises in the midst of an import, for instance.
    """

    def __init__(self) -> None:
        self.server: ProgramServer | None = None
        self._number = 0

    def __call__(self, number: int, frame: FrameType | None = None) -> None:
        self._number = number
        if self.server is not None:
            self.server.should_exit = True
        raise SystemExit(128 + number)

    def stops(self, server: ProgramServer) -> None:
        """From here on; and now, if it was told before."""
        self.server = server
        if self._number:
            raise SystemExit(128 + self._number)


def _serve(
    args: argparse.Namespace, workdir: Path, first: Launched | None, told: _ToldToEnd
) -> None:
    """What takes long to import is imported here, while the interpreter imports its own."""
    freed_memory.keep()
    with needs_extra("adapter", "The adapter"):
        import uvicorn

        from .app import create_app
        from .serving import OneWriteProtocol, ProgramServer
    app = create_app(workdir, args.python, first)
    config = uvicorn.Config(
        app,
        host=args.host,
        port=args.port,
        uds=args.uds,
        http=OneWriteProtocol,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        ws="none",
        h11_max_incomplete_event_size=256 * 1024,
    )
    server = ProgramServer(config, args.port_file, app.state.end_reads)
    told.stops(server)
    if args.exit_with_parent:
        server.end_with_parent()
    else:
        where = args.uds or f"http://{args.host}:{args.port}"
        print(
            f"azure-session-kernel adapter on {where}; sessions work in {args.workdir}",
            file=sys.stderr,
        )
    server.run()


if __name__ == "__main__":
    main()
