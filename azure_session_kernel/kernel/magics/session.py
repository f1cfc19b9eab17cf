"""``%session``: what this notebook's session is, as far as it can be known now."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping
from typing import Any, Final

from ...common.duration import duration
from ...common.errors import MagicUsage
from ...common.within import known
from ...executors.base import Described, Executor
from ...pool.call import redact
from ...pool.clock import expiry, moment, rfc3339
from ...session.opening import Opening
from ...transfer.limits import COMMAND_BYTES, FILE_BYTES, OPTION, Limits, shown
from ...transfer.restore import restore
from ...wire import Hello, Message
from ..last_outputs import CellOutputs
from . import download, files, stdin, upload
from .context import Context
from .display import printable
from .parse import Arguments
from .progress import progress

RESTORE: Final = f"%session restore [{OPTION} SIZE]"
USAGE: Final = "%session [last [NUMBER] | restore | help]"
_LAST: Final = re.compile(r"last(?:[ \t]+([1-9][0-9]{0,5}))?")
_RESTORE: Final = Arguments(RESTORE)
_RESTORE.add_argument(OPTION, dest="max_size", metavar="SIZE")
_LATENCIES: Final = 3
_WITHIN_S: Final = 3.0

HELP: Final = (
    ("%session", "this notebook's session: pool, age, memory, latency, limits"),
    ("%session last", "the outputs of the newest cell again, also those this page has missed"),
    ("%session last 3", "those of the last three cells, or of as many as 16 MiB hold"),
    (RESTORE, "files that were uploaded, into the session that came in place of a lost one"),
    ("%session help", "this list"),
    (upload.USAGE, "files from beside the notebook into the session"),
    (download.USAGE, "files from the session to beside the notebook"),
    (stdin.USAGE, "standard input, for pools whose cells can't ask while they run"),
    (files.USAGE, "what is in the session's working directory"),
)
_HELP_FOOTER: Final = (
    "These work as the first line of a cell. IPython's own magics work, too: %lsmagic lists them."
)


async def run(context: Context, line: str) -> None:
    if line == "help":
        context.display.show_table(HELP, _HELP_FOOTER)
    elif last := _LAST.fullmatch(line):
        await _show_last(context, int(last[1]) if last[1] else None)
    elif line.split(maxsplit=1)[:1] == ["restore"]:
        await _restore(context, line.removeprefix("restore"))
    elif line:
        raise MagicUsage(f"There is no %session {line[:50]}.", fix=f"Write it so: {USAGE}")
    else:
        await context.notebook.use(lambda executor, hello: _show(context, executor, hello))


async def _show_last(context: Context, count: int | None) -> None:
    """What a killed kernel's cell has printed comes once the session is open.

    :param count: how many cells; None for the newest and those this page can't have seen.
    """
    await context.notebook.use(
        lambda executor, hello: known(executor.read_up_to(hello.next - 1), _WITHIN_S)
    )
    cells = context.last.cells(count)
    if not any(map(len, cells)):
        context.display.show_table([("outputs", "none since this kernel started")])
    if not all(cell.complete for cell in cells):
        context.display.show_table([("outputs", "the oldest were left out: more than 16 MiB")])
    for cell in cells:
        if len(cell) and (count is not None or len(cells) > 1):
            context.show(_heading(cell))
        for message in cell.messages:
            context.show(message)
    context.last.missed.clear()


def _heading(cell: CellOutputs) -> Message:
    number = "of an earlier cell" if cell.number is None else f"[{cell.number}]"
    text = f"{number} {printable(cell.title)}".rstrip()
    data = {"text/plain": text, "text/html": f"<b><code>{html.escape(text)}</code></b>"}
    content = {"data": data, "metadata": {}, "transient": {}}
    return Message("iopub", {"msg_type": "display_data"}, content)


async def _restore(context: Context, line: str) -> None:
    uploads = context.notebook.uploads
    max_size = _RESTORE.parse(line).max_size
    limits = uploads.limits if max_size is None else Limits.parse(max_size)
    if not uploads:
        context.display.show_text("Nothing was uploaded by %upload since this kernel started.")
        return

    async def work(executor: Executor, hello: Hello) -> None:
        files = executor.files(hello.boot)
        async with progress(context.display, "Restoring", "restored") as tally:
            await restore(files, context.folder, uploads, tally, limits)

    await context.notebook.use(work, leaves_files=True)


async def _show(context: Context, executor: Executor, hello: Hello) -> None:
    opening = context.notebook.opening
    record, usage, latency = await asyncio.gather(
        known(executor.session_record(), _WITHIN_S),
        known(context.notebook.usage(hello.boot, _WITHIN_S), _WITHIN_S),
        known(_latency(executor), _WITHIN_S),
    )
    rows = [
        *_place(opening, executor, hello),
        *(executor.session_rows() if isinstance(executor, Described) else ()),
        *_times(record or {}),
        *_resources(usage or {}),
        ("latency", "unknown" if latency is None else f"{latency * 1000:.0f} ms there and back"),
        ("limits", _limits(executor.files(hello.boot).largest_bytes)),
    ]
    if context.notebook.results.bring_back is not None:
        rows.append(("brought back", str(context.notebook.results.bring_back)))
    context.display.show_table(rows)


def _limits(largest_bytes: int | None) -> str:
    """:param largest_bytes: as ``SessionFiles.largest_bytes``; no option raises it."""
    if largest_bytes == 0:
        return "no files"
    one = f"one file {shown(FILE_BYTES)}"
    if largest_bytes is not None and largest_bytes < FILE_BYTES:
        one = f"one file {shown(largest_bytes)} (the pool's)"
    return f"{one}, one command {shown(COMMAND_BYTES)} (--max-size)"


async def _latency(executor: Executor) -> float:
    """The best of a few: what the network needs, without what else goes on."""
    return min([await executor.measure_latency(_WITHIN_S) for _ in range(_LATENCIES)])


def _place(opening: Opening | None, executor: Executor, hello: Hello) -> list[tuple[str, str]]:
    if opening is None:
        return []
    language = hello.info.get("language_info")
    version = language.get("version") if isinstance(language, dict) else None
    identifier = redact(opening.lease.lease.identifier)
    return [
        ("pool", opening.endpoint.host),
        ("executor", executor.name),
        ("session", f"{identifier}, for this {opening.scope.kind}"),
        ("interpreter", f"Python {_word(version)}, boot {_word(hello.boot)[:10]}…"),
    ]


def _times(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """By the pool's clock alone. :param record: as ``PoolClient.get_session`` gives it."""
    now = moment(str(record.get("date", "")))
    created = rfc3339(record.get("createdAt"))
    expires = expiry(record)
    age, left = "unknown", "unknown: this pool does not say"
    if now is not None and created is not None:
        age = duration((now - created).total_seconds())
    if now is not None and expires is not None:
        left = f"{duration((expires - now).total_seconds())} without a request"
    return [("age", age), ("ends after", left)]


def _resources(usage: Mapping[str, Any]) -> list[tuple[str, str]]:
    memory, cpu = _number(usage.get("kernel_memory")), _number(usage.get("kernel_cpu"))
    total = usage.get("host_virtual_memory")
    total = _number(total.get("total")) if isinstance(total, dict) else None
    cores = _number(usage.get("cpu_count"))
    of_total = f" of {shown(int(total))}" if total else ""
    of_cores = f" of {cores:g} cores" if cores else ""
    return [
        ("memory", "unknown" if memory is None else shown(int(memory)) + of_total),
        ("CPU", "unknown" if cpu is None else f"{cpu:.0f} %" + of_cores),
    ]


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e18:
        return float(value)
    return None


def _word(value: Any) -> str:
    return "".join(c for c in str(value)[:40] if c.isprintable())
