"""Folders of notebooks, and the command that runs them in the shared local pool."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode, v4

from azure_session_kernel.cli.main import main
from azure_session_kernel.runs.journal import JOURNAL, read_history
from azure_session_kernel.runs.record import Record
from azure_session_kernel.runs.results import RESULTS

from ..conftest import RunningPool

COMMAND = (
    sys.executable,
    "-c",
    "from azure_session_kernel.cli.main import main; raise SystemExit(main())",
    "run",
)
ENDS_WITHIN_S = 100.0


def notebook_of(*sources: str, **metadata: Any) -> NotebookNode:
    cells = [v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    notebook: NotebookNode = v4.new_notebook(cells=cells, metadata=metadata)  # type: ignore[no-untyped-call]
    return notebook


@dataclass
class Course:
    """A folder of submissions, and one of results."""

    folder: Path
    output: Path

    def has(self, name: str, *sources: str, **metadata: Any) -> Path:
        return self.holds(name, json.dumps(notebook_of(*sources, **metadata)))

    def holds(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def arguments(self) -> list[str]:
        return [str(self.folder), "--output-dir", str(self.output)]

    def run(self, *options: str) -> int:
        """In this process; the exit code."""
        try:
            return main(["run", *self.arguments, *options])
        except SystemExit as ended:
            assert isinstance(ended.code, int)
            return ended.code

    @contextmanager
    def running(self, *options: str, **started: Any) -> Iterator[subprocess.Popen[str]]:
        """In a process of its own, so that it can be sent signals."""
        process = subprocess.Popen(
            [*COMMAND, *self.arguments, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            **{"preexec_fn": heed_ctrl_c, **started},
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def records(self) -> dict[str, Record]:
        lines = (self.output / RESULTS).read_text(encoding="utf-8").splitlines()
        found = [Record.from_json(json.loads(line)) for line in lines]
        assert [one.notebook for one in found] == sorted(one.notebook for one in found)
        return {one.notebook: one for one in found}

    def statuses(self) -> dict[str, str]:
        return {name: record.status for name, record in self.records().items()}

    def journalled(self) -> dict[str, str]:
        """The statuses that the journal tells."""
        return {name: one.status for name, one in read_history(self.output).records.items()}

    def until_told(self, event: str, name: str) -> None:
        """Until the journal has such a line."""
        wait_until(lambda: any(self._is(line, event, name) for line in self._lines()))

    def _lines(self) -> Sequence[str]:
        path = self.output / JOURNAL
        return path.read_text().splitlines() if path.exists() else []

    def _is(self, line: str, event: str, name: str) -> bool:
        told = json.loads(line)
        of = told.get("notebook") or told.get("record", {}).get("notebook")
        return bool(told["event"] == event and of == name)

    def executed(self, name: str) -> Any:
        return json.loads((self.output / name).read_text(encoding="utf-8"))

    def printed(self, name: str) -> str:
        outputs = [o for cell in self.executed(name)["cells"] for o in cell.get("outputs", ())]
        return "".join("".join(output.get("text", "")) for output in outputs)


def heed_ctrl_c() -> None:
    """In the background of a script it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Without a pool, for what ends before one is needed."""
    return Course(tmp_path / "submitted", tmp_path / "results")


@pytest.fixture
def pool_course(course: Course, local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch) -> Course:
    """In the shared local pool."""
    use(local_pool, monkeypatch)
    return course


def use(pool: RunningPool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in pool.env.items():
        monkeypatch.setenv(name, value)


@dataclass
class Gate:
    """A file that a cell waits for, and one that it says so in: sessions are on this machine."""

    folder: Path

    @property
    def waits(self) -> str:
        """The code of such a cell."""
        return (
            "import pathlib, time\n"
            f"here = pathlib.Path({str(self.folder)!r})\n"
            "with (here / 'marks').open('a') as file: file.write('in\\n')\n"
            "while not (here / 'open').exists(): time.sleep(0.02)"
        )

    def mark(self, text: str) -> str:
        """The code of a cell that says that it has run."""
        return f"with open({str(self.folder / 'marks')!r}, 'a') as file: print({text!r}, file=file)"

    @property
    def marks(self) -> list[str]:
        path = self.folder / "marks"
        return sorted(path.read_text().split()) if path.exists() else []

    def open(self) -> None:
        (self.folder / "open").touch()

    def until_reached(self) -> None:
        wait_until(lambda: "in" in self.marks)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    folder = tmp_path / "gate"
    folder.mkdir()
    return Gate(folder)
