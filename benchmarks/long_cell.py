"""One cell that runs for an hour, through everything that happens in an hour.

``python -m benchmarks.long_cell [--minutes 60]``: a token that expires every 5 minutes, a proxy
that cuts every connection when it is 200 s old, and a network that is down for 3 s every 7 minutes.
Half of the time the cell prints a line each second, half of the time it is silent. Exit code 1
unless the cell ran once, ended well, and each of its lines came once and in order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from .chaos.world import World

_RESET = struct.pack("ii", 1, 0)
_CODE = """
import time
with open({effects!r}, 'a') as file: file.write('x')
begun, line = time.monotonic(), 0
while time.monotonic() < begun + {seconds}:
    if (time.monotonic() - begun) % {phase} < {phase} / 2:
        print('line', line, flush=True)
        line += 1
    time.sleep({pause})
print('lines', line)
"""


@dataclass(frozen=True)
class Options:
    """All times in seconds."""

    cell_s: float = 3600.0
    expire_every_s: float = 300.0
    cut_after_s: float = 200.0
    outage_every_s: float = 420.0
    outage_s: float = 3.0
    phase_s: float = 600.0
    pause_s: float = 1.0


@dataclass
class Report:
    """What happened to the network, and what the front end got."""

    cuts: int = 0
    outages: int = 0
    expiries: int = 0
    executions: int = 0
    status: str = ""
    took_s: float = 0.0
    lines: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        *printed, last = self.lines or [""]
        expected = [f"line {i}" for i in range(len(printed))]
        said = last == f"lines {len(printed)}"
        return said and printed == expected and (self.status, self.executions) == ("ok", 1)

    def text(self) -> str:
        return (
            f"a cell of {self.took_s:.0f} s: {self.status}, executions {self.executions}, "
            f"lines {len(self.lines)}, {'all once, in order' if self.whole else 'NOT whole'}; "
            f"tokens expired {self.expiries}, connections cut {self.cuts}, "
            f"network losses {self.outages}"
        )


class CuttingProxy:
    """Forwards to a local port; resets every connection that is ``cut_after_s`` old."""

    def __init__(self, target_port: int, cut_after_s: float) -> None:
        self._target, self._cut_after_s = target_port, cut_after_s
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._down = False
        self.cuts = 0
        self.port = 0

    async def serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.1)  # transports close in the loop's next turns

    async def down_for(self, seconds: float) -> None:
        self._down = True
        for writer in list(self._writers):
            _reset(writer)
        await asyncio.sleep(seconds)
        self._down = False

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down:
            _reset(writer)
            return
        far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
        ends = {writer, far}
        self._writers |= ends
        pumps = {
            asyncio.create_task(_pump(reader, far)),
            asyncio.create_task(_pump(far_reader, writer)),
        }
        done: set[asyncio.Task[None]] = set()
        try:
            done, _ = await asyncio.wait(
                pumps, timeout=self._cut_after_s, return_when=asyncio.FIRST_COMPLETED
            )
            self.cuts += not done
        finally:
            self._writers -= ends
            for pump in pumps:
                pump.cancel()
            for end in ends:
                end.close() if done else _reset(end)
            await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        return


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


class Weather:
    """The network between the kernel and its pool, on an event loop of its own thread."""

    def __init__(self, world: World, options: Options, report: Report) -> None:
        self._world, self._options, self._report = world, options, report
        record = json.loads(world.record.read_text())
        self._proxy = CuttingProxy(int(record["url"].rpartition(":")[2]), options.cut_after_s)
        self.data = world.root / "kernel-data"
        self._record = self.data / "azure-session-kernel" / "local-pool.json"
        self._record.parent.mkdir(parents=True, mode=0o700)
        self._ready, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Weather:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        self._report.cuts = self._proxy.cuts
        self._report.expiries = self._world.hits().get("expire_token", 0)

    async def _run(self) -> None:
        await self._proxy.serve()
        self._follow_record()
        self._ready.set()
        options = self._options
        tasks = [
            asyncio.create_task(_every(0.05, self._keep_record)),
            asyncio.create_task(_every(options.expire_every_s, self._expire)),
            asyncio.create_task(_every(options.outage_every_s, self._outage)),
        ]
        await asyncio.to_thread(self._over.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._proxy.close()

    def _follow_record(self) -> None:
        """The pool's record, but with the proxy's address."""
        record = json.loads(self._world.record.read_text())
        record["url"] = f"http://127.0.0.1:{self._proxy.port}"
        temporary = self._record.with_suffix(".tmp")
        temporary.write_text(json.dumps(record))
        temporary.chmod(0o600)
        temporary.replace(self._record)

    async def _keep_record(self) -> None:
        self._follow_record()

    async def _expire(self) -> None:
        rule = {"fault": "expire_token", "path": "/jupyter/read", "nth": [1]}
        await asyncio.to_thread(self._world.arm, {"rules": [rule]})

    async def _outage(self) -> None:
        self._report.outages += 1
        await self._proxy.down_for(self._options.outage_s)


async def _every(seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await work()


def run(options: Options, env: Mapping[str, str] | None = None) -> Report:
    """:param env: of the kernel, besides."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="long-", ignore_cleanup_errors=True) as directory:
        world = World(Path(directory))
        try:
            with Weather(world, options, report) as weather:
                world.env |= {"JUPYTER_DATA_DIR": str(weather.data), **(env or {})}
                manager, client = world.start_kernel()
                _run_cell(client, world, options, report)
            client.stop_channels()
            manager.shutdown_kernel()
            manager.context.destroy()
        finally:
            world.close()
    return report


def _run_cell(client: BlockingKernelClient, world: World, options: Options, report: Report) -> None:
    code = _CODE.format(
        effects=str(world.effects),
        seconds=options.cell_s,
        phase=options.phase_s,
        pause=options.pause_s,
    )
    texts: list[str] = []

    def take(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            texts.append(message["content"]["text"])

    begun = time.monotonic()
    reply = client.execute_interactive(
        code, allow_stdin=False, output_hook=take, timeout=options.cell_s + 120
    )
    report.took_s = time.monotonic() - begun
    content = reply["content"]
    report.status = content.get("evalue", content["status"])
    report.lines = "".join(texts).splitlines()
    report.executions = len(world.effects.read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="(%(default)g)")
    report = run(Options(cell_s=parser.parse_args().minutes * 60))
    print(report.text(), flush=True)
    return int(not report.whole)


if __name__ == "__main__":
    raise SystemExit(main())
