"""What of a session a fault can hit: all of it, its adapter, its interpreter."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped,unused-ignore]

from azure_session_kernel.emulator.sessions.sessions import NoSuchSession, SessionPool


async def end(pool: SessionPool, identifier: str) -> bool:
    """Stop the session as Azure does at a cooldown; False when there is none."""
    try:
        await pool.end(identifier)
    except NoSuchSession:
        return False
    return True


def kill_adapter(pool: SessionPool, identifier: str) -> bool:
    """SIGKILL; False when there is no session."""
    adapter = _adapter(pool, identifier)
    return adapter is not None and _kill(adapter)


def kill_interpreter(pool: SessionPool, identifier: str) -> bool:
    """SIGKILL to the adapter's children; False when there are none."""
    adapter = _adapter(pool, identifier)
    if adapter is None:
        return False
    try:
        children = adapter.children()
    except psutil.Error:
        return False
    killed = [_kill(child) for child in children]
    return any(killed)


def _adapter(pool: SessionPool, identifier: str) -> psutil.Process | None:
    try:
        return psutil.Process(pool.get(identifier).process.pid)
    except (NoSuchSession, psutil.Error):
        return None


def _kill(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.Error:
        return False
    return True
