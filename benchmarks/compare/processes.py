"""What processes take, and what they run on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]

MB = 1e6
PACKAGES = (
    *("ipykernel", "jupyter-client", "pyzmq", "httpx", "msgspec", "starlette", "uvicorn"),
    *("uvloop", "tornado", "jupyter-server", "jupyter-kernel-gateway"),
)


def cpu_s(pid: int) -> float:
    """Of all its threads: in nanoseconds where the system counts so, else in its ticks."""
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.is_dir():
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    used = 0
    for task in tasks.iterdir():
        try:
            used += int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue  # a thread that has ended meanwhile
    return used / 1e9


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident, and its part of it where pages are shared (PSS; on Linux only, else nan)."""
    info = psutil.Process(pid).memory_full_info()
    return info.rss / MB, getattr(info, "pss", float("nan")) / MB


def all_cpu_s(processes: Mapping[str, int]) -> dict[str, float]:
    return {role: cpu_s(pid) for role, pid in processes.items()}


def settle(pid: int, within_s: float = 20.0) -> None:
    """Until a process and its children do next to nothing: a pool replaces what it handed out."""
    deadline, quiet, before = time.monotonic() + within_s, 0, -1.0
    while quiet < 3 and time.monotonic() < deadline:
        own = psutil.Process(pid)
        used = 0.0
        for one in (own, *own.children(recursive=True)):
            try:
                used += cpu_s(one.pid)
            except (OSError, psutil.Error):
                continue
        quiet = quiet + 1 if 0 <= used - before < 0.01 else 0
        before = used
        # The pool waits a second before it replaces one.
        time.sleep(0.4)


def machine() -> dict[str, str]:
    """What figures depend on, as it was before anything was measured."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": date.today().isoformat(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "packages": ", ".join(versions),
    }
