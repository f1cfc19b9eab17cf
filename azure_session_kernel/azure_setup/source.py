"""The image's source, as ``az acr build`` would send it, and the tag that follows from it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pathspec import PathSpec

from ..common.errors import SetupFailed

DOCKERFILE: Final = "deploy/Dockerfile"
REQUIREMENTS: Final = "deploy/course/requirements.txt"
ENVIRONMENT: Final = "deploy/course/environment.yml"
_DIGITS: Final = 12
Files = dict[str, bytes]


def kept_as(packages: Path | None) -> str:
    """Where the build looks for such a file of a course."""
    return ENVIRONMENT if packages and packages.suffix in (".yml", ".yaml") else REQUIREMENTS


def find_source(places: tuple[Path, ...]) -> Path:
    """The first of them that is a copy of the repository.

    :raises SetupFailed: none is.
    """
    for place in places:
        if (place / DOCKERFILE).is_file() and (place / ".dockerignore").is_file():
            return place
    raise SetupFailed(
        "The image's source is not here: it is built from a copy of this project's repository.",
        cause="This package was installed without one, and the current folder is none.",
        fix="Change into a copy of the repository and run it there, name it with --source DIR, or "
        "take the built-in interpreter with --kind builtin.",
    )


def read_source(root: Path, packages: Path | None) -> Files:
    """Name in the build -> content: what ``.dockerignore`` lets pass, and the course's packages."""
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ignored = PathSpec.from_lines("gitignore", lines)
    files = {name: path.read_bytes() for name, path in _below(root) if not ignored.match_file(name)}
    files[DOCKERFILE] = (root / DOCKERFILE).read_bytes()
    if packages is not None:
        files[kept_as(packages)] = packages.read_bytes()
    return files


def _below(root: Path) -> Iterator[tuple[str, Path]]:
    for top in sorted(root.iterdir()):
        if top.name.startswith(".") or top.is_symlink():  # .git and .venv are large
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix(), path


def tag_of(files: Files) -> str:
    """The same for the same source, so that an image is built once."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"s{digest.hexdigest()[:_DIGITS]}"


def packed(files: Files) -> bytes:
    """A ``.tar.gz``."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
