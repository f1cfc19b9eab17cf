"""The assignment with files of its own, and what students hand in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import nbformat

ASSIGNMENT: Final = "ps2"
HELPERS: Final = "def ages(rows):\n    return [int(row['age']) for row in rows]\n"

_READ: Final = """
import csv
from helpers import ages
def mean_age(path):
    ### BEGIN SOLUTION
    with open(path, newline="") as file:
        found = ages(csv.DictReader(file))
    return sum(found) / len(found)
    ### END SOLUTION
"""
_WRITE: Final = """
import os
def report(mean):
    ### BEGIN SOLUTION
    os.makedirs("results", exist_ok=True)
    with open("results/mean.txt", "w") as file:
        file.write(f"{mean:.1f}")
    ### END SOLUTION
"""
_TEST_READ: Final = """
assert round(mean_age("data/survey.csv"), 1) == 47.3
### BEGIN HIDDEN TESTS
with open("data/other.csv", "w") as file:
    file.write("name,age\\nBob,10\\n")
assert mean_age("data/other.csv") == 10
### END HIDDEN TESTS
"""
_TEST_PLACE: Final = """
from pathlib import Path
assert Path.cwd().name == "ps2", Path.cwd()
assert {path.name for path in Path().glob("*.py")} == {"helpers.py"}
assert sorted(path.name for path in Path("../ps2").glob("*.ipynb")) == ["survey.ipynb"]
"""
_TEST_WRITE: Final = "report(47.333)\nassert open('results/mean.txt').read() == '47.3'"
_TEST_PARTLY: Final = (
    "points = 0\nif abs(mean_age('data/survey.csv') - 47.3) < 0.1:\n    points += 1.5\npoints"
)
_TEST_CHILD: Final = """
import subprocess, sys
code = "import helpers; print(helpers.__name__, open('data/survey.csv').readline().strip())"
said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
assert said == "helpers name,age\\n", said
"""


def source_notebook() -> Any:
    cells = [
        _cell("read", _READ, solution=True),
        _cell("test_read", _TEST_READ, points=3),
        _cell("test_place", _TEST_PLACE, points=1),
        _cell("write", _WRITE, solution=True),
        _cell("test_write", _TEST_WRITE, points=2),
        _cell("test_partly", _TEST_PARTLY, points=2),
        _cell("test_child", _TEST_CHILD, points=1),
        _cell("essay", "### BEGIN SOLUTION\n'by hand'\n### END SOLUTION", solution=True, points=2),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})  # type: ignore[no-untyped-call]


def _cell(name: str, source: str, *, solution: bool = False, points: float = 0) -> Any:
    cell: Any = nbformat.v4.new_code_cell(source.strip())  # type: ignore[no-untyped-call]
    cell.metadata["nbgrader"] = {
        "grade_id": name,
        "solution": solution,
        "grade": bool(points),
        "locked": not solution,
        "schema_version": 3,
        "task": False,
        "cell_type": "code",
        **({"points": points} if points else {}),
    }
    return cell


#: By the cell's id, for both assignments.
RIGHT: Final[Mapping[str, str]] = {
    "squares": "def squares(n):\n"
    "    if n < 1:\n        raise ValueError(n)\n    return [i ** 2 for i in range(1, n + 1)]",
    "sum_of_squares": "def sum_of_squares(n):\n    return sum(squares(n))",
    "read": "import csv\nfrom helpers import ages\ndef mean_age(path):\n"
    "    found = ages(csv.DictReader(open(path, newline='')))\n    return sum(found) / len(found)",
    "write": "import os\ndef report(mean):\n    os.makedirs('results', exist_ok=True)\n"
    "    open('results/mean.txt', 'w').write(f'{mean:.1f}')",
    "essay": "'I wrote this'",
}
_LOOPS: Final = "while True:\n    pass"
_LEAKS: Final = """
import subprocess, sys, threading, time
kept = [bytearray(10_000_000) for _ in range(20)]
files = [open("/dev/null") for _ in range(200)]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
open("../left-behind.txt", "w").write("for the next student")
"""
STUDENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "right": {},
    "nothing": dict.fromkeys(RIGHT, ""),
    "wrong": {
        "squares": "def squares(n):\n    return [i for i in range(n)]",
        "read": "def mean_age(path):\n    return 47.3",
    },
    "noisy": {"read": RIGHT["read"] + "\nimport sys\nprint('hm', file=sys.stderr)"},
    "exits": {"squares": "raise SystemExit", "read": "exit()"},
    "looper": {"squares": _LOOPS, "read": _LOOPS},
    "killer": {"squares": "import os\nos._exit(1)", "write": "import os\nos._exit(1)"},
    "killer9": {
        "sum_of_squares": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "read": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    },
    "leaker": {"read": RIGHT["read"] + _LEAKS},
    "neighbour": {"read": "mean_age = lambda path: open('../left-behind.txt') and 47.3"},
}
