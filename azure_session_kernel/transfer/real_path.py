"""Where a path really is, once the links on its way are followed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def real_name(folder: Path, path: Path) -> str | None:
    """Relative to ``folder``, with ``/``; None when it is not below it, or can't be known."""
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except (OSError, RuntimeError, ValueError):
        return None


def is_hidden(name: str) -> bool:
    """Whether a part of it is; some file systems ignore characters that can't be seen."""
    parts = PurePosixPath(name).parts
    return any("".join(filter(str.isprintable, part)).startswith(".") for part in parts)
