"""Which notebooks are meant by what was typed, and what is refused before anything runs."""

from __future__ import annotations

import os
import sys

import pytest

from azure_session_kernel.cli.main import main
from azure_session_kernel.runs.inputs import find_inputs
from azure_session_kernel.runs.journal import Journal
from azure_session_kernel.runs.plan import parse_shard
from azure_session_kernel.runs.unusable import RunUnusable

from .conftest import Course


def names(course: Course, *arguments: str) -> list[str]:
    return [one.name for one in find_inputs(arguments, course.output)]


@pytest.fixture
def term(course: Course) -> Course:
    """Two students with equal names of notebooks, and what is none."""
    for name in ("ann/ps1.ipynb", "bob/ps1.ipynb", "bob/extra/ps2.ipynb"):
        course.has(name, "1")
    course.has("bob/.ipynb_checkpoints/ps1-checkpoint.ipynb", "1")
    course.holds("bob/data.csv", "1")
    return course


def test_a_folder_stands_for_all_notebooks_below_it(term: Course) -> None:
    everything = ["ann/ps1.ipynb", "bob/extra/ps2.ipynb", "bob/ps1.ipynb"]
    assert names(term, str(term.folder)) == everything
    assert names(term, str(term.folder / "*")) == everything
    assert names(term, str(term.folder / "**")) == everything
    assert names(term, str(term.folder / "*" / "ps1.ipynb")) == ["ann/ps1.ipynb", "bob/ps1.ipynb"]


def test_names_are_relative_to_what_the_arguments_have_in_common(term: Course) -> None:
    ann, bob = (str(term.folder / one / "ps1.ipynb") for one in ("ann", "bob"))
    assert names(term, ann, bob, bob) == ["ann/ps1.ipynb", "bob/ps1.ipynb"]
    assert names(term, ann) == ["ps1.ipynb"]


def test_results_are_never_run(term: Course) -> None:
    inside = term.folder / "results"
    inside.mkdir()
    (inside / "ps1.ipynb").write_text("{}")
    earlier = term.folder / "earlier"
    earlier.mkdir()
    journal = Journal(earlier)
    journal.begin({})
    journal.close()
    (earlier / "ps1.ipynb").write_text("{}")
    arguments = [str(term.folder), str(term.folder / "*" / "ps1.ipynb")]
    found = [one.name for one in find_inputs(arguments[:1], inside)]
    assert found == ["ann/ps1.ipynb", "bob/extra/ps2.ipynb", "bob/ps1.ipynb"]
    assert "results/ps1.ipynb" not in [one.name for one in find_inputs(arguments, inside)]
    taken_along = [str(term.folder / "ann" / "ps1.ipynb"), str(inside / "ps1.ipynb")]
    assert [one.name for one in find_inputs(taken_along, inside)] == ["ps1.ipynb"]
    for output in (term.folder, term.folder.parent):
        with pytest.raises(RunUnusable, match="folder of the notebooks, or above it"):
            find_inputs(arguments[:1], output)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say which notebooks"),
        (["{folder}/no.ipynb"], "no.ipynb does not exist"),
        (["{folder}/bob/data.csv"], "data.csv is not a notebook"),
        (["{folder}/*/no*.ipynb"], "stands for no notebook"),
        (["{folder}", "--jobs", "0"], "--jobs: at least 1"),
        (["{folder}", "--jobs", "many"], "--jobs: 'many' is not a whole number"),
        (["{folder}", "--timeout", "-1"], "--timeout"),
        (["{folder}", "--shard", "4/3"], "--shard: '4/3' is none"),
        (["{folder}", "--env", "NO_SUCH_NAME"], "--env NO_SUCH_NAME: this shell has no such"),
        (["{folder}", "-p", "a b", "1"], "'a b' is not a name of a Python variable"),
        (["{folder}", "--parameters", "{folder}/no.yaml"], "no.yaml can't be read"),
        (["{folder}", "--kernel", "no-such"], "--kernel no-such"),
        (["{folder}"], "No session pool is configured"),
        (["{folder}", "--endpoint", "local"], "local pool"),
        (["{folder}", "--merge"], "no results of a run"),
    ],
)
def test_what_was_typed_wrongly_is_said_and_nothing_is_left(
    term: Course,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(term.folder))  # no local pool, no kernelspec
    typed = [one.format(folder=term.folder) for one in arguments]
    assert run("--output-dir", str(term.output), *typed) == 2
    out, err = capsys.readouterr()
    assert (said in err, out) == (True, ""), err
    assert not term.output.exists()


def run(*arguments: str) -> int:
    try:
        return main(["run", *arguments])
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code


def test_an_output_folder_that_is_no_good_is_named(
    term: Course, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(str(term.folder)) == 2
    assert "--output-dir DIR is needed" in capsys.readouterr().err

    term.output.mkdir()
    (term.output / "thesis.tex").touch()
    assert term.run() == 2
    assert "has other files, and no run's results" in capsys.readouterr().err

    (term.output / "thesis.tex").unlink()
    term.output.rmdir()
    term.output.touch()  # a file: nobody, root included, can make a folder of it
    monkeypatch.setenv("AZURE_SESSION_POOL_ENDPOINT", "https://p.env.eastus.azurecontainerapps.io")
    assert term.run() == 2
    assert f"--output-dir {term.output} can't be written to" in capsys.readouterr().err


def test_a_dry_run_says_what_it_would_be_and_leaves_nothing(
    term: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    term.holds("bob/bad.ipynb", "{")
    assert term.run("--dry-run", "--jobs", "2", "--timeout", "60") == 0
    out = capsys.readouterr().out
    assert "ann/ps1.ipynb: 1 code cells" in out
    assert "bob/bad.ipynb: can't be run: the file is not a notebook" in out
    assert "3 to run, 1 that can't be" in out
    assert "At most: 3 x 60 s (--timeout) = 180 session-seconds, in 2 min" in out
    assert "2 x 300 s = 600 more at most" in out
    assert not term.output.exists()


def test_shards_part_the_notebooks_whatever_their_number(term: Course) -> None:
    inputs = find_inputs([str(term.folder)], term.output)
    for count in (1, 2, 3, 7):
        parts = [parse_shard(f"{n + 1}/{count}").of(inputs) for n in range(count)]
        assert sorted(one.name for part in parts for one in part) == [one.name for one in inputs]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_run_at_a_time_has_a_folder(term: Course) -> None:
    term.output.mkdir()
    journal = Journal(term.output)
    with pytest.raises(RunUnusable, match="another run is writing to"):
        Journal(term.output)
    journal.close()
    Journal(term.output).close()


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform == "win32", reason="it has no such files in folders")
def test_what_is_submitted_and_never_ends_is_not_read(
    pool_course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    course = pool_course
    course.has("ok.ipynb")
    os.mkfifo(course.folder / "pipe.ipynb")
    (course.folder / "zeros.ipynb").symlink_to("/dev/zero")
    assert course.run() == 2
    assert course.statuses() == {
        "ok.ipynb": "ok",
        "pipe.ipynb": "not run",
        "zeros.ipynb": "not run",
    }
    assert capsys.readouterr().err.count("it is no file, but a pipe, a device or the like") == 2
