"""Standard input for a cell that gets it when it starts, and can't ask while it runs.

It comes from ``%%stdin`` (``kernel/magics/stdin.py``). Where the front end can answer and the cell
plainly reads input, it is asked for before the cell is sent: once for each ``input()`` that surely
runs once, else line by line until an empty one.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ...wire import Message
from ...wire.composed import question
from ..base import STDIN

_GETPASS: Final = "getpass"
#: Statements whose expressions run once.
_SIMPLE: Final = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)
#: Expressions that run later, never, or more than once.
_NOT_ONCE: Final = (
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.IfExp,
    ast.BoolOp,
)
#: Lines that are asked for at most.
MAX_LINES: Final = 1000


@dataclass(frozen=True)
class Prompt:
    text: str
    password: bool = False


@dataclass(frozen=True)
class Reads:
    """How a cell reads: these questions, or (``lines``) nobody knows how many lines."""

    prompts: tuple[Prompt, ...] = ()
    lines: bool = False


def reads_input(code: str) -> Reads | None:
    """None when the cell does not plainly read standard input."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls = sum(_asks(node) or _is_stdin(node) for node in ast.walk(tree))
    if not calls:
        return None
    prompts = [
        _prompt(node)
        for statement in tree.body
        if isinstance(statement, _SIMPLE)
        for node in _run_once(statement)
        if isinstance(node, ast.Call) and _asks(node)
    ]
    return Reads(tuple(prompts)) if len(prompts) == calls else Reads(lines=True)


def given(request: Message) -> str | None:
    """What ``%%stdin`` gave this cell."""
    text = request.metadata.get(STDIN)
    return text if isinstance(text, str) else None


class Asking:
    """The questions of one cell. :param show: hands a message on to the front end."""

    def __init__(self, request: Message, show: Callable[[Message], None]) -> None:
        self._request, self._show = request, show
        self._answer: asyncio.Future[str] | None = None

    async def all(self, reads: Reads) -> str:
        """The standard input that the user typed; waits for as long as it takes."""
        lines = [await self._ask(prompt) for prompt in reads.prompts]
        while reads.lines and len(lines) < MAX_LINES:
            shown = f"Input, line {len(lines) + 1} (an empty line ends it): "
            line = await self._ask(Prompt(shown))
            if not line:
                break
            lines.append(line)
        return "".join(f"{line}\n" for line in lines)

    def take(self, message: Message) -> None:
        """An ``input_reply``; ignored when nothing was asked."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(str(message.content.get("value", "")))

    async def _ask(self, prompt: Prompt) -> str:
        self._answer = asyncio.get_running_loop().create_future()
        self._show(question(self._request, prompt.text, password=prompt.password))
        return await self._answer


def _run_once(node: ast.AST) -> list[ast.AST]:
    """The nodes of a statement, in the order in which they are written."""
    if isinstance(node, _NOT_ONCE):
        return []
    inner = [found for child in ast.iter_child_nodes(node) for found in _run_once(child)]
    return [*inner, node]


def _asks(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Name):
        return called.id in ("input", _GETPASS)
    return isinstance(called, ast.Attribute) and called.attr == _GETPASS


def _is_stdin(node: ast.AST) -> bool:
    """``sys.stdin``."""
    if not isinstance(node, ast.Attribute) or node.attr != "stdin":
        return False
    return isinstance(node.value, ast.Name) and node.value.id == "sys"


def _prompt(call: ast.Call) -> Prompt:
    """Its text where it is written out; what is computed is not known here."""
    password = not (isinstance(call.func, ast.Name) and call.func.id == "input")
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant):
        return Prompt(str(first.value)[:500], password)
    return Prompt("Password: " if password else "Input: ", password)
