"""A notebook's file: reading what is to run, and writing what has run."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import stat
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from .unusable import NotebookUnusable

#: At the end of a name: a file that is being written.
UNFINISHED: Final = ".part"
#: jupyter_client's and nbformat's names for it.
_PYTHON: Final = ("python", "python3", "ipython", "python2")


def fingerprint(path: Path) -> str:
    """SHA-256 of the file, in hexadecimal.

    :raises NotebookUnusable: it can't be read.
    """
    try:
        _refuse_endless(path)
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise NotebookUnusable(f"the file can't be read ({error.strerror})") from None
    return digest.hexdigest()


def read_notebook(path: Path) -> NotebookNode:
    """In nbformat 4, without outputs: an older one is upgraded.

    :raises NotebookUnusable: it can't be read, is no notebook, or is for another language.
    """
    try:
        _refuse_endless(path)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotebookUnusable(f"the file can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise NotebookUnusable(
            "the file is not a notebook: it is not UTF-8 text. Save it again in Jupyter."
        ) from None
    if not text.strip():
        raise NotebookUnusable("the file is empty: its author has to save or submit it again.")
    try:
        notebook = parsed(text, with_outputs=False)
    except ValueError as error:
        raise NotebookUnusable(
            f"the file is not a notebook: {error}. Open it in Jupyter and save it again."
        ) from None
    _check_language(notebook)
    return notebook


def _refuse_endless(path: Path) -> None:
    """A pipe, or a link to a device: what was submitted may hold anything."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise NotebookUnusable("it is no file, but a pipe, a device or the like.")


def code_cells(notebook: NotebookNode) -> int:
    """How many there are to run."""
    return sum(is_code(cell) for cell in notebook.cells)


def is_code(cell: NotebookNode) -> bool:
    return bool(cell.cell_type == "code" and cell.source.strip())


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Whole or not at all. :raises OSError: it can't be written."""
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_whole(path, f"{text}\n".encode("utf-8", "replace"))


def write_whole(path: Path, data: bytes | Iterable[bytes]) -> None:
    """So that whoever looks sees the former file or this one.

    :raises OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101 - mkstemp makes them private
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def merged(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Text of one stream that follows itself, as one output: how it was cut on its way is chance.

    nbclient's ``coalesce_streams`` takes a minute of CPU for a line of 200,000 characters.
    """
    found: list[NotebookNode] = []
    for kind, group in itertools.groupby(outputs, lambda o: (o.output_type, o.get("name"))):
        pieces = list(group)
        if kind[0] == "stream":
            pieces[0].text = "".join(piece.text for piece in pieces)
            pieces = pieces[:1]
        found += pieces
    return found


def _umask() -> int:
    """There is no way to ask but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def parsed(text: str, *, with_outputs: bool = True) -> NotebookNode:
    """The notebook, in nbformat 4, with the id that every cell of 4.5 has.

    :raises ValueError: what is wrong with it, as a clause.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cells without an id get one
            notebook: NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            for cell in notebook.cells:
                if cell.cell_type == "code" and not with_outputs:  # what was wrong with them, too
                    cell.outputs, cell.execution_count = [], None
            nbformat.validate(notebook)
    except Exception as error:  # nbformat lets KeyError, AttributeError and more through
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise ValueError(reason) from None
    return notebook


def _check_language(notebook: NotebookNode) -> None:
    """Another kernel's name does not matter: it is run with ours. Another language does."""
    spec: Any = notebook.metadata.get("kernelspec") or {}
    info: Any = notebook.metadata.get("language_info") or {}
    language = str(spec.get("language") or info.get("name") or "python")
    if language.lower() not in _PYTHON:
        raise NotebookUnusable(
            f"it is for the kernel {str(spec.get('name', '?'))[:50]!r}, whose language is "
            f"{language[:50]}; sessions run Python. Leave it out, or choose a Python kernel in it."
        )
