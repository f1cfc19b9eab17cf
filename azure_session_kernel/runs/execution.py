"""One notebook in one session: its cells, with nbclient, and how that came out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, v4

from ..common import errors
from .client import MOST_BYTES, QUIET, QuietClient
from .notebook import is_code, merged
from .opening import names_of, open_session, stop_session
from .plan import RunSettings
from .record import EVALUE_CHARS, CellError, Status

#: Errors of a cell that say nothing about its code: the session or the pool has failed. A cell may
#: raise one of such a name itself: then it is told as cut off, and again when it is run again.
LOST: Final = names_of(
    errors.PoolError,
    errors.CredentialError,
    errors.SettingsError,
    errors.SessionLost,
    errors.SessionTaken,
    errors.ExecutionUnknown,
    errors.InternalError,
)


@dataclass
class Execution:
    """How a notebook comes out; filled as it goes, so that it is true whenever it ends.

    :ivar session_s: how long it has had its session. :ivar reason: why it is cut off.
    """

    ran: int = 0
    errors: list[CellError] = field(default_factory=list)
    status: Status = "not run"
    reason: str = ""
    waited_s: float = 0.0
    session_s: float = 0.0


async def execute(
    notebook: NotebookNode,
    folder: Path,
    settings: RunSettings,
    env: Mapping[str, str],
    execution: Execution,
    opened: Callable[[], None],
) -> None:
    """Run the cells of ``notebook``, which gets their outputs.

    :param folder: the notebook's own. :param env: the kernel's.
    :param opened: called once there is a session, before the first cell is sent.
    :raises NotOpened: no cell was sent.

    When it returns, or is cancelled, the session is stopped.
    """
    client = QuietClient(notebook, settings)
    manager = client.create_kernel_manager()
    manager.log = QUIET
    began = time.monotonic()
    open_at = None
    try:
        await open_session(client, manager, folder, env)
        open_at = time.monotonic()
        execution.waited_s = open_at - began
        execution.status = "cut off"  # until it is known to be otherwise
        opened()
        await _run_cells(client, execution, settings.timeout_s)
    finally:
        client.over = True
        await stop_session(client, manager)
        for cell in filter(is_code, notebook.cells):  # not before: nbclient knows them by number
            cell.outputs = merged(cell.outputs)
        if open_at is not None:
            execution.session_s = time.monotonic() - open_at


async def _run_cells(client: QuietClient, execution: Execution, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s if timeout_s else None
    for index, cell in enumerate(client.nb.cells):
        if not is_code(cell):
            continue
        execution.ran += 1
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        error = await _run_cell(client, cell, index, left_s)
        if error is not None and not isinstance(error, CellExecutionError):
            cell.setdefault("outputs", []).append(_as_output(_as_told(error, index)))
        found = [_as_told(error, index)] if error is not None else list(_errors_of(cell, index))
        lost = next((one for one in found if one.ename in LOST), None)
        if error is not None or lost or not _is_meant_to_fail(cell):
            execution.errors += found
        if lost is not None:
            execution.status, execution.reason = "cut off", f"{lost.ename}: {lost.evalue}"
            break
        if error is not None:
            execution.status = "failed"
            break
    else:
        execution.status = "ok"
    client.set_widgets_metadata()


async def _run_cell(
    client: QuietClient, cell: NotebookNode, index: int, left_s: float | None
) -> Exception | None:
    """What it failed with.

    nbclient takes a cancellation for a dead kernel; in a task of its own it is one.
    """
    task = asyncio.ensure_future(_attempt(client, cell, index))
    overfull = asyncio.ensure_future(client.overfull.wait())
    try:
        await asyncio.wait({task, overfull}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        in_time = task.done()
    finally:
        task.cancel()
        overfull.cancel()
        await asyncio.wait({task})
    if client.overfull.is_set():
        return _TooMuchOutput()
    return task.result() if in_time else _OutOfTime()


class _OutOfTime(Exception):
    """The notebook has used up its time."""


class _TooMuchOutput(Exception):
    """The notebook's outputs are more than can be kept."""


async def _attempt(client: NotebookClient, cell: NotebookNode, index: int) -> Exception | None:
    """Returned and not raised: asyncio would print what nobody waits for."""
    try:
        await client.async_execute_cell(cell, index)
    except Exception as error:
        return error
    return None


def _as_told(error: Exception, index: int) -> CellError:
    match error:
        case CellExecutionError():
            ename, evalue = error.ename, error.evalue
        case CellTimeoutError():
            ename, evalue = "CellTimeoutError", "The cell took longer than --cell-timeout allows."
        case _OutOfTime():
            ename, evalue = "TimeoutError", "The notebook took longer than --timeout allows."
        case _TooMuchOutput():
            most = f"{MOST_BYTES / 1e6:g} MB"
            ename, evalue = "OutputTooLarge", f"The notebook's outputs are more than {most}."
        case DeadKernelError():
            ename, evalue = "DeadKernelError", "The kernel died while this cell ran."
        case _:
            ename, evalue = type(error).__name__, str(error)
    return CellError(index, str(ename)[:100], str(evalue)[:EVALUE_CHARS])


def _as_output(error: CellError) -> NotebookNode:
    output: NotebookNode = v4.new_output(  # type: ignore[no-untyped-call]
        "error",
        ename=error.ename,
        evalue=error.evalue,
        traceback=[f"\x1b[0;31m{error.ename}\x1b[0m: {error.evalue}"],
    )
    return output


def _errors_of(cell: NotebookNode, index: int) -> Iterator[CellError]:
    """Those that the cell was allowed to have."""
    for output in cell.outputs:
        if output.output_type == "error":
            yield CellError(index, output.ename[:100], output.evalue[:EVALUE_CHARS])


def _is_meant_to_fail(cell: NotebookNode) -> bool:
    return "raises-exception" in cell.metadata.get("tags", [])
