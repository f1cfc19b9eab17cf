"""What a cell wants that a program of its own can't do: one sentence for each (docs/design.md 9).

Widgets are refused before the cell is sent. Whether a cell has drawn a plot is known only when it
has run, so a line behind its last one tells; no line of the cell moves. Where a pool gives one text
and no exit code, such a line tells as well that the cell came to its end.
"""

from __future__ import annotations

import ast
import re
import secrets
from dataclasses import dataclass
from typing import Final

from ...common.errors import NotOnThisPool
from ..plain import PythonError
from .code import MARK
from .inserted import without

NO_MAGICS: Final = (
    "This pool runs plain Python, so IPython's magics (%, %%, !, ?) don't work in it; "
    "this kernel's own do: %session help."
)
NO_AWAIT: Final = (
    "This pool runs plain Python, where await works in functions only: use asyncio.run(...)."
)
NO_UPDATES: Final = (
    "This pool returns text when a cell ends: what is displayed appears once, as text, and can't "
    "be updated."
)
_FIX: Final = "Use a pool whose containers run this kernel's adapter, or a built-in pool."
_HELP: Final = re.compile(r"\?{1,2}[\w.*%]+|[\w.*%]+\?{1,2}")
_WIDGETS: Final = frozenset({"ipywidgets", "ipympl", "ipyleaflet", "bqplot"})
_MAY_DRAW: Final = re.compile(r"matplotlib|pyplot|\bplt\b|seaborn|\.(plot|hist|boxplot)\b")
_COUNT: Final = (
    '\nif __import__("sys").modules.get("matplotlib.pyplot") and '
    '__import__("sys").modules["matplotlib.pyplot"].get_fignums(): print("{mark}", end="")\n'
)
_END: Final = '\nprint("{mark}", end="")\n'


def refuse_widgets(code: str) -> None:
    """:raises NotOnThisPool: before it was sent, a cell that makes widgets."""
    tree = _parsed(code)
    names = {name.partition(".")[0] for node in ast.walk(tree or ast.Pass()) for name in _of(node)}
    if names & _WIDGETS:
        raise NotOnThisPool(
            "Widgets need a Python that lives on after its cell, and this pool runs each cell by "
            "itself. This cell was not run.",
            fix=_FIX,
        )


def _of(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
    return []


@dataclass(frozen=True)
class Watched:
    """:ivar text: the code that is sent. :ivar mark: what it prints last if a plot is open.
    :ivar end: what it prints when it has come to its end; either "" if that is not asked.
    :ivar last: the lines that print them.
    """

    text: str
    mark: str = ""
    end: str = ""
    last: str = ""

    def split(self, stdout: str) -> tuple[str, bool, NotOnThisPool | None]:
        """What the cell printed, whether it came to its end, and that its plot can't be shown."""
        stdout, ended = _without_last(stdout, self.end)
        stdout, drawn = _without_last(stdout, self.mark)
        if not drawn:
            return stdout, ended, None
        no_plot = NotOnThisPool(
            "This pool returns text only, so the plot that this cell drew can't be shown.",
            cause="The cell has run; only its plot is missing.",
            fix=_FIX,
        )
        return stdout, True, no_plot

    def unwatched(self, text: str) -> str:
        """Any text of an answer as if the lines had not been sent."""
        near = self.last and ("__import__(" in text or "x02" in text)  # of a mark, however quoted
        return without(text, self.last) if near else text


def _without_last(stdout: str, mark: str) -> tuple[str, bool]:
    if not mark or mark not in stdout:
        return stdout, False
    printed, _, later = stdout.rpartition(mark)
    return printed + later.removeprefix("\n"), True


def watch(code: str, *, ends: bool = False) -> Watched:
    """The same program, and behind it a line that tells of a plot, if it may draw one.

    :param ends: and one that tells that it came to its end.
    """
    draws = _MAY_DRAW.search(code) is not None
    tree = _parsed(code) if draws or ends else None
    if tree is None:
        return Watched(code)
    mark, end = (MARK + secrets.token_hex(4) if wanted else "" for wanted in (draws, ends))
    lines = ((_COUNT, mark), (_END, end))
    last = "".join(line.replace("{mark}", f"\\x02{m[1:]}") for line, m in lines if m)
    watched = code + last
    changed = _parsed(watched)
    kept = changed.body[: len(tree.body)] if changed is not None else None
    if kept is None or [*map(ast.dump, kept)] != [*map(ast.dump, tree.body)]:
        return Watched(code)
    return Watched(watched, mark, end, last)


def hint(error: PythonError, code: str) -> str:
    """The sentence for an error that plain Python gives to what only IPython has, or ""."""
    if error.ename == "SyntaxError":
        if error.evalue.startswith("'await' outside"):
            return NO_AWAIT
        if any(_is_ipythons(line.strip()) for line in code.split("\n")):
            return NO_MAGICS
    if error.ename == "NameError":
        for name, sentence in (("get_ipython", NO_MAGICS), ("display", NO_UPDATES)):
            if f"'{name}'" in error.evalue:
                return sentence
    if error.ename == "AttributeError" and "NoneType" in error.evalue and "display(" in code:
        return NO_UPDATES
    return ""


def _is_ipythons(line: str) -> bool:
    """A magic, a shell command, or a question for help."""
    return line.startswith(("%", "!")) or _HELP.fullmatch(line) is not None


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
