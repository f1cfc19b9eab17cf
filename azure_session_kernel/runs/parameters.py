"""Values for a notebook's variables, by papermill's convention: a cell with the tag ``parameters``
has the defaults, and a cell that is put in after it has the values.
"""

from __future__ import annotations

import ast
import json
import keyword
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from nbformat import NotebookNode, v4

from .unusable import RunUnusable

_DEFAULTS: Final = "parameters"
_INJECTED: Final = "injected-parameters"


def read_parameters(file: str | None, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Those of the file, and over them those that were typed.

    :raises RunUnusable: the file can't be read, or holds what no literal can say.
    """
    found = _of_file(Path(file)) if file else {}
    found |= {name: _typed(value) for name, value in pairs}
    for name, value in found.items():
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise RunUnusable(
                f"the parameter {str(name)[:100]!r} is not a name of a Python variable"
            )
        literal(name, value)
    return found


def inject(notebook: NotebookNode, values: Mapping[str, Any]) -> None:
    """After the first cell with the tag, else at the top; in place of an earlier time's cell."""
    if not values:
        return
    lines = [f"{name} = {literal(name, value)}" for name, value in values.items()]
    cell: NotebookNode = v4.new_code_cell(  # type: ignore[no-untyped-call]
        "\n".join(["# Parameters", *lines]), metadata={"tags": [_INJECTED]}
    )
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        cell.pop("id", None)
    former = _tagged(notebook, _INJECTED)
    if former is not None:
        notebook.cells[former] = cell
    else:
        defaults = _tagged(notebook, _DEFAULTS)
        notebook.cells.insert(0 if defaults is None else defaults + 1, cell)


def literal(name: str, value: Any) -> str:
    """The value in Python.

    :raises RunUnusable: it is more than numbers, text, truth values, lists and objects of these.
    """
    match value:
        case bool() | int() | str() | None:
            return repr(value)
        case float():
            return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
        case list() | tuple():
            inner = ", ".join(literal(name, one) for one in value)
            return (
                f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
            )
        case dict():
            pairs = (f"{literal(name, k)}: {literal(name, v)}" for k, v in value.items())
            return f"{{{', '.join(pairs)}}}"
    raise RunUnusable(
        f"the parameter {name} is a {type(value).__name__}: numbers, text, true, false, null, "
        "lists and objects are allowed.\n  What to do:   put quotes around it, which makes it text"
    )


def _tagged(notebook: NotebookNode, tag: str) -> int | None:
    cells = enumerate(notebook.cells)
    return next((i for i, cell in cells if tag in cell.metadata.get("tags", [])), None)


def _typed(value: str) -> Any:
    """JSON, else a literal of Python, else text."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return value


def _of_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except OSError as error:
        raise RunUnusable(f"--parameters {path} can't be read ({error.strerror})") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are such
        raise RunUnusable(f"--parameters {path} is not JSON or YAML: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise RunUnusable(
            f"--parameters {path} has no names: lines such as 'alpha: 0.1' are needed"
        )
    return found


def _yaml(text: str) -> Any:
    import yaml  # type: ignore[import-untyped,unused-ignore]

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
