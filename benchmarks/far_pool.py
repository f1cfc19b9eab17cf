"""A network with distance between a client and a server on this machine: a process in between.

Each way takes half of a round trip, and a new connection a whole one more. With a bandwidth, all
connections share it, each way for itself, and who sends faster is held up, as by a full line. TCP's
slow start and lost packets are not played.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

_CHUNK_BYTES = 16 * 1024
#: What may be under way on one connection, as TCP's window limits it.
_WINDOW_BYTES = 4 * 1024 * 1024


@contextmanager
def far(url: str, round_trip_s: float, bytes_per_s: float = 0.0) -> Iterator[str]:
    """Where ``url`` is to be had at that distance; itself without any.

    :param bytes_per_s: each way; 0: without a limit.
    """
    if not round_trip_s and not bytes_per_s:
        yield url
        return
    way = (str(urlsplit(url).port), str(round_trip_s), str(bytes_per_s))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.far_pool", *way],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


class _Way:
    """One direction of the line, which all connections share."""

    def __init__(self, delay_s: float, bytes_per_s: float) -> None:
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s
        self._free_at = 0.0

    async def take(self, size: int) -> float:
        """Returns once the line has taken so many bytes: when they arrive, in the loop's time."""
        now = asyncio.get_running_loop().time()
        if not self._bytes_per_s:
            return now + self._delay_s
        self._free_at = max(self._free_at, now) + size / self._bytes_per_s
        arrives = self._free_at + self._delay_s
        await asyncio.sleep(self._free_at - now)
        return arrives


async def _serve(port: int, round_trip_s: float, bytes_per_s: float) -> None:
    there, back = (_Way(round_trip_s / 2, bytes_per_s) for _ in range(2))

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            await asyncio.sleep(round_trip_s)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(far_writer):
                await asyncio.gather(
                    _carry(reader, far_writer, there), _carry(far_reader, writer, back)
                )

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way) -> None:
    """Chunks arrive when they are due, however many are under way."""
    loop = asyncio.get_running_loop()
    under_way: deque[tuple[float, bytes]] = deque()
    came, room = asyncio.Event(), asyncio.Event()
    size = 0

    async def read() -> None:
        nonlocal size
        data = b"-"
        while data:
            data = await reader.read(_CHUNK_BYTES)
            under_way.append((await way.take(len(data)), data))
            size += len(data)
            came.set()
            while size > _WINDOW_BYTES:
                room.clear()
                await room.wait()

    async def deliver() -> None:
        nonlocal size
        while True:
            await came.wait()
            came.clear()
            while under_way:
                due, data = under_way.popleft()
                if (left := due - loop.time()) > 0:
                    await asyncio.sleep(left)
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()
                size -= len(data)
                room.set()

    await asyncio.gather(read(), deliver())


def _end_with_parent() -> None:
    def wait() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
