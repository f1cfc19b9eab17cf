"""``%files``: what is in the session's working directory."""

from __future__ import annotations

from typing import Final

from ...executors.base import Executor
from ...executors.session_files import SessionFile
from ...transfer.limits import shown
from ...wire import Hello
from .context import Context
from .display import printable
from .parse import Arguments

USAGE: Final = "%files [FOLDER]"
_ARGUMENTS: Final = Arguments(USAGE)
_ARGUMENTS.add_argument("folder", nargs="?", default="", metavar="FOLDER")
#: Rows of one table.
_ROWS: Final = 200


async def run(context: Context, line: str) -> None:
    folder = _ARGUMENTS.parse(line).folder

    async def work(executor: Executor, hello: Hello) -> None:
        listing = await executor.files(hello.boot).list(folder, recursive=False)
        entries = [entry for entry in listing.entries if not _is_hidden(entry)]
        _show(context, entries, truncated=listing.truncated)

    await context.notebook.use(work)


def _show(context: Context, entries: list[SessionFile], *, truncated: bool) -> None:
    if not entries:
        context.display.show_text("No files there yet.")
        return
    rows = [_row(entry) for entry in entries[:_ROWS]]
    more = len(entries) - len(rows)
    footer = f"and more than {more} more" if truncated else f"and {more} more" if more else ""
    context.display.show_table([("name", "size", "changed"), *rows], footer)


def _row(entry: SessionFile) -> tuple[str, str, str]:
    name = printable(entry.name)
    changed = entry.modified[:16].replace("T", " ")
    if entry.is_directory:
        return f"{name}/", "", changed
    return name, shown(entry.size_bytes), changed


def _is_hidden(entry: SessionFile) -> bool:
    return entry.name.rpartition("/")[2].startswith(".")
