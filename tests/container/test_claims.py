"""Who may use a session's interpreter, and that it is ended whatever else fails."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from azure_session_kernel.container.app import create_app
from azure_session_kernel.container.files.calls import FileCalls
from azure_session_kernel.container.interpreter_host import (
    REMEMBERED_READERS,
    UNUSED_BOOTS,
    BootMismatch,
    InterpreterHost,
    InterpreterStarting,
    Superseded,
)
from azure_session_kernel.container.log.message_log import MessageLog

from .adapter_process import COMMAND


def test_older_readers_are_remembered_up_to_a_number(tmp_path: Path) -> None:
    host = InterpreterHost(tmp_path)
    readers = [f"r-{n}" for n in range(REMEMBERED_READERS + 50)]

    async def claim_one_after_another() -> None:
        for reader in readers:
            with suppress(InterpreterStarting):
                await host.hello(reader, 0)

    asyncio.run(claim_one_after_another())
    assert len(host._superseded_readers) == REMEMBERED_READERS
    with pytest.raises(Superseded):
        host.read("b", readers[-2], 0, 0)


def test_a_reader_that_has_not_claimed_the_session_reads_and_acknowledges_nothing(
    tmp_path: Path,
) -> None:
    host = InterpreterHost(tmp_path)
    host._ended["b"] = MessageLog()
    host._ended["b"].end("exited", "")
    with pytest.raises(BootMismatch):
        host.read("b", "a stranger", 1, 0)
    assert host._ended["b"].first == 1


def test_the_interpreter_is_ended_when_ending_something_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []

    async def start(_: InterpreterHost) -> None:
        """No interpreter is needed."""

    async def close(_: InterpreterHost) -> None:
        ended.append(True)

    async def fail(_: FileCalls) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(InterpreterHost, "start", start)
    monkeypatch.setattr(InterpreterHost, "close", close)
    monkeypatch.setattr(FileCalls, "close", fail)
    app = create_app(tmp_path)

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(OSError, match="disk is gone"):
        asyncio.run(live())
    assert ended == [True]


def test_a_port_file_for_a_unix_socket_is_wrong_usage(tmp_path: Path) -> None:
    where = ("--uds", str(tmp_path / "s"), "--port-file", str(tmp_path / "port"))
    done = subprocess.run([*COMMAND, *where], capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert "--port-file" in done.stderr
    assert not (tmp_path / "port").exists()


def test_interpreters_that_end_unused_are_not_started_for_ever(tmp_path: Path) -> None:
    async def ends_by_itself(host: InterpreterHost) -> None:
        boot = await host.running_boot(60)
        await boot._process.kill()
        async with host._changed:
            await asyncio.wait_for(
                host._changed.wait_for(lambda: host._boot not in (None, boot) or host._failure), 60
            )

    async def live() -> None:
        host = InterpreterHost(tmp_path)
        await host.start()
        try:
            for _ in range(UNUSED_BOOTS):
                assert not host._failure
                await ends_by_itself(host)
            assert f"{UNUSED_BOOTS} times in a row" in host._failure
            assert host._living == set()
            await host.hello("reader", 60)
            await ends_by_itself(host)
            assert host._living == set(), "it starts one, and no more"
        finally:
            await host.close()

    asyncio.run(live())


def test_interpreters_that_are_replaced_for_their_arguments_have_not_ended_by_themselves(
    tmp_path: Path,
) -> None:
    async def live() -> None:
        host = InterpreterHost(tmp_path)
        await host.start()
        try:
            boots = {(await host.running_boot(60)).id}
            for number in range(UNUSED_BOOTS):
                arguments = (f"--IPKernelApp.exec_lines=x = {number}",)
                boots.add((await host.hello("reader", 60, arguments=arguments)).boot)
            assert len(boots) == UNUSED_BOOTS + 1
        finally:
            await host.close()

    asyncio.run(live())
