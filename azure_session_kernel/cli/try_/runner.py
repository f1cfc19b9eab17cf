"""Runs a notebook cell by cell with nbclient, through a kernel of its own."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from ...runs.notebook import is_code, merged
from .screen import Screen
from .surroundings import Surroundings
from .terminal_text import clean

_READY_S = 60


@dataclass
class Outcome:
    """How far a notebook came.

    :ivar ran: code cells that were executed.
    :ivar left: code cells that were not.
    :ivar expected_errors: cells that failed and were allowed to (tag ``raises-exception``).
    :ivar problem: why it stopped early; empty when every cell ran.
    """

    ran: int = 0
    left: int = 0
    expected_errors: int = 0
    problem: str = ""
    elapsed_s: float = 0.0


class KernelDied(Exception):
    """The kernel ended, or did not answer, before the first cell."""


class AttentiveClient(NotebookClient):
    """Misses no reply.

    Where nbclient answers an ``Output`` widget, ``jupyter_client`` sends past ``zmq.asyncio``
    (``Session.send``), and a reply that has come by then is seen when the next message arrives:
    after a cell's last one, never.
    """

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        output: NotebookNode | None = super().process_message(msg, cell, cell_index)
        if self.kc is not None and self.kc.shell_channel.socket is not None:
            self.kc.shell_channel.socket.get(zmq.EVENTS)  # asking for them wakes who waits
        return output


class ShownNotebook(AttentiveClient):
    """A notebook client that shows every message before it stores it."""

    def __init__(self, notebook: NotebookNode, screen: Screen, **options: Any) -> None:
        super().__init__(notebook, iopub_timeout=30, **options)
        self._screen = screen

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        self._screen.message(msg)
        return super().process_message(msg, cell, cell_index)

    async def run_cell(self, cell: NotebookNode, index: int) -> None:
        """:raises CellExecutionError: the cell failed and is not allowed to."""
        # nbclient takes a cancellation for a dead kernel; in a task of its own it is one.
        task = asyncio.ensure_future(self._attempt(cell, index))
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.wait({task})
        if error := task.result():
            raise error

    async def _attempt(self, cell: NotebookNode, index: int) -> Exception | None:
        """Returns what it ends with: raised, asyncio would print it when it closes the loop."""
        try:
            await self.async_execute_cell(cell, index)
        except Exception as error:
            return error
        finally:
            cell.outputs = merged(cell.outputs)
        return None


async def run_notebook(
    notebook: NotebookNode,
    surroundings: Surroundings,
    screen: Screen,
    outcome: Outcome,
    folder: Path,
) -> None:
    """Run every code cell until one fails that is not allowed to.

    :param folder: the kernel's, where ``%upload`` finds files and ``%download`` puts them.

    ``notebook`` and ``outcome`` are filled in place, so that they are true after a Ctrl-C, too.
    """
    manager = AsyncKernelManager(
        kernel_name=surroundings.kernel_name,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(surroundings.kernels)]),
    )
    client = ShownNotebook(notebook, screen, km=manager)
    outcome.left = sum(is_code(cell) for cell in notebook.cells)
    try:
        with screen.starting("Starting the kernel …"):
            await _start(client, manager, surroundings, folder)
        await _run_cells(client, screen, outcome)
    except (DeadKernelError, KernelDied) as error:
        outcome.problem = f"{error}. {_last_words(_log(surroundings))}"
    finally:
        await _stop(client, manager)


def _log(surroundings: Surroundings) -> Path:
    """What the kernel process itself writes to stderr."""
    return surroundings.kernels.parent / "kernel.log"


def _last_words(log: Path) -> str:
    return clean(" ".join(log.read_text(errors="replace").split())[-1000:])


async def _start(
    client: ShownNotebook, manager: AsyncKernelManager, surroundings: Surroundings, folder: Path
) -> None:
    with _log(surroundings).open("wb") as stderr:
        await manager.start_kernel(env=surroundings.environ, cwd=str(folder), stderr=stderr)
    client.kc = manager.client()
    client.kc.start_channels()
    try:
        await client.kc.wait_for_ready(timeout=_READY_S)
    except RuntimeError as error:  # jupyter_client's word for a kernel that died or stays silent
        raise KernelDied(str(error)) from error
    client.kc.allow_stdin = False
    info = await client.async_wait_for_reply(client.kc.kernel_info())
    if info is not None:
        client.nb.metadata["language_info"] = info["content"]["language_info"]
    if (spec := manager.kernel_spec) is not None:
        client.nb.metadata["kernelspec"] = {
            "name": surroundings.kernel_name,
            "display_name": spec.display_name,
            "language": spec.language,
        }


async def _run_cells(client: ShownNotebook, screen: Screen, outcome: Outcome) -> None:
    client.reset_execution_trackers()
    started = time.monotonic()
    for index, cell in enumerate(client.nb.cells):
        if cell.cell_type == "markdown":
            screen.markdown(cell)
        elif is_code(cell):
            try:
                await _run_cell(client, screen, outcome, index)
            except CellExecutionError as error:
                outcome.problem = f"{error.ename}: {error.evalue}"
                break
            finally:
                outcome.elapsed_s = time.monotonic() - started
    client.set_widgets_metadata()


async def _run_cell(client: ShownNotebook, screen: Screen, outcome: Outcome, index: int) -> None:
    cell = client.nb.cells[index]
    outcome.ran, outcome.left = outcome.ran + 1, outcome.left - 1
    screen.source(cell, outcome.ran)
    started = time.monotonic()
    try:
        await client.run_cell(cell, index)
        failed = any(output.output_type == "error" for output in cell.outputs)
        outcome.expected_errors += failed
    except BaseException:
        screen.cell_done(time.monotonic() - started, failed=True)
        raise
    screen.cell_done(time.monotonic() - started, failed=False)


async def _stop(client: ShownNotebook, manager: AsyncKernelManager) -> None:
    """End the kernel, which stops its session, while the pool is still there to be told."""
    if client.kc is not None:
        client.kc.stop_channels()
    if manager.has_kernel:
        await manager.shutdown_kernel()
