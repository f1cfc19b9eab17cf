"""One notebook in one session: a kernel, its session, its cells, and the end of all three."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Final

from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionComplete,
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat import NotebookNode, v4

from ..common import errors
from .kernels import RunKernelManager
from .notebook import is_code
from .plan import RunSettings
from .record import EVALUE_CHARS, CellError, Status

#: What nbclient and jupyter_client would say of a kernel's end is in the record.
_QUIET: Final = logging.getLogger(f"{__name__}.quiet")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False

#: So often a kernel that says nothing is looked at.
_LOOK_S: Final = 1.0
_READY_S: Final = 120
#: Of a notebook's outputs: one that prints for ever must not take the memory of all others.
MOST_BYTES: Final = 50_000_000
_MESSAGE_BYTES: Final = 500


def _names(*trees: type[errors.SessionKernelError]) -> frozenset[str]:
    found = {tree.__name__ for tree in trees}
    for tree in trees:
        found |= _names(*tree.__subclasses__()) if tree.__subclasses__() else set()
    return frozenset(found)


#: Errors of a cell that say nothing about its code: the session or the pool has failed. A cell may
#: raise one of such a name itself: then it is told as cut off, and again when it is run again.
LOST: Final = _names(
    errors.PoolError,
    errors.CredentialError,
    errors.SettingsError,
    errors.SessionLost,
    errors.SessionTaken,
    errors.ExecutionUnknown,
    errors.InternalError,
)
#: What is as wrong for the next notebook.
_FOR_ALL: Final = _names(errors.SettingsError, errors.CredentialError) | {
    "Unauthorized",
    "Forbidden",
    "PoolRouteNotFound",
}
_FOR_ONE: Final = _names(errors.FileTransferError, errors.MagicUsage)


class NotOpened(Exception):
    """There is no session, so nothing has run.

    :ivar ename: of the kernel's error.
    """

    def __init__(self, ename: str, what: str) -> None:
        super().__init__(what)
        self.ename = ename

    @property
    def is_full(self) -> bool:
        return self.ename == errors.PoolFull.__name__

    @property
    def is_for_all(self) -> bool:
        return self.ename in _FOR_ALL

    @property
    def may_pass(self) -> bool:
        return self.ename not in _FOR_ALL | _FOR_ONE


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


class QuietClient(NotebookClient):
    """:ivar over: no cell runs any more, so that what a kernel says at its end is not an output.
    :ivar overfull: set when there is too much output to keep.
    """

    over = False

    def __init__(self, notebook: NotebookNode, settings: RunSettings) -> None:
        super().__init__(
            notebook,
            kernel_manager_class=RunKernelManager,
            timeout=settings.cell_timeout_s or None,
            allow_errors=settings.allow_errors,
            iopub_timeout=30,
            log=_QUIET,
        )
        self.overfull = asyncio.Event()
        self._bytes = 0

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        if self.over:
            raise CellExecutionComplete
        self._bytes += _size_bytes(msg["content"])
        if self._bytes > MOST_BYTES:
            self.overfull.set()
            return None
        output: NotebookNode | None = super().process_message(msg, cell, cell_index)
        return output


def _size_bytes(content: Mapping[str, Any]) -> int:
    """Roughly, of a message. One in ASCII takes as many bytes here as it has characters."""
    bundle = content.get("data")
    parts = [content.get("text"), *(bundle.values() if isinstance(bundle, Mapping) else ())]
    return _MESSAGE_BYTES + sum(len(part) for part in parts if isinstance(part, str))


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
    manager.log = _QUIET
    began = time.monotonic()
    open_at = None
    try:
        await _open(client, manager, folder, env)
        open_at = time.monotonic()
        execution.waited_s = open_at - began
        execution.status = "cut off"  # until it is known to be otherwise
        opened()
        await _run_cells(client, execution, settings.timeout_s)
    finally:
        client.over = True
        await _stop(client, manager)
        for cell in filter(is_code, notebook.cells):  # not before: nbclient knows them by number
            cell.outputs = merged(cell.outputs)
        if open_at is not None:
            execution.session_s = time.monotonic() - open_at


async def _open(
    client: NotebookClient, manager: KernelManager, folder: Path, env: Mapping[str, str]
) -> None:
    """A cell without code opens the session, and brings the files."""
    client.reset_execution_trackers()
    try:
        await _answer(manager.start_kernel(cwd=str(folder), env=dict(env)))
        kc: Any = manager.client()
        client.kc = kc
        await _answer(kc.start_channels())
        kc.allow_stdin = False
        reply = await _reply(kc, kc.execute("", silent=True, store_history=False))
        if reply["status"] != "ok":
            raise NotOpened(str(reply.get("ename")), str(reply.get("evalue"))[:EVALUE_CHARS])
        await kc.wait_for_ready(timeout=_READY_S)
        info = await _reply(kc, kc.kernel_info())
        client.nb.metadata["language_info"] = info["language_info"]
    except (OSError, RuntimeError) as error:  # jupyter_client's word for a kernel that has died
        raise NotOpened(type(error).__name__, f"the kernel did not start: {error}") from None


async def _reply(kc: Any, msg_id: str) -> dict[str, Any]:
    while True:
        try:
            message = await kc.get_shell_msg(timeout=_LOOK_S)
        except Empty:
            if not await _answer(kc.is_alive()):
                raise RuntimeError("it ended before its first answer") from None
            continue
        if message["parent_header"].get("msg_id") == msg_id:
            content: dict[str, Any] = message["content"]
            return content


async def _run_cells(client: QuietClient, execution: Execution, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s if timeout_s else None
    for index, cell in enumerate(client.nb.cells):
        if not is_code(cell):
            continue
        execution.ran += 1
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        error = await _run_cell(client, cell, index, left_s)
        if error is None:
            execution.errors += _allowed_errors(cell, index)
            continue
        told = _as_told(error, index)
        execution.errors.append(told)
        execution.status = "failed"
        if told.ename in LOST:
            execution.status, execution.reason = "cut off", f"{told.ename}: {told.evalue}"
        if not isinstance(error, CellExecutionError):  # it has no output that says so
            cell.setdefault("outputs", []).append(_as_output(told))
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


def merged(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Text of one stream that follows itself, as one output: how it was cut on its way is chance.

    nbclient's ``coalesce_streams`` takes a minute of CPU for a line of 200,000 characters.
    """
    found: list[NotebookNode] = []
    for kind, group in itertools.groupby(outputs, lambda o: (o.output_type, o.get("name"))):
        pieces = list(group)
        if kind[0] == "stream":
            pieces[0].text = "".join(piece.text for piece in pieces)
            pieces = pieces[:1]
        found += pieces
    return found


def _allowed_errors(cell: NotebookNode, index: int) -> Iterator[CellError]:
    """Of ``--allow-errors``; one with the tag ``raises-exception`` is as it is meant to be."""
    if "raises-exception" not in cell.metadata.get("tags", []):
        for output in cell.outputs:
            if output.output_type == "error":
                yield CellError(index, output.ename[:100], output.evalue[:EVALUE_CHARS])


async def _stop(client: NotebookClient, manager: KernelManager) -> None:
    """The session is stopped with its kernel; what can't be is left to its finisher."""
    with contextlib.suppress(RuntimeError):  # no kernel is running
        if manager.has_kernel:
            await _answer(manager.shutdown_kernel(now=False))
    kc: Any = client.kc
    if kc is not None:
        await _answer(kc.stop_channels())
    await _answer(manager.cleanup_resources())


async def _answer(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value
