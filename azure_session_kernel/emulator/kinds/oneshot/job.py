"""One execution: a new Python process in a directory of its own, with Piston's limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ....common.within import within

_PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """Piston's defaults (docs/azure.md 7).

    :ivar run_s: wall time. :ivar output_bytes: of each stream; None: no limit.
    """

    run_s: float = 3.0
    output_bytes: int | None = 1024


@dataclass(frozen=True)
class Stage:
    """The fields of Piston's ``run``; those that are not measured here are null."""

    stdout: str
    stderr: str
    output: str
    code: int | None
    signal: str | None
    message: str | None
    status: str | None
    wall_time: int
    cpu_time: int | None = None
    memory: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Ended:
    """Why a process was ended, if it was."""

    status: str | None = None
    message: str | None = None


@dataclass
class _Streams:
    """What came on both, in the order in which it came."""

    pieces: list[tuple[str, bytes]] = field(default_factory=list)

    def text(self, *names: str) -> str:
        return b"".join(data for name, data in self.pieces if name in names).decode(
            errors="replace"
        )


async def run_python(code: bytes, stdin: bytes, limits: Limits, directory: Path) -> Stage:
    """Run ``code`` as ``main.py``; nothing of it is left when this returns."""
    job = Path(tempfile.mkdtemp(dir=directory))
    (job / "main.py").write_bytes(code)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "main.py",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=job,
        start_new_session=True,
    )
    try:
        return await _observe(process, stdin, limits)
    finally:
        _kill(process)  # what it started goes with it
        await process.wait()
        await asyncio.to_thread(shutil.rmtree, job, ignore_errors=True)


async def _observe(process: asyncio.subprocess.Process, stdin: bytes, limits: Limits) -> Stage:
    begun = time.monotonic()
    streams, ended = _Streams(), _Ended()
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    reading = asyncio.gather(
        _feed(process, stdin),
        _read("stdout", process.stdout, streams, limits, process, ended),
        _read("stderr", process.stderr, streams, limits, process, ended),
        process.wait(),
    )
    try:
        await within(reading, limits.run_s)
    except asyncio.TimeoutError:
        ended.status, ended.message = "TO", "Time limit exceeded (wall clock)"
        _kill(process)
        await process.wait()
    return _stage(streams, ended, process.returncode or 0, time.monotonic() - begun)


async def _feed(process: asyncio.subprocess.Process, stdin: bytes) -> None:
    assert process.stdin is not None  # noqa: S101
    # The process may have ended; uvloop tells that by a RuntimeError.
    with contextlib.suppress(ConnectionError, RuntimeError):
        process.stdin.write(stdin)
        await process.stdin.drain()
        process.stdin.close()


async def _read(
    name: str,
    stream: asyncio.StreamReader,
    streams: _Streams,
    limits: Limits,
    process: asyncio.subprocess.Process,
    ended: _Ended,
) -> None:
    left = limits.output_bytes
    while data := await stream.read(_PIECE_BYTES):
        if left is not None and len(data) > left:
            streams.pieces.append((name, data[:left]))
            ended.status = "OL" if name == "stdout" else "EL"
            ended.message = f"{name} length exceeded"
            _kill(process)
            return
        streams.pieces.append((name, data))
        left = None if left is None else left - len(data)


def _stage(streams: _Streams, ended: _Ended, returncode: int, wall_s: float) -> Stage:
    status, message, signum = ended.status, ended.message, None
    if status is not None:
        signum = "SIGKILL"
    elif returncode < 0:
        signum = signal.Signals(-returncode).name
        status, message = "SG", f"Caught fatal signal {-returncode}"
    elif returncode > 0:
        status, message = "RE", f"Exited with error status {returncode}"
    return Stage(
        stdout=streams.text("stdout"),
        stderr=streams.text("stderr"),
        output=streams.text("stdout", "stderr"),
        code=None if signum else returncode,
        signal=signum,
        message=message,
        status=status,
        wall_time=round(wall_s * 1000),
    )


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
