"""Which notebooks are meant, and the names they have below the output folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .journal import is_run_folder
from .unusable import RunUnusable

_SUFFIX: Final = ".ipynb"


@dataclass(frozen=True)
class Input:
    """:ivar name: its path below the folder that all have in common, with ``/``; each is unique."""

    name: str
    path: Path


def find_inputs(arguments: Sequence[str], output: Path) -> list[Input]:
    """Sorted by name. A folder stands for all notebooks below it, but for hidden folders and what
    earlier runs have written.

    :raises RunUnusable: an argument stands for nothing, or outputs would replace inputs.
    """
    if not arguments:
        raise RunUnusable(
            "say which notebooks: files, folders, or patterns such as 'a/*/ps1.ipynb'"
        )
    bases: set[str] = set()
    paths: set[Path] = set()
    for argument in arguments:
        base, found = _expand(argument, output)
        if found:  # an earlier result that the shell's pattern has taken along is none
            bases.add(str(base))
            paths |= found
    if not paths:
        raise RunUnusable(f"there is no notebook but those of --output-dir {output}")
    root = _common(bases)
    return sorted((Input(p.relative_to(root).as_posix(), p) for p in paths), key=lambda i: i.name)


def _expand(argument: str, output: Path) -> tuple[Path, set[Path]]:
    """The folder that names are relative to, and the notebooks outside of ``output``."""
    path = absolute(argument)
    if path.is_dir():
        base, found = path, list(_below(path, output))
    elif path.exists():
        if path.suffix != _SUFFIX:
            raise RunUnusable(f"{argument} is not a notebook: its name does not end in {_SUFFIX}")
        return path.parent, {path} if not path.is_relative_to(output) else set()
    elif glob.has_magic(argument):
        base, found = _fixed_part(path), list(_matching(argument, output))
    else:
        raise RunUnusable(f"{argument} does not exist")
    if base.is_relative_to(output):
        raise RunUnusable(
            f"--output-dir {output} is the folder of the notebooks, or above it.\n"
            f"  What to do:   choose a folder of its own, such as --output-dir {base / 'results'}"
        )
    kept = {one for one in found if not one.is_relative_to(output)}
    if not kept:
        raise RunUnusable(
            f"{argument} stands for no notebook.\n"
            f"  What to do:   name a {_SUFFIX} file, a folder that has some below it, or a pattern "
            "in quotes"
        )
    return base, kept


def _matching(pattern: str, output: Path) -> Iterator[Path]:
    for match in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - it may be absolute
        path = absolute(match)
        if path.is_dir() and not pattern.endswith("**"):
            yield from _below(path, output)
        elif path.suffix == _SUFFIX and path.is_file():
            yield path


def _below(folder: Path, output: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        folders[:] = [f for f in folders if not f.startswith(".") and _is_source(here / f, output)]
        yield from (here / f for f in files if f.endswith(_SUFFIX) and not f.startswith("."))


def _is_source(folder: Path, output: Path) -> bool:
    return folder != output and not is_run_folder(folder)


def _fixed_part(pattern: Path) -> Path:
    """The folder above the first part with a wildcard."""
    parts = pattern.parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


def _common(bases: Iterable[str]) -> Path:
    try:
        return Path(os.path.commonpath(list(bases)))
    except ValueError:
        raise RunUnusable("the notebooks are on several drives: run each drive's alone") from None


def absolute(path: str | Path) -> Path:
    """Without ``..``; links stay what they are, for a notebook's files are beside its link."""
    return Path(os.path.abspath(path))  # noqa: PTH100
