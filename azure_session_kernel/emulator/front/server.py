"""Runs the local pool until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn

from ...common import freed_memory
from ...common.errors import SettingsError
from ...container.serving import OneWriteProtocol
from ...pool.local_record import LocalPool, remove_record, write_record
from ..sessions.sessions import PoolOptions, SessionPool
from .app import create_app
from .front_token import FrontToken
from .surface import Surface

#: Answers that are under way when the pool stops are cut off after this time.
_FINISH_WITHIN_S = 1

Announce = Callable[[LocalPool], None]


def serve(
    host: str,
    port: int,
    options: PoolOptions,
    announce: Announce,
    surface: Surface | None = None,
) -> None:
    """Run a pool; returns after SIGTERM or SIGINT, when all its sessions have ended.

    :param announce: called once the pool listens and its record is written.
    :param surface: how its front differs from a healthy one.
    :raises SettingsError: the port can't be had.
    :raises StateUnusable: the record can't be written.
    """
    freed_memory.keep()
    with contextlib.closing(listen(host, port)) as listener:
        loop = _new_event_loop()
        try:
            loop.run_until_complete(_serve(listener, options, announce, surface or Surface()))
        finally:
            loop.close()


async def _serve(
    listener: socket.socket,
    options: PoolOptions,
    announce: Announce,
    surface: Surface,
) -> None:
    def record(token: str) -> LocalPool:
        url = pool_url(listener) + options.path
        most = options.max_sessions
        return surface.recorded(LocalPool(url, token, os.getpid(), max_sessions=most))

    token = FrontToken(announce=lambda value: write_record(record(value)))
    told_to_stop = _on_signals()
    async with running(SessionPool(options), listener, token, surface):
        write_record(record(token.value))
        try:
            announce(record(token.value))
            await told_to_stop.wait()
        finally:
            remove_record(record(token.value))


@contextlib.asynccontextmanager
async def running(
    pool: SessionPool,
    listener: socket.socket,
    token: str | FrontToken,
    surface: Surface | None = None,
) -> AsyncIterator[None]:
    """Serve ``pool`` on ``listener``; on leaving, its sessions end before its front does."""
    token = FrontToken(token) if isinstance(token, str) else token
    surface = surface or Surface()
    server = _Server(_config(pool, token, surface))
    await pool.start()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        for identifier in surface.occupied_by:
            async with pool.use(identifier):
                pass
        yield
    finally:
        if surface.faults is not None:
            await surface.faults.stop()
        await pool.stop()
        server.should_exit = True
        await serving


def _config(pool: SessionPool, token: FrontToken, surface: Surface) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").addFilter(_but_cut_off_answers)
    config = uvicorn.Config(
        create_app(pool, token, surface),
        http=OneWriteProtocol if surface.faults is None else surface.faults.protocol(),
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        server_header=False,
        date_header=surface.dated,
        timeout_graceful_shutdown=_FINISH_WITHIN_S,
        # Longer than any client keeps an idle connection, so that none is closed under a request.
        timeout_keep_alive=300,
    )
    if surface.tls is not None:
        config.load()
        config.ssl = surface.tls
    return config


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:  # faster, and not needed
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _but_cut_off_answers(entry: logging.LogRecord) -> bool:
    """A container that breaks off its answer is no fault of ours: the client gets to see it."""
    return "without completing response" not in entry.getMessage()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: uvicorn would raise them again when it has ended."""
        yield


def _on_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(signum, told.set)
        except NotImplementedError:  # Windows
            signal.signal(signum, lambda *_: loop.call_soon_threadsafe(told.set))
    return told


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where it reads IPPROTO_TCP, which
    # socket.create_server leaves out; with it on, an answer can take 40 ms longer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":  # there, it would share the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        return listener
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"The local pool can't listen on {host}, port {port} ({error.strerror}).",
            cause="Another program, perhaps another local pool, uses that port.",
            fix="Give another port with --port, or let one be chosen with --port 0.",
        ) from error


def pool_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
