"""``%%stdin``: the standard input of a cell whose pool gives it when the cell starts.

::

    %%stdin
    Ada
    36
    %%code
    name, age = input(), int(input())

or, with a file beside the notebook, ``%%stdin FILE`` and then the code. Where cells ask while they
run, they are answered from the lines, and no front end is asked.
"""

from __future__ import annotations

import asyncio
from typing import Final

from ...common.errors import FileRefused, FileTooLarge, MagicUsage, NotOnThisPool
from ...executors.base import NO_STDIN, Executor, Stdin
from ...transfer.choose import choose
from ...transfer.local_file import opened
from ...wire import Hello
from .context import Context
from .parse import CODE_LINE, Arguments

USAGE: Final = f"%%stdin, the lines, {CODE_LINE}, the code; or %%stdin FILE, the code"
MAX_BYTES: Final = 512 * 1024
_ARGUMENTS: Final = Arguments(USAGE)
_ARGUMENTS.add_argument("file", nargs="?", default="", metavar="FILE")


async def run(context: Context, line: str) -> None:
    """:raises MagicUsage: no lines, or no end of them. :raises FileTransferError: the file.

    :raises NotOnThisPool: no cell of it can read.
    """
    file = _ARGUMENTS.parse(line).file
    if not file and context.magic.lines is None:
        raise MagicUsage(
            f"The lines after %%stdin have no end: {CODE_LINE} is missing.",
            fix=f"Write it so: {USAGE}",
        )
    text = await _read(context, file) if file else context.magic.lines or ""
    how = await context.notebook.use(_how)
    if how is Stdin.NONE:
        raise NotOnThisPool(f"{NO_STDIN} This cell was not run.")
    context.give_stdin(text, how)


async def _how(executor: Executor, hello: Hello) -> Stdin:
    return executor.stdin


async def _read(context: Context, pattern: str) -> str:
    """A file that ``%upload`` would take, too: nothing leaves the folder unasked."""
    choices = await asyncio.to_thread(choose, context.folder, [pattern])
    if len(choices) != 1:
        raise FileRefused(f"{pattern[:100]!r} means {len(choices)} files; %%stdin takes one.")
    async with opened(choices[0].path, choices[0].name) as file:
        size = (await file.take_fingerprint()).size_bytes
        if size > MAX_BYTES:
            raise FileTooLarge(
                f"{choices[0].name!r} has {size} bytes; %%stdin takes up to {MAX_BYTES}."
            )
        data = await file.read(0, size)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FileRefused(f"{choices[0].name!r} is not text in UTF-8.") from None
