"""Stands for a session whose container already runs: passes bytes on to the port in ``--to``.

Run as a script by the local pool, never imported by it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import threading


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()


async def _relay(uds: str, port: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))

    async with await asyncio.start_unix_server(connected, uds) as server:
        await server.serve_forever()


def _end_with_parent() -> None:
    while os.read(0, 100):
        pass
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--uds", required=True)
    args, _ = parser.parse_known_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_relay(args.uds, args.to))
