"""The checklist ``docs/compatibility.md``, made of the cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .case import Case, Section
from .channel_cases import CHANNELS
from .comm_cases import COMMS
from .debugger_cases import DEBUGGER
from .message_cases import MESSAGES
from .shutdown_cases import SHUTDOWN
from .subshell_cases import SUBSHELLS
from .widget_cases import CORE_WIDGETS, WIDGET_USES

PATH: Final = Path(__file__).parents[2] / "docs" / "compatibility.md"
SECTIONS: Final = (
    MESSAGES,
    CHANNELS,
    SHUTDOWN,
    COMMS,
    SUBSHELLS,
    CORE_WIDGETS,
    WIDGET_USES,
    DEBUGGER,
)

HEAD: Final = """\
# Compatibility with ipykernel

Each line is a test in `tests/compat/` that does the same on both kernels, `python3` (ipykernel on
this machine) and `azure-session` (this kernel, its session in a local pool), and compares
everything the front end receives. Ids, times, addresses, process numbers and temporary paths are
given names before they are compared; the same thing has the same name throughout a test.

**same** means equal in every field. A line that says what differs fails its test when anything
else differs, and also when that difference is gone.

This page is written by the tests: `pytest tests/compat/test_document.py --write-compatibility`.
"""


def document() -> str:
    counted = f"\n{_count()}\n"
    return HEAD + counted + "".join(_section(section) for section in SECTIONS)


def _count() -> str:
    cases = [case for section in SECTIONS for case in section.cases]
    differ = sum(bool(case.difference) for case in cases)
    return f"{len(cases)} lines: {len(cases) - differ} the same, {differ} with a difference."


def _section(section: Section) -> str:
    return "\n".join(["", f"## {section.title}", "", section.about, "", *_table(section), ""])


def _table(section: Section) -> Iterator[str]:
    first, second = section.columns
    yield f"| {first} | {second} | result |"
    yield "| --- | --- | --- |"
    for case in section.cases:
        yield f"| {case.subject} | {case.shows} | {_result(case)} |"


def _result(case: Case) -> str:
    return case.difference or "same"
