"""Whole commands: what they refuse before anything is sent, and what a changing file does."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from azure_session_kernel.common.errors import (
    FileChanged,
    FileInTheWay,
    FileRefused,
    FileTooLarge,
    FileTransferError,
)
from azure_session_kernel.executors.session_files import A_FOLDER, NOT_REGULAR, Unfit
from azure_session_kernel.transfer import choose
from azure_session_kernel.transfer.download import download
from azure_session_kernel.transfer.limits import Limits
from azure_session_kernel.transfer.tally import Tally
from azure_session_kernel.transfer.upload import upload

from .session_in_memory import SessionInMemory

DEFAULT = Limits()


@pytest.fixture
def session() -> SessionInMemory:
    return SessionInMemory(**{"a.csv": b"0123456789"})


async def up(session: SessionInMemory, folder: Path, *patterns: str) -> Tally:
    tally = Tally()
    await upload(session, folder, patterns, tally, limits=DEFAULT)
    return tally


async def down(
    session: SessionInMemory, folder: Path, *patterns: str, force: bool = False
) -> Tally:
    tally = Tally()
    await download(session, folder, patterns, tally, limits=DEFAULT, force=force)
    return tally


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_file_that_changes_once_while_it_is_read_arrives_as_it_is_then(
    session: SessionInMemory, tmp_path: Path
) -> None:
    (tmp_path / "log.txt").write_bytes(b"first line")
    changes: Iterator[bytes] = iter([b"first line, second line"])

    def change() -> None:
        if content := next(changes, None):
            (tmp_path / "log.txt").write_bytes(content)

    session.on_piece = change
    tally = await up(session, tmp_path, "log.txt")
    assert session.content["log.txt"] == b"first line, second line"
    assert tally.transferred == ["log.txt"]


async def test_a_file_that_is_being_written_is_refused(
    session: SessionInMemory, tmp_path: Path
) -> None:
    (tmp_path / "log.txt").write_bytes(b"line\n" * 3)

    def grow() -> None:
        with (tmp_path / "log.txt").open("ab") as file:
            file.write(b"line\n")

    session.on_piece = grow
    with pytest.raises(FileChanged, match="being changed"):
        await up(session, tmp_path, "log.txt")
    assert "log.txt" not in session.content


async def test_a_file_that_changes_in_the_session_is_not_downloaded_as_a_mixture(
    session: SessionInMemory, tmp_path: Path
) -> None:
    def change() -> None:
        session.content["a.csv"] = session.content["a.csv"][::-1]

    session.on_piece = change
    with pytest.raises(FileChanged):
        await down(session, tmp_path, "a.csv")
    assert names_in(tmp_path) == []


async def test_a_download_that_fails_leaves_nothing(
    session: SessionInMemory, tmp_path: Path
) -> None:
    def fail() -> None:
        raise FileTransferError("It broke.")

    session.on_piece = fail
    with pytest.raises(FileTransferError, match="broke"):
        await down(session, tmp_path, "a.csv")
    assert names_in(tmp_path) == []


async def test_many_files_go_together_and_what_does_not_fit_by_itself(
    session: SessionInMemory, tmp_path: Path
) -> None:
    session.batch_bytes = 4
    for number in range(30):
        (tmp_path / f"{number}.txt").write_bytes(str(number).encode())
    (tmp_path / "large.txt").write_bytes(b"larger")
    tally = await up(session, tmp_path, "*.txt")
    assert len(tally.transferred) == 31
    assert tally.done_bytes == tally.total_bytes
    assert session.content["29.txt"] == b"29"
    assert session.content["large.txt"] == b"larger"
    (tmp_path / "5.txt").write_bytes(b"new")
    tally = await up(session, tmp_path, "*.txt")
    assert (tally.transferred, len(tally.unchanged)) == (["5.txt"], 30)
    tally = await down(session, tmp_path, "*.csv", "*.txt")
    assert (tally.transferred, len(tally.unchanged)) == (["a.csv"], 31)


async def test_a_small_file_that_changes_in_the_session_is_fetched_as_it_is_then(
    session: SessionInMemory, tmp_path: Path
) -> None:
    session.batch_bytes = 100
    session.content |= {"b.csv": b"b", "c.csv": b"c"}

    def change() -> None:
        session.content["c.csv"] = b"changed"
        session.on_piece = lambda: None

    session.on_piece = change
    tally = await down(session, tmp_path, "*.csv")
    assert sorted(tally.transferred) == ["a.csv", "b.csv", "c.csv"]
    assert (tmp_path / "c.csv").read_bytes() == b"changed"


async def test_more_files_than_one_command_may_mean_are_refused(
    session: SessionInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "MAX_FILES", 2)
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    with pytest.raises(FileTooLarge, match="more than 2 files"):
        await up(session, tmp_path, "*")
    assert list(session.content) == ["a.csv"]


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o700), (0o133, 0o644)])
async def test_a_program_gets_no_more_than_the_umask_allows(
    session: SessionInMemory, tmp_path: Path, umask: int, mode: int
) -> None:
    session.marks["a.csv"] = (True, 5)
    before = os.umask(umask)
    try:
        await down(session, tmp_path, "a.csv")
    finally:
        os.umask(before)
    status = (tmp_path / "a.csv").stat()
    assert (status.st_mode & 0o7777, status.st_mtime_ns) == (mode, 5)


async def test_one_file_in_the_way_stops_a_download_before_it_begins(
    session: SessionInMemory, tmp_path: Path
) -> None:
    session.content["b.csv"] = b"theirs"
    (tmp_path / "b.csv").write_bytes(b"mine!!")
    with pytest.raises(FileInTheWay):
        await down(session, tmp_path, "*.csv")
    assert names_in(tmp_path) == ["b.csv"]
    assert (tmp_path / "b.csv").read_bytes() == b"mine!!"
    await down(session, tmp_path, "*.csv", force=True)
    assert (tmp_path / "b.csv").read_bytes() == b"theirs"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
async def test_a_file_that_appears_during_a_download_is_not_replaced_unasked(
    session: SessionInMemory, tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)

    def appear() -> None:
        (tmp_path / "a.csv").write_bytes(b"mine")

    session.on_piece = appear
    with pytest.raises(FileInTheWay, match="has appeared"):
        await down(session, tmp_path, "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"mine"
    assert names_in(tmp_path) == ["a.csv"]
    await down(session, tmp_path, "a.csv", force=True)
    assert (tmp_path / "a.csv").read_bytes() == b"0123456789"
    (tmp_path / "a.csv").unlink()
    session.on_piece = lambda: None
    await down(session, tmp_path, "a.csv")
    assert names_in(tmp_path) == ["a.csv"]


async def test_what_a_killed_kernel_left_is_removed_at_the_next_download_there(
    session: SessionInMemory, tmp_path: Path
) -> None:
    old, young, others = f".ask-{'0' * 16}.part", f".ask-{'1' * 16}.part", ".ask-mine.part"
    for folder in (tmp_path, tmp_path / "d", tmp_path / "elsewhere"):
        folder.mkdir(exist_ok=True)
        for name in (old, young, others):
            (folder / name).write_bytes(b"half")
            if name != young:
                os.utime(folder / name, (0, 0))
    session.content["d/b.csv"] = b"b"
    await down(session, tmp_path, "a.csv", "d/b.csv")
    assert names_in(tmp_path) == [young, others, "a.csv", "d", "elsewhere"]
    assert names_in(tmp_path / "d") == [young, others, "b.csv"]
    assert names_in(tmp_path / "elsewhere") == [old, young, others]


@pytest.mark.parametrize("to", ["~", "~/x", "..", "a/../b"])
async def test_an_upload_makes_no_folder_that_means_another_place(
    session: SessionInMemory, tmp_path: Path, to: str
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(FileRefused, match="not a folder below"):
        await upload(session, tmp_path, ["x"], Tally(), to=to, limits=DEFAULT)
    assert list(session.content) == ["a.csv"]


async def test_a_link_in_the_way_is_replaced_and_not_followed(
    session: SessionInMemory, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"keep")
    folder = tmp_path / "notebook"
    folder.mkdir()
    (folder / "a.csv").symlink_to(outside)
    with pytest.raises(FileInTheWay):
        await down(session, folder, "a.csv")
    await down(session, folder, "a.csv", force=True)
    assert outside.read_bytes() == b"keep"
    assert not (folder / "a.csv").is_symlink()


async def test_a_link_to_a_folder_does_not_lead_a_download_outside(
    session: SessionInMemory, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    folder = tmp_path / "notebook"
    folder.mkdir()
    (folder / "d").symlink_to(tmp_path / "outside")
    session.content["d/x.txt"] = b"x"
    with pytest.raises(FileRefused, match="outside"):
        await down(session, folder, "d/x.txt")
    assert names_in(tmp_path / "outside") == []


@pytest.mark.parametrize(
    "to", [".git/hooks", "./.ipython/profile_default", "d/.h", "keys", "keys/new", "\u200c.git"]
)
async def test_nothing_is_downloaded_into_a_hidden_folder(
    session: SessionInMemory, tmp_path: Path, to: str
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "keys").symlink_to(".ssh")
    with pytest.raises(FileRefused, match="hidden"):
        await download(session, tmp_path, ["a.csv"], Tally(), to=to, limits=DEFAULT)
    assert names_in(tmp_path) == [".ssh", "keys"]
    assert names_in(tmp_path / ".ssh") == []


async def test_a_link_to_a_hidden_folder_does_not_lead_a_download_there(
    session: SessionInMemory, tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "keys").symlink_to(".ssh")
    session.content["keys/authorized_keys"] = b"x"
    with pytest.raises(FileRefused, match="hidden"):
        await down(session, tmp_path, "keys/authorized_keys")
    assert names_in(tmp_path / ".ssh") == []


async def test_a_notebook_in_a_hidden_folder_may_use_what_is_below_it(
    session: SessionInMemory, tmp_path: Path
) -> None:
    folder = tmp_path / ".notebooks"
    folder.mkdir()
    await download(session, folder, ["a.csv"], Tally(), to="./out", limits=DEFAULT)
    assert names_in(folder / "out") == ["a.csv"]


@pytest.mark.parametrize("to", ["..", "a/../..", "/tmp", "~", "~/x", "out"])
async def test_a_download_that_would_leave_the_folder_is_not_advised_to_upload(
    session: SessionInMemory, tmp_path: Path, to: str
) -> None:
    folder = tmp_path / "notebook"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(FileRefused, match="not in the notebook's folder") as found:
        await download(session, folder, ["a.csv"], Tally(), to=to, limits=DEFAULT)
    assert "upload" not in str(found.value)


async def test_a_name_that_differs_in_case_only_is_refused(
    session: SessionInMemory, tmp_path: Path
) -> None:
    (tmp_path / "A.CSV").write_bytes(b"mine")
    with pytest.raises(FileRefused, match="would be one file"):
        await down(session, tmp_path, "a.csv", force=True)


async def test_a_pattern_leaves_out_what_is_no_file_and_says_so(
    session: SessionInMemory, tmp_path: Path
) -> None:
    session.unfit = {"b.csv": Unfit("it leads elsewhere"), "out": A_FOLDER, "pipe": NOT_REGULAR}
    tally = await down(session, tmp_path, "*")
    assert names_in(tmp_path) == tally.transferred == ["a.csv"]
    assert tally.left_out == {"b.csv": "it leads elsewhere", "pipe": "it is not a regular file"}
    with pytest.raises(FileRefused, match=r"'b\.csv', because it leads elsewhere"):
        await down(session, tmp_path, "b*")


async def test_what_is_no_file_is_refused_by_its_name(
    session: SessionInMemory, tmp_path: Path
) -> None:
    session.unfit = {"pipe": NOT_REGULAR, "my out": A_FOLDER}
    with pytest.raises(FileRefused, match="'pipe' can't be downloaded: it is not a regular file"):
        await down(session, tmp_path, "a.csv", "pipe")
    for name in ("my out", "my out/"):
        with pytest.raises(FileRefused, match="is a folder") as found:
            await down(session, tmp_path, name)
        assert '%download "my out/**"' in found.value.fix
    assert names_in(tmp_path) == []


async def test_each_local_folder_is_read_once_and_not_by_the_thread_that_answers_the_front_end(
    session: SessionInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, bool]] = []
    real = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        read.append((path.name, threading.current_thread() is threading.main_thread()))
        return real(path)

    session.content = {f"{n}.txt": b"x" for n in range(40)}
    session.content |= {f"d/{n}.txt": b"x" for n in range(40)}
    (tmp_path / "d").mkdir()
    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert len((await down(session, tmp_path, "**")).transferred) == 80
    assert read == [(tmp_path.name, False), ("d", False)]


async def test_limits_hold_for_one_file_and_for_all_and_name_their_option(
    session: SessionInMemory, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(6 * 1024**2)
    small = Limits(file=5 * 1024**2, command=10 * 1024**2)
    with pytest.raises(FileTooLarge) as one:
        await upload(session, tmp_path, ["a"], Tally(), limits=small)
    assert "--max-size 6M" in one.value.fix
    with pytest.raises(FileTooLarge) as all_:
        await upload(session, tmp_path, ["a", "b"], Tally(), limits=Limits(10**9, 10 * 1024**2))
    assert "--max-size 12M" in all_.value.fix
    Limits.parse("12M").check_all(12 * 1024**2)
    for limits in (Limits(file=9), Limits(command=9)):
        with pytest.raises(FileTooLarge):
            await download(session, tmp_path, ["a.csv"], Tally(), limits=limits)


async def test_a_folder_that_can_not_be_made_is_an_error_and_leaves_nothing(
    session: SessionInMemory, tmp_path: Path
) -> None:
    (tmp_path / "no").write_text("a file where a folder is needed")
    session.content["no/x.txt"] = b"x"
    with pytest.raises(FileTransferError, match="can't be written on this machine"):
        await down(session, tmp_path, "no/x.txt")
    assert names_in(tmp_path) == ["no"]


async def test_only_what_differs_is_sent(session: SessionInMemory, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"0123456789")
    (tmp_path / "b.csv").write_bytes(b"new")
    tally = await up(session, tmp_path, "*.csv", "b.csv")
    assert (tally.transferred, tally.unchanged) == (["b.csv"], ["a.csv"])
    assert (tally.done_bytes, tally.total_bytes) == (13, 13)
