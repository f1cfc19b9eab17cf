"""nbgrader's quickstart course and one with files of its own, graded here and in sessions.

    python -m tests.grading.course [--kind container] [--students right,killer]

Needs nbgrader besides this package with [pool] (`pip install nbgrader`). Generates both
assignments, hands in what well and ill behaved students would, grades all of it with a local
ipykernel and with this kernel on a local pool of that kind, and prints the points of every cell.
Exit code 1 when one differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat

from .notebook import ASSIGNMENT, HELPERS, RIGHT, STUDENTS, source_notebook

_MAIN = "from azure_session_kernel.cli.main import main; raise SystemExit(main())"
#: docs/grading.md, with a short limit for the cell that never ends.
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "course"
c.Execute.timeout = 15
c.Execute.startup_timeout = 300
"""
IN_SESSIONS = """
import os
c.Execute.kernel_name = "azure-session"
os.environ["AZURE_SESSION_POOL_ENDPOINT"] = "local"
os.environ["AZURE_SESSION_UPLOAD"] = "**"
os.environ["AZURE_SESSION_DOWNLOAD"] = "results/**"
"""
#: By student, assignment, notebook and cell; None: the notebook was not graded.
Points = dict[tuple[str, str, str, str], float | None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", default="container", help="of the pool: %(default)s")
    parser.add_argument("--students", default=",".join(STUDENTS), help="%(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as directory:
        root = Path(directory)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "JPY_"))}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
        env |= {"JUPYTER_DATA_DIR": str(root / "data"), "TMPDIR": directory, "HOME": directory}
        hand_out_and_in(root / "course", env, args.students.split(","))
        with (root / "pool.log").open("wb") as log:
            command = [sys.executable, "-c", _MAIN, "pool", "--port", "0", "--kind", args.kind]
            pool = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log)
        try:
            assert pool.stdout is not None
            assert pool.stdout.readline(), (root / "pool.log").read_text()
            with ThreadPoolExecutor() as both:
                here = both.submit(graded, root / "here", env, CONFIG)
                there = both.submit(graded, root / "there", env, CONFIG + IN_SESSIONS)
        finally:
            pool.terminate()
            pool.wait(60)
        written = sorted((root / "there").glob(f"autograded/*/{ASSIGNMENT}/session-files/*/*"))
        print(f"{len(written)} files came back: {', '.join({path.name for path in written})}")
        return compared(here.result(), there.result())


def hand_out_and_in(course: Path, env: Mapping[str, str], students: Sequence[str]) -> None:
    """What ``nbgrader quickstart`` copies, the other assignment, and all submissions."""
    quickstart = Path(find_spec("nbgrader").origin).parent / "docs/source/user_guide/source"  # type: ignore[union-attr,arg-type]
    shutil.copytree(quickstart, course / "source")
    (course / "nbgrader_config.py").write_text(CONFIG)
    _add_assignment(course / "source" / ASSIGNMENT)
    for assignment in ("ps1", ASSIGNMENT):
        nbgrader(env, course, "generate_assignment", assignment)
        for student in students:
            _hand_in(course, student, assignment, STUDENTS[student])


def graded(course: Path, env: Mapping[str, str], config: str) -> Points:
    shutil.copytree(course.parent / "course", course)
    (course / "nbgrader_config.py").write_text(config)
    for assignment in ("ps1", ASSIGNMENT):
        nbgrader(env, course, "autograde", assignment, may_fail=True)
    return _points(course / "gradebook.db")


def nbgrader(env: Mapping[str, str], where: Path, *arguments: str, may_fail: bool = False) -> None:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        raise SystemExit(f"{arguments}: {done.stderr[-3000:]}")
    for line in done.stderr.splitlines():
        if "ERROR" in line and "[AutogradeApp" in line:
            print(f"  {where.name}: {line[:160]}", flush=True)


def _add_assignment(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "survey.csv").write_text("name,age\nAda,36\nGrace,85\nLinus,21\n")
    (folder / "helpers.py").write_text(HELPERS)
    nbformat.write(source_notebook(), folder / "survey.ipynb")  # type: ignore[no-untyped-call]


def _hand_in(course: Path, student: str, assignment: str, answers: Mapping[str, str]) -> None:
    """The released notebook with answers; who has none for a cell leaves it as it is."""
    folder = course / "submitted" / student / assignment
    folder.mkdir(parents=True)
    for released in (course / "release" / assignment).glob("*.ipynb"):
        notebook: Any = nbformat.read(released, as_version=4)  # type: ignore[no-untyped-call]
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in {**RIGHT, **answers}:
                cell.source = {**RIGHT, **answers}[grade_id]
        nbformat.write(notebook, folder / released.name)  # type: ignore[no-untyped-call]


def _points(database: Path) -> Points:
    from nbgrader.api import Gradebook  # type: ignore[import-not-found,unused-ignore]

    found: Points = {}
    with Gradebook(f"sqlite:///{database}") as gradebook:
        for assignment in gradebook.assignments:
            for submission in gradebook.assignment_submissions(assignment.name):
                for notebook in submission.notebooks:
                    where = (submission.student.id, assignment.name, notebook.name)
                    for grade in notebook.grades:
                        found[(*where, grade.name)] = grade.auto_score
    return found


def compared(here: Points, there: Points) -> int:
    differ = 0
    print(f"{'student':10} {'notebook':14} {'cell':22} {'ipykernel':>9} {'session':>8}")
    for key in sorted({*here, *there}):
        one, other = here.get(key, "none"), there.get(key, "none")
        differ += one != other
        student, assignment, notebook, cell = key
        mark = "  <-- differs" if one != other else ""
        where = f"{assignment}/{notebook}"
        print(f"{student:10} {where:14} {cell:22} {one!s:>9} {other!s:>8}{mark}")
    sums = [sum(v or 0 for v in points.values()) for points in (here, there)]
    print(f"{len(here)} cells, {sums[0]:g} and {sums[1]:g} points, {differ} differ")
    return int(bool(differ))


if __name__ == "__main__":
    raise SystemExit(main())
