"""One notebook from its file to its record: read, run, written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from ..common.errors import FileMissing, FileTransferError
from ..session.settings import UPLOAD
from ..transfer.choose import choose
from ..transfer.patterns import is_wild
from ..transfer.quoting import quoted
from .execution import Execution, execute
from .journal import Journal
from .notebook import code_cells, read_notebook, write_notebook
from .parameters import inject
from .plan import RunSettings, Task
from .record import Record
from .unusable import NotebookUnusable


def present(folder: Path, patterns: Sequence[str]) -> list[str]:
    """Those that stand for something there: not each submission has each kind of file. One without
    a wildcard is kept, so that its absence is told.
    """
    return [one for one in patterns if not is_wild(one) or _any(folder, one)]


def _any(folder: Path, pattern: str) -> bool:
    try:
        choose(folder, [pattern])
    except FileMissing:
        return False
    except FileTransferError:
        pass  # the kernel says why
    return True


@dataclass(frozen=True)
class Worker:
    """A ``queue.Runner``. :ivar output: the folder of the executed notebooks.

    :ivar env: the kernels'.
    """

    journal: Journal
    output: Path
    settings: RunSettings
    env: Mapping[str, str]

    async def __call__(self, task: Task, opened: Callable[[], None]) -> Record:
        try:
            notebook = await asyncio.to_thread(read_notebook, task.input.path)
        except NotebookUnusable as error:
            return Record(task.name, "not run", task.sha256, reason=str(error))
        inject(notebook, self.settings.parameters)
        execution = Execution()
        if code_cells(notebook):
            await self._execute(task, notebook, execution, opened)
        else:
            execution.status = "ok"
        if execution.status != "not run":
            await asyncio.to_thread(write_notebook, notebook, self.output / task.name)
        return self._record(task, notebook, execution)

    async def _execute(
        self, task: Task, notebook: NotebookNode, execution: Execution, opened: Callable[[], None]
    ) -> None:
        def begin() -> None:
            self.journal.started(task.name, task.sha256)
            opened()

        folder = task.input.path.parent
        env = dict(self.env)
        if patterns := self.settings.files:
            env[UPLOAD] = " ".join(map(quoted, await asyncio.to_thread(present, folder, patterns)))
        try:
            await execute(notebook, folder, self.settings, env, execution, begin)
        except asyncio.CancelledError:
            execution.reason = "the run was stopped"

    def _record(self, task: Task, notebook: NotebookNode, execution: Execution) -> Record:
        return Record(
            task.name,
            execution.status,
            task.sha256,
            code_cells(notebook),
            execution.ran,
            tuple(execution.errors),
            execution.reason,
            task.name if execution.status != "not run" else "",
            round(execution.waited_s, 2),
            round(execution.session_s, 2),
        )
