"""What code, tests and pages cite of docs/design.md and docs/azure.md is there; so are modules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (*ROOT.glob("azure_session_*"), ROOT / "benchmarks", ROOT / "docs", ROOT / "tests")

_NUMBER = r"(?:(?:row|rule|step)s? )?\d{1,2}(?:\.\d)?(?![\w.]*\d)"
_MARK = r"(?: \((?!docs)[^)]*\))?"
#: ``docs/azure.md 4.2 rows 7 and 11 (c), 6.8``: a page, and what follows up to another word.
_CITED = re.compile(rf"docs/(azure|design)\.md((?:(?:,|, and| and| to)? {_NUMBER}{_MARK})+)")
_PART = re.compile(r"(?:(row|rule|step)s? )?(\d+(?:\.\d)?)")
#: A line's end within a comment, a docstring, or texts that follow each other.
_LINE_END = re.compile(r'"?\n\s*(?:#:?\s*|")?')
_FORMER = re.compile(r"azure/README|\b[Dd]esign, *(?:\n\W*)?(?:sections?|rules?|\d)|design section")


@cache
def texts() -> dict[str, str]:
    """Names and texts of whatever can cite, but for this file, which shows how."""
    files = [path for folder in FOLDERS for path in folder.rglob("*.*")]
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in [*files, *ROOT.glob("*.md"), ROOT / "pyproject.toml"]
        if path.suffix in {".py", ".md", ".toml"} and path != Path(__file__)
    }


def parts(page: str) -> set[str]:
    """What can be cited: ``4.2``, ``4.2 row 5``, ``6.4 rule 2``, ``rule 7``."""
    found, section = set(), ""
    for line in texts()[f"docs/{page}.md"].splitlines():
        if heading := re.match(r"###? (\d+(?:\.\d)?)\.? ", line):
            section = heading[1]
            found.add(section)
        elif named := re.match(r"### Rule (\d+):", line):
            found.add(f"rule {named[1]}")
        elif row := re.match(r"\| (\d+) \|", line):
            found.add(f"{section} row {row[1]}")
        elif item := re.match(r"(\d+)\. ", line):
            found |= {f"{section} rule {item[1]}", f"{section} step {item[1]}"}
    return found


def cited(text: str) -> Iterator[tuple[str, str]]:
    """Pages and parts: ``rules 7 and 8`` are two of a page, and so are ``4.2 row 5, 6.8``."""
    for page, rest in _CITED.findall(_LINE_END.sub(" ", text)):
        section = kind = ""
        for word, number in _PART.findall(re.sub(r"\([^)]*\)", "", rest)):
            kind = word or ("" if "." in number else kind)
            if page == "azure" and not kind:
                section = number
            yield page, f"{section} {kind} {number}".strip() if kind else number


def test_every_citation_leads_to_a_part_of_the_page() -> None:
    known = {page: parts(page) for page in ("azure", "design")}
    found = [
        (name, page, part)
        for name, text in texts().items()
        if "docs/" in text
        for page, part in cited(text)
    ]
    assert [one for one in found if one[2] not in known[one[1]]] == []
    assert len(found) > 150


def test_modules_that_pages_name_are_there() -> None:
    package, tests = ROOT / "azure_session_kernel", ROOT / "tests"  # docs/security.md names those
    rooms = "|".join(path.name for path in package.iterdir() if path.is_dir())
    module = re.compile(rf"(?<![\w/.-])(?:azure_session_kernel/)?((?:{rooms})/[a-z_/]+\.py)\b")
    pages = {name: text for name, text in texts().items() if name.endswith(".md")}
    named = [(page, name) for page, text in pages.items() for name in module.findall(text)]
    found = [one for one in named if (package / one[1]).is_file() or (tests / one[1]).is_file()]
    assert [one for one in named if one not in found] == []
    assert len(named) > 100


def test_nothing_is_cited_by_a_former_name() -> None:
    former = {name: _FORMER.findall(text) for name, text in texts().items()}
    assert {name: found for name, found in former.items() if found} == {}


def test_citations_are_read_as_they_are_written() -> None:
    text = (
        '"docs/azure.md 4.2 rows 7 and 11 (c), 6.8"; docs/azure.md 1.1 (a): 4 to 128,\n'
        "docs/design.md\n# rules 7 and 8, and docs/design.md 5 (docs/azure.md 4.1, 502)"
    )
    assert list(cited(text)) == [
        ("azure", "4.2"),
        ("azure", "4.2 row 7"),
        ("azure", "4.2 row 11"),
        ("azure", "6.8"),
        ("azure", "1.1"),
        ("design", "rule 7"),
        ("design", "rule 8"),
        ("design", "5"),
        ("azure", "4.1"),
    ]
