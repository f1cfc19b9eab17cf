"""What is in a run's folder: journal, results, JUnit, report; and shards joined."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from nbformat import v4

from azure_session_kernel.runs.journal import JOURNAL, Journal, read_history
from azure_session_kernel.runs.junit import junit_xml
from azure_session_kernel.runs.parameters import inject, literal, read_parameters
from azure_session_kernel.runs.record import CellError, Record
from azure_session_kernel.runs.report.colours import as_html
from azure_session_kernel.runs.report.page import write_report
from azure_session_kernel.runs.unusable import RunUnusable

from .conftest import Course, notebook_of

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b]0;title\x07"


def test_a_torn_end_says_nothing_and_is_gone_with_the_next_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({})
    journal.started("a.ipynb", "1")
    journal.close()
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"event": "done", "record": {"notebook": "a.ipy')
    assert read_history(tmp_path).under_way == {"a.ipynb": "1"}
    journal = Journal(tmp_path)
    journal.done(Record("a.ipynb", "failed", errors=(CellError(0, "E", "v"),)))
    journal.close()
    history = read_history(tmp_path)
    assert (history.under_way, history.records["a.ipynb"].status) == ({}, "failed")


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"event": "other"}', '{"event": "done", "record": 1}']
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / JOURNAL).write_text(f"{line}\n")
    with pytest.raises(RunUnusable, match=r"journal\.jsonl is damaged: line 1"):
        read_history(tmp_path)


def test_a_record_leads_nowhere_else() -> None:
    for name in ("../a.ipynb", "/etc/passwd"):
        with pytest.raises(ValueError, match="path"):
            Record.from_json(Record(name, "ok").as_json())


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def test_nothing_of_a_notebook_is_more_than_text_and_pictures_in_the_report(tmp_path: Path) -> None:
    notebook = notebook_of(HOSTILE)
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(3)</script></svg>"
    pictures = [
        {"image/svg+xml": svg},
        {"image/png": 'x" onerror="alert(4)'},
        {"image/png": "AAAA"},
    ]
    notebook.cells[0].outputs = [
        *(_display(data) for data in [{"text/html": HOSTILE}, {HOSTILE: "x"}, *pictures]),
        v4.new_output("stream", text=HOSTILE),  # type: ignore[no-untyped-call]
        v4.new_output("error", ename=HOSTILE, evalue="v", traceback=[HOSTILE]),  # type: ignore[no-untyped-call]
    ]
    name = "javascript:alert(5)/<b>.ipynb"
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(json.dumps(notebook))
    record = Record(name, "failed", errors=(CellError(0, HOSTILE, HOSTILE),), output=name)
    cut_off = Record(HOSTILE, "cut off", reason=HOSTILE)
    write_report(tmp_path / "report.html", tmp_path, [record, cut_off], [HOSTILE])

    text = (tmp_path / "report.html").read_text()
    page = Tags()
    page.feed(text)
    assert page.tags <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "ul", "li", "b", "p", "a"),
        *("section", "pre", "span", "img", "bdi", "table", "tr", "th", "td"),
    }
    assert {name for name, _ in page.attributes} <= {
        *("class", "id", "href", "src", "alt", "lang", "charset", "name", "content", "http-equiv"),
    }
    sources = [value for name, value in page.attributes if name == "src"]
    assert len(sources) == 2
    assert all(
        re.fullmatch(r"data:image/(png|svg\+xml);base64,[A-Za-z0-9+/=]+", s) for s in sources
    )
    links = [value for name, value in page.attributes if name == "href"]
    assert all(re.match(r"\./|#n\d+$", link) for link in links)
    assert "\x1b" not in text
    assert "\x00" not in text
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'" in html.unescape(text)


def _display(data: dict[str, Any]) -> Any:
    return v4.new_output("display_data", data=data)  # type: ignore[no-untyped-call]


def test_a_terminals_colours_are_shown() -> None:
    assert as_html("\x1b[0;31mred\x1b[0m plain") == '<span class="f1">red</span> plain'
    assert (
        as_html("\x1b[1;38;5;208mx\x1b[39my")
        == '<span class="b f208">x</span><span class="b">y</span>'
    )
    assert as_html("\x1b[48;2;255;0;0m<\x1b[m") == '<span class="g196">&lt;</span>'
    assert as_html("\x1b[38;5m\x1b[38;2;1ma\x1b[2J\x1b]8;;http://x\x07") == "a"


def test_junit_is_what_readers_take(tmp_path: Path) -> None:
    """Their rules: Ant's elements, counts that fit, no character that XML can't have."""
    records = [
        Record("a/1.ipynb", "ok", session_s=1.5),
        Record("a/2.ipynb", "failed", errors=(CellError(0, "E\x00", "v\x1b[31m\ud800"),)),
        Record("b/3.ipynb", "cut off", reason="\uffff"),
        Record("4.ipynb", "not run", reason="empty"),
    ]
    root = ElementTree.fromstring(junit_xml(records))
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = [(c.get("classname"), c.get("name"), [e.tag for e in c]) for c in suite]
    assert cases == [
        ("a", "1.ipynb", []),
        ("a", "2.ipynb", ["failure"]),
        ("b", "3.ipynb", ["error"]),
        (".", "4.ipynb", ["skipped"]),
    ]
    assert all(re.fullmatch(r"\d+\.\d\d", str(case.get("time"))) for case in suite)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (float("inf"), "float('inf')"),
        (True, "True"),
        (None, "None"),
        ("it's\n", repr("it's\n")),
        ({"a": [1, (2,)]}, "{'a': [1, (2,)]}"),
    ],
)
def test_a_parameter_is_a_literal(value: object, text: str) -> None:
    assert literal("a", value) == text


def test_parameters_are_read_and_put_after_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("day: 2026-01-01\n")
    with pytest.raises(RunUnusable, match="the parameter day is a date"):
        read_parameters(str(file), [])
    file.write_text("- 1\n")
    with pytest.raises(RunUnusable, match="lines such as"):
        read_parameters(str(file), [])
    file.write_text("a: [")
    with pytest.raises(RunUnusable, match="is not JSON or YAML"):
        read_parameters(str(file), [])
    file.write_text("a: 1\nb: two\n")
    values = read_parameters(str(file), [("b", "[2, 3]"), ("c", "text"), ("d", "None")])
    assert values == {"a": 1, "b": [2, 3], "c": "text", "d": None}

    notebook = notebook_of("first", "a = 0", "last")
    notebook.cells[1].metadata.tags = ["parameters"]
    inject(notebook, {"a": 1})
    inject(notebook, values)  # in place of the first one
    assert [cell.source for cell in notebook.cells] == [
        *("first", "a = 0", "# Parameters\na = 1\nb = [2, 3]\nc = 'text'\nd = None", "last"),
    ]
    assert notebook.cells[2].metadata.tags == ["injected-parameters"]


def test_shards_joined_are_what_one_run_gives(
    pool_course: Course, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = pool_course
    for name in ("a/1.ipynb", "a/2.ipynb", "b/2.ipynb"):
        course.has(name)  # without a cell, and so without a session
    course.has("a/2.ipynb", "print('of a')", "1 / 0")
    course.holds("b/empty.ipynb", "")
    whole = course.output
    assert course.run() == 2
    parts = []
    for number in (1, 2):
        course.output = tmp_path / f"part{number}"
        parts.append(str(course.output))
        assert course.run("--shard", f"{number}/2") in (0, 1, 2)
    joined = Course(tmp_path / "none", tmp_path / "joined")
    assert merged(joined, *parts) == 2
    assert told(joined.output) == told(whole)
    assert files(joined.output) == files(whole)
    assert joined.executed("a/2.ipynb")["cells"][0]["outputs"][0]["text"]
    capsys.readouterr()

    shutil.rmtree(joined.output)
    assert merged(joined, parts[0]) == 2
    assert "no results of shard 2/2" in capsys.readouterr().out
    shutil.rmtree(joined.output)
    assert merged(joined, parts[0], str(whole)) == 2
    assert "is in" in capsys.readouterr().err


def merged(course: Course, *folders: str) -> int:
    from azure_session_kernel.cli.main import main

    try:
        return main(["run", "--merge", *folders, "--output-dir", str(course.output)])
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def told(folder: Path) -> list[Any]:
    """The results, but for how long it took."""
    lines = (folder / "results.jsonl").read_text().splitlines()
    return [{**json.loads(line), "waited_s": 0, "session_s": 0} for line in lines]
