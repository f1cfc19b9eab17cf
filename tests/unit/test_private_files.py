"""Private files: mode, atomicity, and a clear error instead of a traceback."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from azure_session_kernel.common.errors import StateUnusable
from azure_session_kernel.common.private_files import make_private_dir, state_dir, write_private

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


def test_the_state_directory_follows_jupyter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert state_dir() == tmp_path / "azure-session-kernel"
    assert not state_dir().exists()


@posix
def test_directory_and_file_are_readable_by_this_user_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_private(tmp_path / "own" / "file", b"data")
    finally:
        os.umask(old)
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "own" / "file").stat().st_mode & 0o777 == 0o600


def test_directories_that_are_missing_above_it_are_private_too(tmp_path: Path) -> None:
    write_private(tmp_path / "above" / "own" / "file", b"secret")
    assert (tmp_path / "above").stat().st_mode & 0o777 == 0o700


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"long old content")
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exclusive_write_never_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"first", exclusive=True)
    with pytest.raises(FileExistsError):
        write_private(path, b"second", exclusive=True)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_exclusive_writers_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def attempt(number: int) -> bool:
        try:
            write_private(path, b"%d" % number, exclusive=True)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(32)))
    assert won.count(True) == 1
    assert path.read_bytes() == b"%d" % won.index(True)


def test_an_exclusive_write_works_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "file"
    write_private(path, b"first", exclusive=True)
    with pytest.raises(FileExistsError):
        write_private(path, b"second", exclusive=True)
    assert path.read_bytes() == b"first"


def test_a_file_where_the_directory_should_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("in the way")
    with pytest.raises(StateUnusable) as caught:
        write_private(tmp_path / "own" / "file", b"data")
    assert str(tmp_path / "own") in caught.value.what
    assert "JUPYTER_DATA_DIR" in caught.value.fix


def test_a_directory_that_is_not_writable_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StateUnusable, match="Permission denied"):
        make_private_dir(tmp_path / "own")


def test_a_full_disk_is_explained_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateUnusable, match="No space left") as caught:
        write_private(path, b"new")
    assert "free space" in caught.value.fix
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_somebody_reads_just_now_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Windows refuses it while another kernel lists the leases."""
    path, refusals, replace = tmp_path / "file", [13, 13], os.replace
    write_private(path, b"old")

    def refuse(source: str, target: Path) -> None:
        if refusals:
            raise PermissionError(refusals.pop(), "Access is denied", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StateUnusable, match="Access is denied"):
        write_private(path, b"new")
    monkeypatch.setattr("azure_session_kernel.common.private_files._READ_WITHIN_S", 60.0)
    refusals.append(13)
    write_private(path, b"new")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"new", [path])
