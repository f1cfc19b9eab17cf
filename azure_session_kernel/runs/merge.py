"""The results of shards, as if one run had done all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from .journal import History, Journal, read_history
from .notebook import write_whole
from .record import Record
from .unusable import RunUnusable

_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Merged:
    """:ivar missing: shards of which nothing is there, such as ``3/10``."""

    records: dict[str, Record]
    missing: list[str]


def merge(folders: Sequence[Path], output: Path, journal: Journal) -> Merged:
    """Copy what they have into ``output``, a run's folder.

    :raises RunUnusable: they are not of one run, or have the same notebook twice.
    :raises OSError: something can't be copied.
    """
    histories = {folder: read_history(folder) for folder in folders}
    _check_of_one_run(histories)
    records: dict[str, Record] = {}
    source: dict[str, Path] = {}
    for folder, history in histories.items():
        for name, record in _records(history).items():
            if name in records:
                raise RunUnusable(
                    f"{name} is in {source[name]} and in {folder}.\n"
                    "  What to do:   name each shard's folder once"
                )
            records[name], source[name] = record, folder
    for name, record in records.items():
        if record.output:
            _copy(source[name] / record.output, output / record.output)
    settings = next(iter(histories.values())).run["settings"]
    total = next(iter(histories.values())).run["total"]
    journal.begin(settings, shard="1/1", total=total, names=_names(histories))
    journal.extend(records[name] for name in sorted(records))
    return Merged(records, _missing(histories))


def _check_of_one_run(histories: Mapping[Path, History]) -> None:
    first = next(iter(histories))
    for folder, history in histories.items():
        for fact, what in (
            ("settings", "settings"),
            ("total", "numbers of notebooks"),
            ("names", "notebooks"),
        ):
            if history.run.get(fact) != histories[first].run.get(fact):
                raise RunUnusable(
                    f"{first} and {folder} are not of one run: they have other {what}.\n"
                    "  What to do:   run each shard with the same notebooks and options"
                )


def _records(history: History) -> dict[str, Record]:
    """A notebook that a killed shard left behind was begun, and is not done."""
    cut_off = {
        name: Record(name, "cut off", sha256, reason="its shard was killed while it ran")
        for name, sha256 in history.under_way.items()
    }
    return history.records | cut_off


def _missing(histories: Mapping[Path, History]) -> list[str]:
    shards = [str(history.run["shard"]) for history in histories.values()]
    count = int(shards[0].partition("/")[2])
    return [one for n in range(count) if (one := f"{n + 1}/{count}") not in shards]


def _names(histories: Mapping[Path, History]) -> str:
    return str(next(iter(histories.values())).run["names"])


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        write_whole(target, iter(partial(file.read, _PIECE_BYTES), b""))
