"""A stand-in for a session's container: the adapter's command line, and routes that tests steer.

Run as a script by the local pool, never imported by it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

opened = asyncio.Event()
left = asyncio.Event()


async def health(request: Request) -> Response:
    """As the recorded container answered: 200 and nothing else."""
    return Response()


async def echo(request: Request) -> Response:
    """What arrived here, as JSON."""
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "headers": [[k.decode(), v.decode()] for k, v in request.scope["headers"]],
            "body": (await request.body()).decode(),
            "pid": os.getpid(),
        },
        headers={"x-from-container": "yes", "keep-alive": "timeout=9", "x-ms-time": "1"},
    )


async def environment(request: Request) -> Response:
    return JSONResponse({"env": dict(os.environ), "cwd": str(Path.cwd())})


async def gated(request: Request) -> Response:
    """A first line at once, a second one when ``/open`` has been called."""

    async def lines() -> AsyncIterator[bytes]:
        try:
            yield b"first\n"
            await opened.wait()
            yield b"second\n"
        except asyncio.CancelledError:
            left.set()
            raise

    return StreamingResponse(lines(), media_type="application/x-ndjson")


async def open_gate(request: Request) -> Response:
    opened.set()
    return Response()


async def client_left(request: Request) -> Response:
    """Answers when a client has left ``/gated``."""
    await left.wait()
    return Response(b"left")


async def break_off(request: Request) -> Response:
    """The container dies in the middle of its answer, or before it with ``?now``."""

    async def lines() -> AsyncIterator[bytes]:
        yield b"first\n"
        os._exit(1)

    if "now" in request.query_params:
        os._exit(1)
    return StreamingResponse(lines())


async def big(request: Request) -> Response:
    """``count`` chunks of ``size`` bytes."""
    size, count = int(request.query_params["size"]), int(request.query_params["count"])

    async def chunks() -> AsyncIterator[bytes]:
        for index in range(count):
            yield bytes([index % 256]) * size

    return StreamingResponse(chunks())


async def count_bytes(request: Request) -> Response:
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return JSONResponse(size)


async def refuse(request: Request) -> Response:
    """Answers before the request's body has come."""
    return Response(b"no", 413)


def run_away(request: Request) -> Response:
    """Starts a process that leaves this process group, as an interpreter does."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], start_new_session=True, stdin=-1)
    return JSONResponse(child.pid)


async def empty(request: Request) -> Response:
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/gated", gated),
        Route("/open", open_gate),
        Route("/client-left", client_left),
        Route("/break-off", break_off),
        Route("/big", big),
        Route("/count", count_bytes, methods=["POST"]),
        Route("/refuse", refuse, methods=["POST"]),
        Route("/environment", environment),
        Route("/run-away", run_away),
        Route("/empty", empty),
        Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--uds")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--workdir")
    parser.add_argument("--exit-with-parent", action="store_true", required=True)
    args = parser.parse_args()
    config = uvicorn.Config(app, uds=args.uds, port=args.port, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)

    def exit_with_parent() -> None:
        while os.read(0, 100):
            pass
        os._exit(0)

    threading.Thread(target=exit_with_parent, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main()
