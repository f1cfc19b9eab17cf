"""A transfer's progress bar, at most five times a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ...transfer.limits import shown
from ...transfer.tally import Tally
from .display import Display, printable

INTERVAL_S: Final = 0.2
_BAR: Final = 30


@asynccontextmanager
async def progress(display: Display, doing: str, done: str) -> AsyncIterator[Tally]:
    """Shows the tally while the block runs, and how it ended.

    :param doing: such as ``Uploading``. :param done: such as ``uploaded``.
    """
    tally = Tally()
    task = asyncio.create_task(_keep_showing(display, tally, doing))
    outcome = "Stopped"
    try:
        yield tally
        outcome = "Done"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if outcome == "Done" or tally.done_files:
            display.show_text(_summary(tally, outcome, done))


async def _keep_showing(display: Display, tally: Tally, doing: str) -> None:
    while True:
        await asyncio.sleep(INTERVAL_S)
        if tally.total_files:
            _show(display, tally, doing)


def _show(display: Display, tally: Tally, doing: str) -> None:
    done, total = min(tally.done_bytes, tally.total_bytes), max(tally.total_bytes, 1)
    filled = _BAR * done // total
    text = (
        f"{doing} {tally.done_files} of {tally.total_files} files, "
        f"{shown(done)} of {shown(tally.total_bytes)}"
    )
    plain = f"{'█' * filled}{'░' * (_BAR - filled)} {text}"
    display.show(plain, f'<progress value="{done}" max="{total}"></progress> {text}')


def _summary(tally: Tally, outcome: str, done: str) -> str:
    parts = []
    if tally.transferred or not tally.unchanged:
        parts.append(f"{_files(tally.transferred)} {done}")
    if tally.unchanged:
        parts.append(f"{_files(tally.unchanged)} unchanged")
    left = "" if outcome == "Done" else f" of {tally.total_files}"
    changed = f" Changed here since: {_files(tally.changed)}." if tally.changed else ""
    return f"{outcome}: {', '.join(parts)}{left}.{changed}{_left_out(tally.left_out)}"


def _left_out(reasons: dict[str, str]) -> str:
    """A few with their reasons."""
    shown_ones = [f"{printable(name)} ({why})" for name, why in list(reasons.items())[:3]]
    if len(reasons) > 3:
        shown_ones.append(f"and {len(reasons) - 3} more")
    return f" Left out: {', '.join(shown_ones)}." if reasons else ""


def _files(names: list[str]) -> str:
    """A few by name, many by number."""
    if 0 < len(names) <= 3:
        return ", ".join(map(printable, names))
    return f"{len(names)} files"
