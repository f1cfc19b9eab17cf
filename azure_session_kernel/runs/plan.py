"""What a run does: which notebooks, with which settings, and what of an earlier run still holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .inputs import Input
from .journal import History
from .notebook import fingerprint
from .record import Record
from .unusable import NotebookUnusable, RunUnusable


@dataclass(frozen=True)
class RunSettings:
    """What decides how a notebook comes out: a run that goes on needs the same.

    :ivar parameters: for every notebook. :ivar files: patterns to bring (``--with``).
    :ivar env: for the sessions. :ivar cell_timeout_s: 0: no limit. :ivar timeout_s: of a notebook
        that has its session; 0: no limit. :ivar allow_errors: a notebook goes on after a cell's.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cell_timeout_s: int = 0
    timeout_s: int = 0
    allow_errors: bool = False

    def as_told(self) -> dict[str, Any]:
        """By option, for the journal. Values that may be secret are only told apart."""
        return {
            "--parameters": _digest(self.parameters) if self.parameters else "",
            "--with": list(self.files),
            "--env": {name: _digest(value) for name, value in sorted(self.env.items())},
            "--cell-timeout": self.cell_timeout_s,
            "--timeout": self.timeout_s,
            "--allow-errors": self.allow_errors,
        }


@dataclass(frozen=True)
class Shard:
    """Every ``count``-th notebook from the ``number``-th on, by name; both count from 1."""

    number: int = 1
    count: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, inputs: Sequence[Input]) -> list[Input]:
        return list(inputs[self.number - 1 :: self.count])


def parse_shard(text: str) -> Shard:
    """``3/10``. :raises ValueError: it is none."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(0, 0)
    if not 1 <= shard.number <= shard.count:
        raise ValueError(f"{text!r} is none: 3/10 is the third of ten")
    return shard


@dataclass(frozen=True)
class Task:
    """:ivar sha256: of the file; "" when it can't be read."""

    input: Input
    sha256: str

    @property
    def name(self) -> str:
        return self.input.name


@dataclass
class Plan:
    """:ivar todo: by name. :ivar kept: what an earlier run has finished, which is not run again.
    :ivar notes: for the person.
    """

    todo: list[Task]
    kept: dict[str, Record]
    notes: list[str]

    @property
    def names(self) -> list[str]:
        return sorted([task.name for task in self.todo] + list(self.kept))


def make_plan(inputs: Sequence[Input], history: History | None, output: Path) -> Plan:
    """:param history: of the run that goes on; None for a new one."""
    tasks = [Task(one, _fingerprint_or_none(one.path)) for one in inputs]
    if history is None:
        return Plan(tasks, {}, [])
    records = history.records
    kept, why = {}, dict.fromkeys(("changed", "cut off", "without output"), 0)
    todo = []
    for task in tasks:
        record = records.get(task.name)
        if record is not None and record.is_final and task.name not in history.under_way:
            if record.sha256 != task.sha256:
                why["changed"] += 1
            elif not (output / record.output).is_file():
                why["without output"] += 1
            else:
                kept[task.name] = record
                continue
        was_cut = record is not None and record.status == "cut off"
        why["cut off"] += was_cut or task.name in history.under_way
        todo.append(task)
    gone = len(records.keys() - {task.name for task in tasks})
    return Plan(todo, kept, _notes(why, len(kept), gone))


def check_same_settings(history: History, settings: RunSettings) -> None:
    """:raises RunUnusable: what the earlier run has finished would not fit what comes now."""
    before, now = history.run.get("settings", {}), settings.as_told()
    differing = [option for option in now if now[option] != before.get(option)]
    if differing:
        raise RunUnusable(
            f"the earlier run had other settings: {', '.join(differing)}.\n"
            "  What to do:   give the same ones again, or choose another --output-dir"
        )


def names_digest(inputs: Sequence[Input]) -> str:
    """Of all shards' notebooks: shards of one run have the same."""
    return _digest([one.name for one in inputs])


_NOTES = {
    "changed": "changed since they were run: run again",
    "cut off": "cut off in the earlier run: run again, from the first cell, in a fresh session",
    "without output": "without their executed notebook: run again",
}


def _notes(why: Mapping[str, int], kept: int, gone: int) -> list[str]:
    counts = {_NOTES[reason]: count for reason, count in why.items()}
    counts |= {"done by the earlier run: kept": kept, "no longer there: left out": gone}
    return [f"{count} {text}" for text, count in counts.items() if count]


def _fingerprint_or_none(path: Path) -> str:
    try:
        return fingerprint(path)
    except NotebookUnusable:
        return ""  # told when its turn comes


def _digest(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
