"""Which local files the patterns of ``%upload`` mean.

Only files of the notebook's folder, through no symbolic link that leads out of it or to what is
never uploaded: opening somebody else's notebook and running all its cells must not send them this
user's other files, nor the secrets in this folder under another name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Final

from ..common.errors import FileMissing, FileRefused, FileTooLarge
from .ignore import IGNORE_FILE, IgnoreRules
from .local_walk import LocalWalk
from .patterns import Pattern, escaped, is_wild, slashed
from .quoting import quoted
from .real_path import real_name

#: Files of one command.
MAX_FILES: Final = 10_000


@dataclass(frozen=True)
class LocalChoice:
    """:ivar name: relative to the notebook's folder, with ``/``."""

    path: Path
    name: str


def choose(
    folder: Path,
    patterns: Sequence[str],
    stop: Event | None = None,
    *,
    may_be_none: bool = False,
) -> list[LocalChoice]:
    """The files, each once, in the order of the patterns. Reads directories, so it may block.

    :param stop: set when nobody waits for them any more.
    :param may_be_none: a pattern may mean none; a name is always meant.
    :raises FileMissing: a pattern that means no file. :raises FileRefused: one that means a file
        that is never uploaded. :raises FileTooLarge: too many.
    """
    rules = IgnoreRules.of_folder(folder)
    walk = LocalWalk(folder, rules, stop or Event())
    found: dict[str, LocalChoice] = {}
    for pattern in patterns:
        text = pattern if _is_there(folder, pattern) else slashed(pattern)
        for choice in _matches(folder, text, rules, walk, may_be_none=may_be_none):
            found.setdefault(choice.name, choice)
            if len(found) > MAX_FILES:
                raise FileTooLarge(
                    f"These patterns mean more than {MAX_FILES} files.",
                    fix=f"Name fewer, or list what is not needed in {IGNORE_FILE}.",
                )
    return list(found.values())


def _matches(
    folder: Path, text: str, rules: IgnoreRules, walk: LocalWalk, *, may_be_none: bool
) -> Iterator[LocalChoice]:
    refuse_outside(folder, text)
    if not is_wild(text) or _is_there(folder, text):
        yield _exactly(folder, PurePosixPath(text).as_posix(), rules)
        return
    pattern = Pattern(text, fnmatch)
    if real_name(folder, folder / pattern.top) is None:
        raise _outside(text)
    found = walk.left_out = False
    for name in walk.files(pattern):
        if not why_left_out(folder, folder / name, name, rules):
            found = True
            yield LocalChoice(folder / name, name)
        elif real_name(folder, folder / name) is not None:
            walk.left_out = True
    if not found and not may_be_none:
        raise _nothing(text, left_out=walk.left_out)


def _exactly(folder: Path, name: str, rules: IgnoreRules) -> LocalChoice:
    path = folder / name
    if not path.exists():
        raise FileMissing(
            f"There is no {name!r} beside the notebook.",
            cause="Names are relative to the folder in which the kernel was started.",
            fix="Check the spelling, upper and lower case included.",
        )
    if path.is_dir():
        raise FileRefused(
            f"{name!r} is a folder.",
            fix=f"To upload the files in it: %upload {quoted(escaped(name.rstrip('/')) + '/**')}",
        )
    if reason := why_left_out(folder, path, name, rules):
        raise FileRefused(
            f"{name!r} was not uploaded: {reason}.",
            fix="If it is really needed there, copy it under another name and upload the copy.",
        )
    return LocalChoice(path, name)


def why_left_out(folder: Path, path: Path, name: str, rules: IgnoreRules) -> str:
    """Why it is left out: for its name, or for that of the file to which a link leads."""
    if reason := rules.reason(name):
        return reason
    real = real_name(folder, path)
    if real is None:
        return "it leads outside the notebook's folder"
    if real == name:
        return ""
    reason = rules.reason(real)
    return f"it leads to {real!r}, and {reason}" if reason else ""


def refuse_outside(folder: Path, pattern: str) -> None:
    path = PurePosixPath(pattern)
    outside = path.is_absolute() or Path(pattern).is_absolute() or Path(pattern).drive
    if outside or ".." in path.parts or _means_a_home(folder, path) or "\0" in pattern:
        raise _outside(pattern)
    exact = not is_wild(pattern) or _is_there(folder, pattern)
    if exact and real_name(folder, folder / pattern) is None:
        raise _outside(pattern)


def _means_a_home(folder: Path, path: PurePosixPath) -> bool:
    """``~`` or ``~user/x``, unless it is the name of something here; ``~x.csv`` is only a name."""
    first = path.parts[0] if path.parts else ""
    is_home = first == "~" or (first.startswith("~") and len(path.parts) > 1)
    return is_home and not _is_there(folder, first)


def _is_there(folder: Path, name: str) -> bool:
    """Exactly this, whatever it would mean as a pattern."""
    try:
        return (folder / name).exists()
    except (OSError, ValueError):
        return False


def _outside(pattern: str) -> FileRefused:
    return FileRefused(
        f"{pattern!r} is not in the notebook's folder.",
        cause="A notebook reaches only files in its own folder, so that somebody else's notebook "
        "can't send away your other files.",
        fix="Copy the file beside the notebook, then upload it from there.",
    )


def _nothing(pattern: str, *, left_out: bool) -> FileMissing:
    cause = "Names are relative to the folder in which the kernel was started."
    if left_out:
        cause = f"{IGNORE_FILE} and built-in rules leave out all that it means."
    return FileMissing(f"No file beside the notebook matches {pattern!r}.", cause=cause)
