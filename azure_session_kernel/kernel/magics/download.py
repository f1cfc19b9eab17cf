"""``%download``: files from the session to beside the notebook."""

from __future__ import annotations

from typing import Final

from ...executors.base import Executor
from ...transfer.download import download
from ...transfer.limits import OPTION, Limits
from ...wire import Hello
from .context import Context
from .parse import Arguments
from .progress import progress

USAGE: Final = f"%download PATTERN... [--to FOLDER] [--force] [{OPTION} SIZE]"
_ARGUMENTS: Final = Arguments(USAGE)
_ARGUMENTS.add_argument("patterns", nargs="+", metavar="PATTERN")
_ARGUMENTS.add_argument("--to", default="", metavar="FOLDER")
_ARGUMENTS.add_argument("--force", action="store_true")
_ARGUMENTS.add_argument(OPTION, dest="max_size", metavar="SIZE")


async def run(context: Context, line: str) -> None:
    wanted = _ARGUMENTS.parse(line)
    limits = Limits.parse(wanted.max_size)

    async def work(executor: Executor, hello: Hello) -> None:
        files = executor.files(hello.boot)
        async with progress(context.display, "Downloading", "downloaded") as tally:
            await download(
                files,
                context.folder,
                wanted.patterns,
                tally,
                to=wanted.to,
                limits=limits,
                force=wanted.force,
            )

    await context.notebook.use(work)
