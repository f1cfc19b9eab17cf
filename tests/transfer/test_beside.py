"""What may be uploaded of a name is told with a look at a few files, whatever the folder holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.transfer import local_lookup as beside
from azure_session_kernel.transfer.local_lookup import pattern_of, pattern_of_package


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The entries of folders that were looked at."""
    seen: list[str] = []
    scandir = os.scandir

    class Entries:
        def __init__(self, path: Any) -> None:
            self._entries = scandir(path)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self._entries.close()

        def __iter__(self) -> Any:
            for entry in self._entries:
                seen.append(entry.name)
                yield entry

    monkeypatch.setattr(os, "scandir", Entries)
    return seen


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_file_and_a_folder_are_found(tmp_path: Path) -> None:
    touch(tmp_path / "data" / "deep" / "a.csv")
    touch(tmp_path / "b.csv")
    assert pattern_of(tmp_path, "b.csv") == "b.csv"
    assert pattern_of(tmp_path, "data/") == "data/**"
    assert pattern_of(tmp_path, "data/deep/a.csv") == "data/deep/a.csv"


def test_a_few_entries_tell(tmp_path: Path, looked_at: list[str]) -> None:
    for number in range(1000):
        touch(tmp_path / "data" / f"{number}.csv")
    assert pattern_of(tmp_path, "data") == "data/**"
    assert len(looked_at) < 5


def test_what_a_few_entries_do_not_tell_is_not_looked_for(
    tmp_path: Path, looked_at: list[str]
) -> None:
    for number in range(1000):
        touch(tmp_path / "data" / f"{number}.pyc")
        touch(tmp_path / "package" / f"{number}" / "a.csv")
    assert pattern_of(tmp_path, "data") == ""
    assert pattern_of_package(tmp_path, "package") == ""
    assert len(looked_at) <= 2 * (beside.MAX_ENTRIES + 1)


@pytest.mark.parametrize("name", ["**", "*", "data/[a]", "**/*.csv"])
def test_a_name_with_wildcards_is_no_pattern(
    tmp_path: Path, name: str, looked_at: list[str]
) -> None:
    touch(tmp_path / "data" / "a")
    assert pattern_of(tmp_path, name) == ""
    assert looked_at == []


def test_a_package_has_python_files(tmp_path: Path) -> None:
    touch(tmp_path / "package" / "deep" / "a.py")
    touch(tmp_path / "data" / "a.csv")
    assert pattern_of_package(tmp_path, "package") == "package/**/*.py"
    assert pattern_of_package(tmp_path, "data") == ""


@pytest.mark.parametrize("name", ["", "..", "../x", "/", "link", "secrets", "x" * 256, "a/" * 200])
def test_nothing_is_said_of_what_would_not_be_uploaded(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "notebook"
    touch(tmp_path / "x")
    touch(tmp_path / "elsewhere" / "a.py")
    touch(folder / "secrets" / "id_rsa")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert pattern_of(folder, name) == ""
    assert pattern_of_package(folder, name) == ""


def test_long_rules_are_not_read(tmp_path: Path) -> None:
    touch(tmp_path / "a.csv")
    (tmp_path / ".sessionignore").write_text("b.csv\n")
    assert pattern_of(tmp_path, "a.csv") == "a.csv"
    (tmp_path / ".sessionignore").write_text("b.csv\n" * 5000)
    assert pattern_of(tmp_path, "a.csv") == ""
