"""``%upload``: files from beside the notebook into its session."""

from __future__ import annotations

from typing import Final

from ...executors.base import Executor
from ...transfer.limits import OPTION, Limits
from ...transfer.upload import upload
from ...wire import Hello
from .context import Context
from .parse import Arguments
from .progress import progress

USAGE: Final = f"%upload PATTERN... [--to FOLDER] [{OPTION} SIZE]"
_ARGUMENTS: Final = Arguments(USAGE)
_ARGUMENTS.add_argument("patterns", nargs="+", metavar="PATTERN")
_ARGUMENTS.add_argument("--to", default="", metavar="FOLDER")
_ARGUMENTS.add_argument(OPTION, dest="max_size", metavar="SIZE")


async def run(context: Context, line: str) -> None:
    wanted = _ARGUMENTS.parse(line)
    limits = Limits.parse(wanted.max_size)

    async def work(executor: Executor, hello: Hello) -> None:
        files = executor.files(hello.boot)
        async with progress(context.display, "Uploading", "uploaded") as tally:
            await upload(
                files,
                context.folder,
                wanted.patterns,
                tally,
                to=wanted.to,
                limits=limits,
                uploads=context.notebook.uploads,
            )

    await context.notebook.use(work, leaves_files=True)
