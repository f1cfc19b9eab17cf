"""The checklist ``docs/compatibility.md``, made of the cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..jupyter_suites.suites import SUITES, Suite
from .burst_cases import BURSTS
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
    BURSTS,
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


JUPYTERS_OWN: Final = """
## Jupyter's own suites

What these projects on PyPI test with a `python3` kernel passes with this kernel in its place, on a
local pool, apart from what the table names. It takes too long for every change:
`python -m tests.jupyter_suites` gets the suites and runs them.

| suite | test | why it is left out, or what it needs |
| --- | --- | --- |
"""


def document() -> str:
    counted = f"\n{_count()}\n"
    suites = JUPYTERS_OWN + "".join(f"{line}\n" for suite in SUITES for line in _suite(suite))
    return HEAD + counted + "".join(_section(section) for section in SECTIONS) + suites


def _suite(suite: Suite) -> Iterator[str]:
    name = f"{suite.project} {suite.version}"
    files = ", ".join(f"`{file}`" for file in suite.files)
    needs = ", ".join(f"`{key}={value}`" for key, value in suite.settings.items())
    yield f"| {name} | {files} | {f'run with {needs}' if needs else 'nothing'} |"
    for test, why in suite.left_out.items():
        yield f"| {name} | `{test}` | {why} |"
    for (file, line), (instead, why) in suite.changed.items():
        yield f"| {name} | `{file}` with `{instead}` for `{line}` | {why} |"


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
