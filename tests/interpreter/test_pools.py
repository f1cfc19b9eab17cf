"""Pools of other api-versions, of other kinds, and with less."""

from __future__ import annotations

from pathlib import Path

import pytest

from azure_session_kernel.common.errors import (
    FileMissing,
    FileRefused,
    FileTooLarge,
    UnexpectedAnswer,
)
from azure_session_kernel.executors.session_files import (
    A_FOLDER,
    NOT_REGULAR,
    Fingerprint,
    SessionFiles,
)
from azure_session_kernel.transfer.local_file import opened

from ..conftest import RunningPool, StartPool
from .live_session import cell, error_of, live_session, request, result, texts
from .way import Way, without_files


async def test_the_oldest_api_without_folders_carries_a_mailbox_too(start_pool: StartPool) -> None:
    """Its pool also ends executions after three seconds: the cells go on all the same."""
    options = ("--api-versions", "2024-02-02-preview", "--execution-limit", "3")
    pool = start_pool("--kind", "interpreter", *options)
    async with live_session(pool) as session:
        assert ("api-version", "2024-02-02-preview") in session.executor.session_rows()
        seen = await session.run("import time; time.sleep(4); print('done'); 6 * 7")
        assert (texts(seen), result(seen)) == ("done\n", "42")
        asked = await session.send(cell("input('? ')"))
        await session.until(lambda: any(m.msg_type == "input_request" for m in session.messages))
        await session.send(request("input_reply", {"value": "yes"}, "stdin"))
        assert result(await session.over(asked)) == "'yes'"
        files = session.executor.files(session.hello.boot)
        assert (await files.list()).entries == []
        with pytest.raises(FileRefused, match="no folders"):
            await _upload(files, "a/b.txt", Path(__file__))
        # It can't end sessions either: the interpreter exits, and files stay.
        await session.run("open('kept', 'w').write('1')")
        await session.executor.restart(before := session.hello.boot, "restart", 30)
        assert (await session.start()).boot != before
        assert result(await session.run("open('kept').read(), 'time' in globals()")) == (
            "('1', False)"
        )


async def test_an_api_version_that_accepts_where_it_is_done(start_pool: StartPool) -> None:
    """2024-10 answers 202, with the $id of .NET, when an execution is over."""
    pool = start_pool("--kind", "interpreter", "--api-versions", "2024-10-02-preview")
    async with live_session(pool) as session:
        assert ("api-version", "2024-10-02-preview") in session.executor.session_rows()
        assert result(await session.run("'text'")) == "'text'"


@pytest.mark.parametrize("kind", ["NodeLTS", "Shell"])
async def test_a_pool_without_python_is_named(start_pool: StartPool, kind: str) -> None:
    pool = start_pool("--kind", "interpreter", "--container-type", kind)
    async with live_session(pool, start=False) as session:
        with pytest.raises(UnexpectedAnswer) as caught:
            await session.start()
        assert "PythonLTS" in caught.value.fix
        assert "answered" in caught.value.what
        assert len(caught.value.what) < 500
        assert "not installed" not in str(caught.value)
        assert kind != "Shell" or "It is a Shell pool" in caught.value.cause


async def test_without_files_there_is_plain_text_and_a_note(pool: RunningPool) -> None:
    async with live_session(pool, transport=Way(without_files)) as session:
        assert "Plain text only" in session.executor.note
        assert ("outputs", session.executor.note) in session.executor.session_rows()
        seen = await session.run("import sys; x = 6; print('a'); sys.stderr.write('b\\n'); x * 7")
        assert (texts(seen), texts(seen, "stderr"), result(seen)) == ("a\n", "b\n", "42")
        assert result(await session.run("x")) == "6"
        error = error_of(await session.run("print('before'); 1 / 0"))
        assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
        image = "from IPython.display import Image, display\n" + (
            "display(Image(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(30), format='png'))"
        )
        (shown,) = [m for m in await session.run(image) if m.msg_type == "display_data"]
        assert shown.content["data"]["image/png"].startswith("iVBOR")
        asked = request("complete_request", {"code": "pri", "cursor_pos": 3})
        seen = await session.over(await session.send(asked))
        assert [m.content["matches"] for m in seen if m.msg_type == "complete_reply"] == [[]]


async def test_files_go_both_ways_and_the_mailbox_is_not_among_them(
    pool: RunningPool, tmp_path: Path
) -> None:
    async with live_session(pool) as session:
        files = session.executor.files(session.hello.boot)
        local = tmp_path / "data.bin"
        local.write_bytes(bytes(range(256)) * 40_000)
        await _upload(files, "below/data.bin", local)
        await session.run("open('made here.txt', 'w').write('text')")
        names = [file.name for file in (await files.list()).entries]
        assert names == ["below", "below/data.bin", "made here.txt"]
        digest = "__import__('hashlib').sha256(open('below/data.bin','rb').read()).hexdigest()"
        await session.run("import os; os.mkfifo('pipe')")
        there = await files.fingerprints(["below/data.bin", "nothing", "below", "pipe"])
        sha256 = result(await session.run(digest)).strip("'")
        data = Fingerprint(10_240_000, sha256)
        assert there == {"below/data.bin": data, "below": A_FOLDER, "pipe": NOT_REGULAR}
        pieces = [piece async for piece in files.download("below/data.bin", 10_240_000)]
        assert len(pieces) > 1
        assert b"".join(pieces) == local.read_bytes()
        with pytest.raises(FileMissing):
            _ = [piece async for piece in files.download("nothing", 10)]


async def test_a_file_over_azures_limit_is_refused_before_it_is_sent(pool: RunningPool) -> None:
    class Large:
        fingerprint = Fingerprint(129 * 1024**2, "")

        async def read(self, offset: int, length: int) -> bytes:
            raise AssertionError("nothing is read")

    async with live_session(pool) as session:
        files = session.executor.files(session.hello.boot)
        with pytest.raises(FileTooLarge, match="128 MB"):
            await files.upload("large.bin", Large(), _ignored)


async def _upload(files: SessionFiles, name: str, local: Path) -> None:
    async with opened(local, name) as source:
        await source.take_fingerprint()
        await files.upload(name, source, _ignored)


def _ignored(count: int) -> None:
    pass
