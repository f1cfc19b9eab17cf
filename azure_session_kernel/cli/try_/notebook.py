"""The notebook that is tried, and where its copy goes. The original is never written to."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ...runs.notebook import parsed
from ..shipped import shipped

_DEFAULT = "quickstart.ipynb"


class NotebookUnusable(ValueError):
    """The notebook can't be read, or its copy can't be written: wrong input, exit code 2."""


def find_notebook(given: str | None) -> Path:
    """The notebook that was asked for: a file, or one that comes along, by its name.

    Without one, the quickstart of a clone, else the one that comes along.
    """
    if given is None:
        here = Path("notebooks", _DEFAULT)
        return here if here.is_file() else shipped("notebooks") / _DEFAULT
    path = Path(given)
    along = {one.name: one for one in _come_along()}
    return path if path.exists() else along.get(given) or along.get(f"{given}.ipynb") or path


def comes_along(path: Path) -> bool:
    """Whether it is one of the package's own, and its folder none of the user's."""
    return path.resolve().parent == shipped("notebooks").resolve()


def list_notebooks() -> list[tuple[str, str]]:
    """Name and title of each that comes along; the first one comes first."""
    return [(path.stem, _title(read_notebook(path))) for path in _come_along()]


def _come_along() -> list[Path]:
    paths = shipped("notebooks").glob("*.ipynb")
    return sorted(paths, key=lambda path: (path.name != _DEFAULT, path.name))


def _title(notebook: NotebookNode) -> str:
    return str(notebook.cells[0].source).partition("\n")[0].strip("# ") if notebook.cells else ""


def read_notebook(path: Path) -> NotebookNode:
    """The notebook, in nbformat 4, with the id that every cell of 4.5 has.

    :raises NotebookUnusable: it does not exist, can't be read or is not a notebook.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except IsADirectoryError:
        raise NotebookUnusable(f"{path} is a directory, not a notebook.") from None
    except FileNotFoundError:
        raise NotebookUnusable(
            f"{path} does not exist.\n"
            "  What to do:   azure-session-kernel try --list shows those that come along."
        ) from None
    except OSError as error:
        raise NotebookUnusable(f"{path} can't be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise NotebookUnusable(f"{path} is not a notebook: it is not UTF-8 text.") from None
    try:
        return parsed(text)
    except ValueError as error:
        raise NotebookUnusable(f"{path} is not a notebook: {error}") from error


def copy_path(notebook: Path, given: str | None, suffix: str) -> Path:
    """Where the copy goes: ``given``, or ``<stem><suffix>`` in the current directory.

    :raises NotebookUnusable: it would be the original, or can't be written there.
    """
    path = Path(given) if given else Path(f"{notebook.stem}{suffix}")
    if path.exists() and path.samefile(notebook):
        raise NotebookUnusable(
            f"The copy would replace {notebook} itself; choose another --output."
        )
    if path.is_dir():
        raise NotebookUnusable(f"{path} is a directory; --output names a file.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise NotebookUnusable(f"{path} can't be written; choose another --output.")
    return path


def save(notebook: NotebookNode, path: Path) -> None:
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    path.write_text(f"{text}\n", encoding="utf-8")
