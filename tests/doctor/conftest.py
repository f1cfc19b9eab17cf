"""Doctor on strange containers: alone, and behind a pool."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.doctor.examination import examine
from azure_session_kernel.doctor.report.result import Report
from azure_session_kernel.doctor.state import Options
from azure_session_kernel.pool.local_record import LocalPool, write_record

from .containers import Container, serving

TOKEN = "the-token-of-this-pool-1234567890"
Examine = Callable[..., Awaitable[Report]]


@pytest.fixture
def examine_direct() -> Examine:
    """``doctor --direct`` on a container; ``path`` follows its port."""

    async def examining(container: Container, path: str = "", **options: Any) -> Report:
        with serving(container) as url:
            return await examine(Options(direct=url + path, **options), {})

    return examining


@pytest.fixture
def examine_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """doctor on a pool whose every session runs a container; with what is set besides."""

    async def examining(
        container: Container, env: dict[str, str] | None = None, **options: Any
    ) -> Report:
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
        with serving(container) as url:
            write_record(LocalPool(url, TOKEN, os.getpid()))
            environ = {"AZURE_SESSION_POOL_ENDPOINT": "local", **(env or {})}
            return await examine(Options(**options), environ)

    return examining
