"""Looking for the files that patterns mean: where it goes, and that it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from azure_session_kernel.common.errors import FileMissing, FileRefused, FileTooLarge
from azure_session_kernel.transfer import local_walk
from azure_session_kernel.transfer import upload as upload_module
from azure_session_kernel.transfer.choose import choose
from azure_session_kernel.transfer.limits import Limits
from azure_session_kernel.transfer.tally import Tally
from azure_session_kernel.transfer.upload import upload

from .session_in_memory import SessionInMemory


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def chosen(folder: Path, *patterns: str) -> list[str]:
    return [choice.name for choice in choose(folder, patterns)]


@pytest.fixture
def looked_into(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that have been listed."""
    folders: list[str] = []
    real = os.scandir

    def scandir(path: Any = ".") -> Any:
        folders.append(Path(path).name)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return folders


def test_a_link_that_leads_upwards_does_not_multiply_the_files(tmp_path: Path) -> None:
    make(tmp_path, "a.csv", "d/b.csv")
    (tmp_path / "here").symlink_to(".")
    (tmp_path / "d" / "up").symlink_to("..")
    assert chosen(tmp_path, "**") == ["a.csv", "d/b.csv"]
    assert chosen(tmp_path, "**/*.csv", "*/*.csv") == ["a.csv", "d/b.csv"]


def test_a_link_to_a_folder_is_followed_where_it_is_named(tmp_path: Path) -> None:
    make(tmp_path, "d/b.csv")
    (tmp_path / "link").symlink_to("d")
    assert chosen(tmp_path, "link/*.csv") == ["link/b.csv"]
    (tmp_path / "out").symlink_to(tmp_path.parent)
    with pytest.raises(FileRefused, match="not in the notebook's folder"):
        chosen(tmp_path, "out/*")


def test_only_folders_in_which_files_can_be_meant_are_looked_into(
    tmp_path: Path, looked_into: list[str]
) -> None:
    make(tmp_path, "a.csv", "d/b.csv", "d/deep/c.csv", "venv/lib/d.csv", ".git/e.csv", "x/f/g.csv")
    looked_into.clear()
    assert chosen(tmp_path, "*.csv", "d/*.csv") == ["a.csv", "d/b.csv"]
    assert looked_into == [tmp_path.name, "d"]
    looked_into.clear()
    assert chosen(tmp_path, "**/*.csv") == ["a.csv", "d/b.csv", "d/deep/c.csv", "x/f/g.csv"]
    assert looked_into == [tmp_path.name, "d", "deep", "x", "f"]


def test_what_the_ignore_file_takes_back_is_found_in_a_folder_that_it_leaves_out(
    tmp_path: Path,
) -> None:
    make(tmp_path, "data/keep.csv", "data/other.csv")
    (tmp_path / ".sessionignore").write_text("data/**\n!data/keep.csv\n")
    assert chosen(tmp_path, "**/*.csv") == ["data/keep.csv"]


def test_a_folder_that_is_left_out_is_said_to_be(tmp_path: Path) -> None:
    make(tmp_path, "venv/x.csv")
    with pytest.raises(FileMissing) as found:
        chosen(tmp_path, "*/*.csv")
    assert "leave out" in found.value.cause


def test_looking_ends_where_it_would_take_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, *(f"{n % 5}/{n}" for n in range(50)))
    monkeypatch.setattr(local_walk, "MAX_ENTRIES", 40)
    with pytest.raises(FileTooLarge, match="looked at"):
        chosen(tmp_path, "**/*.csv")
    with pytest.raises(FileTooLarge, match="looked at"):
        chosen(tmp_path, *(f"{n % 5}/*" for n in range(5)))


async def test_looking_ends_when_nobody_waits_for_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "d/a.csv")
    looking, ended = Event(), Event()

    def endless(walk: local_walk.LocalWalk, folder: str) -> Iterator[os.DirEntry[str]]:
        with os.scandir(tmp_path) as entries:
            entry = next(entries)
        while True:
            looking.set()
            yield entry

    def choosing(*args: Any, **options: Any) -> Any:
        try:
            return choose(*args, **options)
        finally:
            ended.set()

    monkeypatch.setattr(local_walk.LocalWalk, "_entries", endless)
    monkeypatch.setattr(upload_module, "choose", choosing)
    command = upload(SessionInMemory(), tmp_path, ["**"], Tally(), limits=Limits())
    task = asyncio.create_task(command)
    await asyncio.to_thread(looking.wait, 60)
    task.cancel()
    assert await asyncio.to_thread(ended.wait, 60)
    assert task.cancelled()
