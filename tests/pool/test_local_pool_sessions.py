"""Who gets which session of the local pool, and when it ends (docs/azure.md 3.1, 3.2)."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from azure_session_kernel.emulator.kinds.kinds import Kind
from azure_session_kernel.emulator.sessions.sessions import SessionPool

from .conftest import Front, RunFront

#: A container that runs and never listens.
MUTE = (sys.executable, "-c", "input()")
BROKEN = (sys.executable, "-c", "raise SystemExit('no such module')")


async def test_requests_that_come_together_get_one_session(front: Front) -> None:
    pids = await asyncio.gather(*(front.pid() for _ in range(10)))
    assert len(set(pids)) == 1
    assert len(front.pool.all()) == 1


async def test_each_identifier_has_a_process_and_a_directory_of_its_own(front: Front) -> None:
    answers = await asyncio.gather(*(front.get("/environment", name) for name in ("ann1", "bob1")))
    directories = {answer.json()["cwd"] for answer in answers}
    assert len(directories) == 2
    assert await front.pid("ann1") != await front.pid("bob1")


async def test_a_session_sees_nothing_of_the_pools_environment(
    run_front: RunFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_CLIENT_SECRET", "JPY_API_TOKEN", "MY_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    async with run_front() as front:
        seen = (await front.get("/environment")).json()
    env = seen["env"]
    assert "secret" not in env.values()
    assert env["HOME"] == seen["cwd"]
    assert Path(env["TMPDIR"]).parent == Path(env["HOME"]).parent
    own_programs = Path(env["VIRTUAL_ENV"]) / "bin"
    assert env["PATH"] == f"{own_programs}{os.pathsep}{os.environ['PATH']}"
    assert env["LC_ALL"] == "C.UTF-8"
    own = {"PATH", "HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "LANG", "LANGUAGE", "TZ"}
    python = {"VIRTUAL_ENV", "XDG_CACHE_HOME", "__CF_USER_TEXT_ENCODING"}
    assert {name for name in env if not name.startswith("LC_")} <= own | python


async def test_a_ready_session_is_handed_out_and_replaced(run_front: RunFront) -> None:
    async with run_front(ready_sessions=1, replace_after_s=0.0) as front:
        ready = await _ready_pid(front.pool)
        assert await front.pid() == ready
        assert await _ready_pid(front.pool) != ready


async def test_a_ready_session_that_dies_is_replaced(run_front: RunFront) -> None:
    async with run_front(ready_sessions=1, replace_after_s=0.0) as front:
        first = await front.pool.next_ready()
        psutil.Process(first.pid).kill()
        await first.ended
        assert await front.pid() != first.pid


async def test_a_full_pool_refuses_an_unknown_identifier(run_front: RunFront) -> None:
    async with run_front(max_sessions=2, name="small") as front:
        for identifier in ("ann1", "bob1", "ann1"):
            await front.pid(identifier)
        refused = await front.get("/echo", "cleo")
        assert refused.status_code == 429
        assert refused.text == (
            "Error happened when allocating pod for identifier cleo in pool small"
        )
        await front.manage("stopSession", "ann1")
        await front.pid("cleo")


async def test_sessions_being_allocated_count_towards_the_maximum(run_front: RunFront) -> None:
    async with run_front(max_sessions=2) as front:
        answers = await asyncio.gather(*(front.get("/echo", f"user{n}") for n in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]


async def test_the_cooldown_counts_from_the_end_of_the_last_request(run_front: RunFront) -> None:
    async with run_front(cooldown_s=300.0) as front:
        first = await front.pid()
        async with front.client.stream("GET", "/gated?identifier=someone"):
            front.clock.now_s += 1000
            await front.pool.end_expired()
            await front.get("/open")
        front.clock.now_s += 299
        await front.pool.end_expired()
        assert await front.pid() == first
        front.clock.now_s += 300
        await front.pool.end_expired()
        assert front.pool.all() == []
        assert not is_alive(first)


async def test_an_expired_session_is_ended_without_being_asked(run_front: RunFront) -> None:
    async with run_front(cooldown_s=0.2) as front:
        first = await front.pid()
        front.clock.now_s += 1
        await front.pool.get("someone").process.ended
        assert await front.pid() != first


async def test_a_session_that_died_is_replaced_without_a_word(front: Front) -> None:
    first = await front.pid()
    ended = front.pool.get("someone").process.ended
    psutil.Process(first).kill()
    await ended
    second = await front.pid()
    assert second != first
    assert await front.pid() == second


async def test_a_session_found_dead_by_a_request_is_replaced_too(front: Front) -> None:
    first = await front.pid()
    process = front.pool.get("someone").process
    psutil.Process(first).kill()
    _block_until_refused(process.layout.uds)
    assert process.alive
    assert await front.pid() != first


async def test_a_container_that_does_not_listen_is_a_bad_gateway(run_front: RunFront) -> None:
    before = _children()
    async with run_front(kind=Kind(MUTE), listen_within_s=0.1) as front:
        assert (await front.get("/echo")).status_code == 502
        assert (await front.manage("getSession")).status_code == 400
        assert _children() <= before


async def test_a_container_that_does_not_start_is_a_bad_gateway_and_explained(
    run_front: RunFront, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_front(kind=Kind(BROKEN)) as front:
        assert (await front.get("/echo")).status_code == 502
    assert "no such module" in caplog.text


async def test_a_pool_without_unix_sockets_uses_ports(
    run_front: RunFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the adapter itself, as the stand-in writes no port file.
    monkeypatch.setattr("azure_session_kernel.emulator.sessions.layout.MAX_UDS_LENGTH", 0)
    command = (sys.executable, "-m", "azure_session_kernel.container")
    async with run_front(kind=Kind(command)) as front:
        assert (await front.get("/health")).json() == {"status": "ok"}


async def test_stopping_a_session_ends_processes_that_left_its_group(front: Front) -> None:
    runaway = (await front.get("/run-away")).json()
    assert psutil.Process(runaway).is_running()
    home = Path((await front.get("/environment")).json()["cwd"])
    await front.manage("stopSession")
    assert not is_alive(runaway)
    assert not home.exists()  # noqa: ASYNC240


async def test_stopping_the_pool_ends_sessions_that_are_being_started(
    run_front: RunFront,
) -> None:
    before = _children()
    async with run_front(kind=Kind(MUTE), ready_sessions=2):
        while len(_children() - before) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert _children() <= before


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children())


def is_alive(pid: int) -> bool:
    """A zombie is dead: in a container nobody may come to reap it."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _block_until_refused(uds: str | None) -> None:
    """Blocks the event loop too, so that the pool can't notice that the process has died."""
    assert uds is not None
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(uds):
                return
        time.sleep(0.001)


async def _ready_pid(pool: SessionPool) -> int:
    process = await pool.next_ready()
    return process.pid
