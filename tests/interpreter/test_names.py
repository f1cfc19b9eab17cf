"""Names of files with ``%`` and ``+`` on pools that take them as they are, or decode them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from azure_session_kernel.common.errors import FileChanged, FileRefused
from azure_session_kernel.executors.file_batches import SMALL_BYTES
from azure_session_kernel.executors.session_files import SessionFiles
from azure_session_kernel.transfer.download import download
from azure_session_kernel.transfer.limits import Limits
from azure_session_kernel.transfer.tally import Tally
from azure_session_kernel.transfer.upload import upload

from ..conftest import StartPool
from .live_session import LiveSession, live_session, result
from .way import Forward, Way, refused

NAMES = (
    "a b.txt",
    "a+b.txt",
    "made%41.txt",
    "madeA.txt",
    "50%.txt",
    "%zz+",
    "d+%41/x+.txt",
    "d+A/x",
)


def files_of(session: LiveSession) -> SessionFiles:
    return session.executor.files(session.hello.boot)


def is_upload(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/files")


@pytest.mark.parametrize(
    "options", [(), ("--habit", "decode-names")], ids=["as they are", "decoded"]
)
async def test_each_file_goes_there_and_back_under_its_own_name(
    start_pool: StartPool, tmp_path: Path, options: tuple[str, ...]
) -> None:
    sent: list[httpx.Request] = []

    async def count(request: httpx.Request, forward: Forward) -> httpx.Response:
        sent.append(request)
        return await forward(request)

    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    pool = start_pool("--kind", "interpreter", *options)
    async with live_session(pool, transport=Way(count)) as session:
        files, limits = files_of(session), Limits()
        await upload(files, tmp_path, NAMES, Tally(), limits=limits)
        code = "{n: open(n).read() for n in N}".replace("N", repr(NAMES))
        assert result(await session.run(f"all(k == v for k, v in {code}.items())")) == "True"
        listed = {file.name for file in (await files.list()).entries if not file.is_directory}
        assert listed == set(NAMES)
        await session.run("import shutil; shutil.copytree('.', 'made+here%2B')")
        sent.clear()
        await download(
            files_of(session), tmp_path, ["made+here%2B/**"], Tally(), to="back", limits=limits
        )
        for name in NAMES:
            assert (tmp_path / "back/made+here%2B" / name).read_text() == name
        assert not any(map(is_upload, sent)), "it is found out once"
        left = "import pathlib; list(pathlib.Path('.ask').glob('a*/*'))"
        assert result(await session.run(left)) == "[]"


async def test_a_name_that_a_pool_can_not_carry_is_refused_before_it_is_sent(
    start_pool: StartPool, tmp_path: Path
) -> None:
    bodies: list[bytes] = []

    async def strict(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_upload(request):
            bodies.append(await request.aread())
            if b"%" in bodies[-1].partition(b"\r\n\r\n")[0]:
                return refused(400, "BadName")
        return await forward(request)

    names = ("a+b.txt", 'q"q.txt', "back\\slash.txt", "line\nbreak", "\udcff")
    for name in names:
        (tmp_path / name).write_text("the content")
    pool = start_pool("--kind", "interpreter")
    async with live_session(pool, transport=Way(strict)) as session:
        for name in names:
            with pytest.raises(FileRefused, match="can't be carried"):
                await upload(files_of(session), tmp_path, [name], Tally(), limits=Limits())
    assert not any(b"the content" in body for body in bodies)


def _answers_another(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    return httpx.Response(200, json={"name": "other.txt", "sizeInBytes": 4, "type": "file"})


def _answers_less(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    return httpx.Response(200, json={"name": "a.txt", "sizeInBytes": 3, "type": "file"})


@pytest.mark.parametrize("answer", [_answers_another, _answers_less])
async def test_an_upload_that_is_answered_with_another_name_or_size_is_an_error(
    start_pool: StartPool,
    tmp_path: Path,
    answer: Callable[[httpx.Request, httpx.Response], httpx.Response],
) -> None:
    async def other(request: httpx.Request, forward: Forward) -> httpx.Response:
        response = await forward(request)
        return answer(request, response) if is_upload(request) else response

    (tmp_path / "a.txt").write_bytes(bytes(SMALL_BYTES + 1))  # a smaller one goes with others
    async with live_session(start_pool("--kind", "interpreter"), transport=Way(other)) as session:
        with pytest.raises(FileChanged):
            await upload(files_of(session), tmp_path, ["a.txt"], Tally(), limits=Limits())
