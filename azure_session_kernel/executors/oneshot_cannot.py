"""What a cell wants that a program of its own can't do: one sentence for each (design, section 9).

Widgets are refused before the cell is sent. Whether a cell has drawn a plot is known only when it
has run, so a line behind its last one tells; no line of the cell moves.
"""

from __future__ import annotations

import ast
import re
import secrets
from dataclasses import dataclass
from typing import Final

from ..errors import NotOnThisPool
from .oneshot_code import MARK
from .oneshot_inserted import without
from .plain import PythonError

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
    :ivar last: the line that prints it.
    """

    text: str
    mark: str = ""
    last: str = ""

    def split(self, stdout: str) -> tuple[str, NotOnThisPool | None]:
        """What the cell printed, and that its plot can't be shown."""
        if not self.mark or self.mark not in stdout:
            return stdout, None
        printed, _, later = stdout.rpartition(self.mark)
        return printed + later.removeprefix("\n"), NotOnThisPool(
            "This pool returns text only, so the plot that this cell drew can't be shown.",
            cause="The cell has run; only its plot is missing.",
            fix=_FIX,
        )

    def unwatched(self, text: str) -> str:
        """Any text of an answer as if the line had not been sent."""
        near = self.last and ("__import__(" in text or self.mark[1:] in text)
        return without(text, self.last) if near else text


def watch_plots(code: str) -> Watched:
    """The same program, and behind it the line that tells of a plot, if it may draw one."""
    tree = _parsed(code) if _MAY_DRAW.search(code) else None
    if tree is None:
        return Watched(code)
    mark = MARK + secrets.token_hex(4)
    last = _COUNT.replace("{mark}", f"\\x02{mark[1:]}")
    watched = code + last
    changed = _parsed(watched)
    if changed is None or [*map(ast.dump, changed.body[:-1])] != [*map(ast.dump, tree.body)]:
        return Watched(code)
    return Watched(watched, mark, last)


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
