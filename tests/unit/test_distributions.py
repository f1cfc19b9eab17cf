"""What is published: wheel and sdist, as ``python -m hatchling build`` makes them."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import azure_session_kernel

pytest.importorskip("hatchling")

ROOT = Path(__file__).parents[2]


def build(source: Path, into: Path) -> dict[str, bytes]:
    """What is in each distribution's file, by its name."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(into)]
    # As a release is built: all files of an archive get that time (docs/release.md).
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    done = subprocess.run(command, cwd=source, env=environ, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return {path.name: path.read_bytes() for path in into.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the distributions of this tree are."""
    into = tmp_path_factory.mktemp("dist")
    build(ROOT, into)
    return into


@pytest.fixture(scope="module")
def wheel(folder: Path) -> zipfile.ZipFile:
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_they_are_the_same_bytes_wherever_and_whenever_they_are_built(
    folder: Path, tmp_path: Path
) -> None:
    """The second time from the sdist, by somebody whose new files nobody else may read."""
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    (source / "PKG-INFO").unlink()  # which is made, and taken along where there is one
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (0, 0))
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    second = build(source, tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_the_wheel_has_the_kernel_with_its_folders_and_nothing_beside_it(
    wheel: zipfile.ZipFile,
) -> None:
    names = wheel.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"azure_session_kernel"}
    assert "azure_session_kernel/cli/laboratory.py" in names
    assert "azure_session_kernel/notebooks/quickstart.ipynb" in names
    assert "azure_session_kernel/kernelspec/kernel.json" in names
    assert "azure_session_kernel/deploy/names.json" in names
    assert "azure_session_kernel/py.typed" in names


def test_the_sdist_has_what_is_under_version_control_and_nothing_else(folder: Path) -> None:
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    if not (ROOT / ".git").exists():
        pytest.skip("this tree is no clone")
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    assert names - set(listed.stdout.decode().splitlines()) == {"PKG-INFO"}
    assert {"tests/conftest.py", "deploy/Dockerfile", "docs/index.md", "LICENSE"} <= names


def test_a_version_is_written_once_and_has_its_changes(folder: Path) -> None:
    version = azure_session_kernel.__version__
    assert {path.name.split("-")[1].removesuffix(".tar.gz") for path in folder.iterdir()} == {
        version
    }
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
