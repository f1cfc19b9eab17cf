"""Names of files in the session: relative, and never outside the interpreter's working directory.

This keeps a mistaken or hostile *client* inside that directory. The user's own code runs beside the
adapter with the same rights, so it is no protection against that code, and need not be.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath


class BadName(Exception):
    """Not a name of a file below the working directory; the text says why."""


class WorkDir:
    """:param root: the interpreter's working directory; user code may replace it at any time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        return self._root.resolve()

    def directory(self, name: str) -> Path:
        """A folder: ``""``, ``"."`` and ``"/"`` are the working directory itself.

        :raises BadName: outside the working directory.
        """
        relative = name.strip("/")
        return self.root if relative in ("", ".") else self.place(relative)

    def place(self, name: str) -> Path:
        """Where ``name`` is, or would be; links on the way are followed.

        :raises BadName: outside the working directory.
        """
        if not name or "\0" in name or name.startswith("/"):
            raise BadName("A name is a path relative to the working directory.")
        if ".." in PurePosixPath(name.replace("\\", "/")).parts:
            raise BadName("A name may not contain '..'.")
        root = self.root
        try:
            path = (root / name).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links; no such name
            raise BadName("That name can't be used here.") from error
        if path == root or not path.is_relative_to(root):
            raise BadName("That name leads outside the working directory.")
        return path
