"""The notebook that is tried, and where its copy goes. The original is never written to."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ..shipped import shipped

_DEFAULT = "quickstart.ipynb"


class NotebookUnusable(ValueError):
    """The notebook can't be read, or its copy can't be written: wrong input, exit code 2."""


def find_notebook(given: str | None) -> Path:
    """The notebook that was asked for; else the quickstart of a clone, else the shipped one."""
    if given is not None:
        return Path(given)
    here = Path("notebooks", _DEFAULT)
    return here if here.is_file() else shipped("notebooks") / _DEFAULT


def read_notebook(path: Path) -> NotebookNode:
    """The notebook, in nbformat 4, with the id that every cell of 4.5 has.

    :raises NotebookUnusable: it does not exist, can't be read or is not a notebook.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError:
        raise NotebookUnusable(f"{path} is a directory, not a notebook.") from None
    except FileNotFoundError:
        raise NotebookUnusable(f"{path} does not exist.") from None
    except OSError as error:
        raise NotebookUnusable(f"{path} can't be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise NotebookUnusable(f"{path} is not a notebook: it is not UTF-8 text.") from None
    return _parse(path, text)


def _parse(path: Path, text: str) -> NotebookNode:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cells without an id get one
            notebook: NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            nbformat.validate(notebook)
    except Exception as error:  # nbformat lets KeyError, AttributeError and more through
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise NotebookUnusable(f"{path} is not a notebook: {reason}") from error
    return notebook


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
