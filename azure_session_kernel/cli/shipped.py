"""Folders that come with the package: ``kernelspec`` and ``notebooks``.

They stand at the top of the repository; a wheel carries copies inside the package.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """The folder ``name``: in the package, or beside it in an editable installation."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
