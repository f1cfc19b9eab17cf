"""Where ``%download`` may write: the notebook's folder and what is below it, nothing hidden.

Whoever runs all the cells of somebody else's notebook must not thereby get new settings for
programs on this machine: startup files, hooks, keys.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ..common.errors import FileRefused
from .real_path import is_hidden, real_name


def folder_in(folder: Path, to: str) -> Path:
    """The folder ``to`` below the notebook's. :raises FileRefused: anywhere else, or hidden."""
    to = to.replace("\\", "/") or "."
    real = real_name(folder, folder / to)
    absolute = PurePosixPath(to).is_absolute() or Path(to).is_absolute() or Path(to).drive
    if absolute or ".." in PurePosixPath(to).parts or to.startswith("~") or real is None:
        raise FileRefused(
            f"{to!r} is not in the notebook's folder.",
            cause="A notebook reaches only its own folder, so that somebody else's notebook can't "
            "write elsewhere.",
            fix="Give a folder beside the notebook after --to, and move the files from there.",
        )
    if is_hidden(to) or is_hidden(real):
        raise FileRefused(
            f"Nothing is downloaded to {to!r}: {_what(to, real)}.",
            cause="Hidden files configure programs on this machine.",
            fix="Give another folder after --to, and move the files from there.",
        )
    return folder / to


def _what(to: str, real: str) -> str:
    return "it is hidden" if is_hidden(to) else f"it leads to {real!r}, which is hidden"
