"""``journal.jsonl`` in the output folder: what a run has done, line by line, as it happens.

Each line is written whole and is on the disk (fsync) before the run goes on, so that what it says
is true however the run ends. A kill may leave the beginning of a line at the end, which says
nothing.

===========  ===========================================================================
``run``      a run begins, or goes on: its settings, its shard, how many notebooks
``started``  a notebook has its session, and its first cell is sent next
``done``     what became of it: a record. Its executed notebook was written before
``end``      the run is over: how many of each status, and why it ended early
===========  ===========================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..common.errors import StateUnusable
from ..common.file_lock import FileLock, LockTaken
from .record import Record
from .unusable import RunUnusable

JOURNAL: Final = "journal.jsonl"
_MARK: Final = "azure-session-kernel run"
_VERSION: Final = 1


def is_run_folder(folder: Path) -> bool:
    """Whether a run has its results there."""
    try:
        with (folder / JOURNAL).open("rb") as file:
            return _MARK.encode() in file.readline(1000)
    except OSError:
        return False


@dataclass
class History:
    """What a journal tells. :ivar run: of the newest run, its settings and so on.

    :ivar records: the newest of each notebook. :ivar under_way: begun, and no end is told.
    """

    run: Mapping[str, Any] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    under_way: dict[str, str] = field(default_factory=dict)


def read_history(folder: Path) -> History:
    """:raises RunUnusable: there is no journal, or more than a torn end is wrong in it."""
    path = folder / JOURNAL
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise RunUnusable(f"{folder} has no results of a run: there is no {JOURNAL}") from None
    except OSError as error:
        raise RunUnusable(f"{path} can't be read ({error.strerror})") from None
    history = History()
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line's end is torn
        try:
            _tell(history, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise RunUnusable(
                f"{path} is damaged: line {number} is not one of a run ({str(error)[:100]}).\n"
                "  What to do:   remove that line (its notebook is run again), or choose another "
                "--output-dir"
            ) from None
    return history


def _tell(history: History, event: Mapping[str, Any]) -> None:
    match event["event"]:
        case "run":
            if event["of"] != _MARK or event["version"] != _VERSION:
                raise ValueError(f"a journal of version {event['version']}")
            history.run = event
        case "started":
            history.under_way[event["notebook"]] = event["sha256"]
        case "done":
            record = Record.from_json(event["record"])
            history.records[record.notebook] = record
            history.under_way.pop(record.notebook, None)
        case "end":
            pass
        case other:
            raise ValueError(f"event {other!r}")


class Journal:
    """Appends. One process at a time has a folder's; closing lets another one in."""

    def __init__(self, folder: Path) -> None:
        """:raises RunUnusable: another run has it, or it can't be written."""
        self._path = folder / JOURNAL
        self._lock = FileLock(self._path)
        try:
            self._lock.acquire()
            self._file = os.open(self._path, os.O_RDWR | os.O_APPEND)
            self._drop_torn_end()
        except LockTaken:
            raise RunUnusable(
                f"another run is writing to {folder}.\n"
                "  What to do:   wait until it ends, or choose another --output-dir"
            ) from None
        except StateUnusable as error:
            raise RunUnusable(
                f"{error.what}\n  What to do:   choose an --output-dir on a local disk"
            ) from None
        except OSError as error:
            raise RunUnusable(f"{self._path} can't be written ({error.strerror})") from None

    def begin(self, settings: Mapping[str, Any], **facts: Any) -> None:
        self._append("run", of=_MARK, version=_VERSION, settings=settings, **facts)

    def started(self, notebook: str, sha256: str) -> None:
        self._append("started", notebook=notebook, sha256=sha256)

    def done(self, record: Record) -> None:
        self._append("done", record=record.as_json())

    def end(self, counts: Mapping[Any, int], early: str) -> None:
        self._append("end", counts=counts, early=early)

    def extend(self, records: Iterable[Record]) -> None:
        for record in records:
            self.done(record)

    def close(self) -> None:
        os.close(self._file)
        self._lock.release(remove=False)

    def _append(self, event: str, **facts: Any) -> None:
        """:raises OSError: it is not on the disk, and no part of it if that can be had."""
        line = json.dumps({"event": event, "at": _now(), **facts}).encode() + b"\n"
        before = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, before)
            raise

    def _drop_torn_end(self) -> None:
        """Else the next line would continue it."""
        content = self._path.read_bytes()
        os.ftruncate(self._file, content.rfind(b"\n") + 1)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
