"""A session's program that is not our adapter. Its contract with the pool is in ``process.py``."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from ...container.serving import ProgramServer


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the options that the pool gives to every session."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--workdir", type=Path, required=True)
    options.add_argument("--mnt-data", action="store_true")
    options.add_argument("--uds")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--port-file", type=Path)
    options.add_argument("--exit-with-parent", action="store_true", required=True)
    return options


def serve(
    app: ASGIApp,
    args: argparse.Namespace,
    let_go: Callable[[], Awaitable[None] | None] = lambda: None,
) -> None:
    """Until the parent ends. :param let_go: see ``ProgramServer``."""
    config = uvicorn.Config(
        app,
        uds=args.uds,
        port=args.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    server = ProgramServer(config, args.port_file, let_go)
    server.end_with_parent()
    server.run()
