"""What the kernels of one process share."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from azure_session_kernel.pool import credentials
from azure_session_kernel.session.opening import connect_to
from azure_session_kernel.session.settings import CREDENTIAL, ENDPOINT, Settings
from azure_session_kernel.session.shared import Shared

ENVIRON = {ENDPOINT: "https://pool.x.azurecontainerapps.io"}


async def test_one_token_is_fetched_whoever_asks_and_one_for_each_credential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched = []

    def make(name: str) -> Any:
        def get_token(*scopes: str) -> Any:
            fetched.append(name)
            return SimpleNamespace(token=f"token-of-{name}", expires_on=time.time() + 3600)

        return SimpleNamespace(get_token=get_token)

    monkeypatch.setattr(credentials, "_make_credential", make)
    shared = Shared()

    async def token(**environ: str) -> str:
        settings = Settings.from_environ({**ENVIRON, **environ})
        _, tokens = await asyncio.to_thread(connect_to, settings, shared)
        return await tokens.token()

    got = await asyncio.gather(*(token() for _ in range(20)), token(**{CREDENTIAL: "cli"}))
    assert got == ["token-of-default"] * 20 + ["token-of-cli"]
    assert sorted(fetched) == ["cli", "default"]
    shared.join()
    await shared.leave()
    assert await token() == "token-of-default"  # it is kept for those who come later
    assert len(fetched) == 2
