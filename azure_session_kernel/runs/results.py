"""``results.jsonl``, and what all records come to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from .junit import junit_xml
from .notebook import write_whole
from .record import STATUSES, Record, Status
from .report.page import write_report

RESULTS: Final = "results.jsonl"
JUNIT: Final = "junit.xml"
REPORT: Final = "report.html"


def write_results(folder: Path, records: Mapping[str, Record], about: Sequence[str]) -> None:
    """All three, sorted by name. :param about: lines for the report, of the run itself.

    :raises OSError: one can't be written; the executed notebooks and the journal are as they were.
    """
    ordered = [records[name] for name in sorted(records)]
    lines = [json.dumps(record.as_json()) for record in ordered]
    write_whole(folder / RESULTS, "".join(f"{line}\n" for line in lines).encode())
    write_whole(folder / JUNIT, junit_xml(ordered))
    write_report(folder / REPORT, folder, ordered, about)


def counts_of(records: Iterable[Record]) -> dict[Status, int]:
    counts = dict.fromkeys(STATUSES, 0)
    for record in records:
        counts[record.status] += 1
    return counts


def exit_code(counts: Mapping[Status, int]) -> int:
    """0 all are ok; 1 some failed; 2 not everything was run."""
    if counts["not run"] or counts["cut off"]:
        return 2
    return 1 if counts["failed"] else 0
