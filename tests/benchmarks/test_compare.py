"""``python -m benchmarks.compare``: what it makes of values, and one short run of it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from benchmarks.compare.column import LOCAL, Column, columns_of
from benchmarks.compare.growth import fitted
from benchmarks.compare.results import P95_OF, Results, p95, ratio
from benchmarks.compare.rows import DISPLAYS, FIRST, READY, RUN_ALL, SMALL, SMALL_OUTPUT, STARTED

ROOT = Path(__file__).parents[2]
FAR, SERVER, LIMIT = map(Column, ("ours", "server", "limit"), (40, 0, 0))


def test_p95_is_a_value_that_at_least_95_of_100_do_not_exceed() -> None:
    assert p95([*range(100, 0, -1)]) == 95
    assert p95([*range(1, 21)]) == 19
    assert p95([3.0]) == 3.0


def test_a_ratio_is_the_median_of_pairs_and_not_that_of_medians() -> None:
    """The machine slowed down meanwhile, for both."""
    assert ratio([2, 20, 200], [1, 10, 100]) == 2
    assert ratio([2, 10, 300], [1, 10, 100]) == 2


def test_a_line_fits_small_sizes_as_well_as_large_ones() -> None:
    constant, slope = fitted({size: 5 + 2 * size for size in (1, 10, 1000)})
    assert [constant, slope] == pytest.approx([5, 2])
    constant, _ = fitted({1: 7, 10: 25, 1000: 2405})  # the largest is a fifth too large
    assert constant == pytest.approx(5, abs=1)


def test_a_column_is_a_family_and_its_distance() -> None:
    assert columns_of("ours:100:10") == [Column("ours", 100, 10)]
    assert Column("ours", 100, 10).distance == "100 ms, 10 Mbit/s"
    assert {str(one) for one in columns_of("gateway")} == {"gateway:0", "gateway:100"}
    for wrong in ("theirs", "ours:near", "ours:1:2:3", "ipykernel:100"):
        with pytest.raises(ArgumentTypeError, match="ipykernel"):
            columns_of(wrong)


def test_the_table_tells_p95_of_enough_values_and_the_largest_of_few() -> None:
    results = Results()
    for n in range(P95_OF):
        turn = {LOCAL: {SMALL: 0.01}, FAR: {SMALL: 0.1 + n / 1000}}
        results.take(turn if n else {LOCAL: {READY: 0.5}, FAR: {READY: 1.25}}, (SMALL, READY))
    results.take({LOCAL: {SMALL: 0.01}, FAR: {SMALL: 0.12}}, (SMALL, READY))
    lines = [*results.markdown()]
    assert "| | | 0 ms | 40 ms |" in lines
    assert f"| {READY}, ms | ipykernel | 500 (≤500) |  |" in lines
    assert "|  | ours |  | 1250 (≤1250) \u00d72.50 |" in lines
    assert f"| {SMALL}, ms | ipykernel | 10.0 (10.0) |  |" in lines
    assert "|  | ours |  | 110 (119) \u00d711.05 |" in lines
    again = Results.of_json(json.loads(json.dumps(results.as_json())))
    assert [*again.markdown()] == lines


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """One round of a few columns: the folder of its files, and what it printed."""
    folder = tmp_path_factory.mktemp("compare")
    columns = [str(one) for one in (FAR, SERVER, LIMIT)]
    printed = _compare(
        *("--rounds", "1", "--scale", "0.05", "--json", "values.json", "--plot", "plot.svg"),
        *("--columns", *columns, "--rows", "start", "first", "small", "Run All", "displays"),
        cwd=folder,
    )
    return folder, printed


def _compare(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_round_measures_each_row_of_each_column(run: tuple[Path, str]) -> None:
    results = Results.of_json(json.loads((run[0] / "values.json").read_text()))
    timed = {LOCAL, FAR, SERVER, LIMIT}
    for row in (READY, STARTED, FIRST, SMALL, SMALL_OUTPUT, RUN_ALL):
        times = 5 if row in (SMALL, SMALL_OUTPUT) else 1
        counts = {column: len(each) for column, each in results.rows[row].items()}
        assert counts == dict.fromkeys(timed, times)
    assert results.rows[DISPLAYS].keys() == timed - {LIMIT}
    assert len(results.rows) == 7


def test_a_distance_costs_at_least_its_round_trip(run: tuple[Path, str]) -> None:
    """Lower bounds only: how fast it is, the benchmark tells."""
    rows = Results.of_json(json.loads((run[0] / "values.json").read_text())).rows
    for row in (FIRST, SMALL, SMALL_OUTPUT, RUN_ALL):
        assert rows[row][FAR][0] >= 0.04
    for row in (READY, STARTED, FIRST, SMALL):
        assert rows[row][LIMIT][0] > rows[row][LOCAL][0]


def test_cpu_and_memory_are_told_of_each_process_of_a_cell(run: tuple[Path, str]) -> None:
    processes = Results.of_json(json.loads((run[0] / "values.json").read_text())).processes
    assert {column: set(roles) for column, roles in processes.items()} == {
        LOCAL: {"ipykernel"},
        FAR: {"kernel", "pool's front", "adapter", "interpreter"},
        SERVER: {"server", "ipykernel"},
    }
    for roles in processes.values():
        for [(cpu_ms, rss, pss)] in roles.values():
            assert cpu_ms > 0
            assert rss > 10
            assert math.isnan(pss) or 0 < pss <= rss


def test_what_is_printed_can_be_had_again_from_the_values(run: tuple[Path, str]) -> None:
    folder, printed = run
    assert _compare("--from", "values.json", "--plot", "again.svg", cwd=folder) == printed
    assert printed.startswith("date: ")
    assert "jupyter-server 2" in printed.splitlines()[0]
    plots = [(folder / name).read_bytes() for name in ("plot.svg", "again.svg")]
    assert plots[0] == plots[1]
    texts = {one.text for one in ElementTree.fromstring(plots[0]).iter() if one.text}
    assert {READY, FIRST, SMALL, RUN_ALL, "ours", "Jupyter Server", "the limit"} <= texts
