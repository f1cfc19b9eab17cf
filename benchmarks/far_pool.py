"""A network with distance between kernels and the local pool."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from azure_session_kernel.pool.local_record import LocalPool, read_record, write_record

_CHUNK_BYTES = 64 * 1024


@contextmanager
def far_pool(round_trip_s: float, bytes_per_s: float = 0.0) -> Iterator[None]:
    """For kernels started meanwhile, the local pool is so far away.

    :param round_trip_s: of which each way takes half; a new connection takes one more.
    :param bytes_per_s: each way, on each connection; 0: without a limit.
    """
    pool, near = read_record(), os.environ["JUPYTER_DATA_DIR"]
    with (
        tempfile.TemporaryDirectory() as directory,
        _forwarding(pool, round_trip_s, bytes_per_s) as url,
    ):
        os.environ["JUPYTER_DATA_DIR"] = directory
        try:
            write_record(LocalPool(url, pool.token, os.getpid()))
            yield
        finally:
            os.environ["JUPYTER_DATA_DIR"] = near


@contextmanager
def _forwarding(pool: LocalPool, round_trip_s: float, bytes_per_s: float) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    ends: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(round_trip_s)
        port = int(pool.url.rpartition(":")[2])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        line = (round_trip_s / 2, bytes_per_s)
        ways = ((reader, far_writer), (far_reader, writer))
        await asyncio.gather(*(_carry(*way, *line) for way in ways))

    async def serve() -> asyncio.Server:
        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(accept(reader, writer))
            ends.add(task)
            task.add_done_callback(ends.discard)

        return await asyncio.start_server(begin, "127.0.0.1", 0)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        for task in list(ends):
            loop.call_soon_threadsafe(task.cancel)
        loop.call_soon_threadsafe(loop.call_later, 0.2, loop.stop)
        thread.join()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float, bytes_per_s: float
) -> None:
    """Each chunk arrives ``delay_s`` after it came, however many are under way."""
    loop = asyncio.get_running_loop()
    under_way: deque[tuple[float, bytes]] = deque()
    came = asyncio.Event()

    async def deliver() -> None:
        while True:
            await came.wait()
            while under_way:
                due, data = under_way.popleft()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    with contextlib.suppress(OSError):
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()
            came.clear()

    delivering = asyncio.ensure_future(deliver())
    free_at = 0.0
    data = b"-"
    with contextlib.suppress(OSError):
        while data:
            data = await reader.read(_CHUNK_BYTES)
            free_at = max(free_at, loop.time()) + (len(data) / bytes_per_s if bytes_per_s else 0.0)
            under_way.append((free_at + delay_s, data))
            came.set()
        await delivering
