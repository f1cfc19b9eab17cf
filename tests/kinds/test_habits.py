"""Pools with the habits of other people's programs: cells show there what they show elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from azure_session_kernel.emulator.kinds.habits import HABITS

from ..compat.front import Front
from ..conftest import StartPool
from .cases import TABLE
from .conftest import Both, both_on
from .document import PATH

VALUES: Final = "The value of the last line is the cell's result"
ERRORS: Final = "Errors with type, message and traceback"
PRINTED: Final = "What was printed before an error is kept"
COUNTS: Final = "Execution counts"


@contextmanager
def _played(start_pool: StartPool, logs: Path, kind: str, *options: str) -> Iterator[Both]:
    arguments = [part for option in options for part in option.split()]
    with both_on(start_pool("--kind", kind, *arguments), logs) as both:
        yield both


def _check(kind: str, both: Both, *names: str) -> None:
    table = {capability.name: capability for capability in TABLE}
    for name in names:
        table[name].check(kind, *both)


def _shows_nothing_of_ours(front: Front) -> None:
    """Nor in a traceback that the cell prints itself."""
    cell = front.run(
        "import traceback\n"
        "def inner(): raise ValueError('said')\n"
        "def outer():\n"
        "    try: inner()\n"
        "    except ValueError: traceback.print_stack(); raise\n"
        "(outer(),\n 2)"
    )
    assert (cell.error["ename"], cell.error["evalue"]) == ("ValueError", "said")
    shown = cell.text() + cell.text("stderr") + cell.error_text
    assert "(outer()," in shown
    for ours in ("lambda", "repr(v)", "))((", "has not run"):
        assert ours not in shown


def test_a_built_in_pool_with_a_health_check(start_pool: StartPool, tmp_path: Path) -> None:
    options = ("--habit decode-names", "--habit health-check=0.05")
    with _played(start_pool, tmp_path, "interpreter", *options) as both:
        _check("interpreter", both, VALUES, ERRORS, COUNTS, "History")


def test_a_program_that_takes_code_and_gives_one_text(
    start_pool: StartPool, tmp_path: Path
) -> None:
    options = ("--habit code-field", "--habit one-text", "--run-limit 60")
    with _played(start_pool, tmp_path, "oneshot", *options) as both:
        _check("oneshot", both, VALUES, ERRORS, PRINTED, COUNTS)
        _shows_nothing_of_ours(both[1])
        caught = "import traceback\ntry: 1/0\nexcept Exception: traceback.print_exc()"
        cell = both[1].run(caught)
        assert (cell.status, cell.text().count("ZeroDivisionError")) == ("ok", 1)


def test_a_program_that_gives_lines_and_answers_an_error_with_400(
    start_pool: StartPool, tmp_path: Path
) -> None:
    options = ("--habit lists", "--habit traceback-400", "--run-limit 60")
    with _played(start_pool, tmp_path, "oneshot", *options) as both:
        _check("oneshot", both, VALUES, ERRORS, COUNTS)
        _shows_nothing_of_ours(both[1])
        assert both[1].run("print('a\\n\\nb')").text() == "a\n\nb\n"


def test_a_program_that_answers_an_error_with_500_and_has_only_words_for_a_time_out(
    start_pool: StartPool, tmp_path: Path
) -> None:
    options = ("--habit traceback-500", "--habit timeout-in-stderr", "--run-limit 5")
    with _played(start_pool, tmp_path, "oneshot", *options) as both:
        _check("oneshot", both, VALUES, ERRORS, COUNTS)
        _shows_nothing_of_ours(both[1])
        cell = both[1].run("print('begun', flush=True)\nwhile True: pass")
        assert cell.error["ename"] == "RunTimedOut"
        assert "Execution timed out after 5 seconds" in cell.error_text
        assert (cell.text(), cell.text("stderr")) == ("begun\n", "")


def test_the_page_names_every_habit() -> None:
    page = PATH.read_text(encoding="utf-8")
    for kind, habits in HABITS.items():
        for name in habits:
            assert f"| `{name}" in page, f"{name}, of the kind {kind}"
