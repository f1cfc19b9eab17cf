"""``junit.xml``: one test case for each notebook, for CI systems and graders' tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from xml.etree import ElementTree

from .record import Record
from .wording import described

#: What XML 1.0 can't hold in any form (its production 2, ``Char``).
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: The element for each status; none says that it passed.
_ELEMENTS: Final = {"failed": "failure", "cut off": "error", "not run": "skipped"}


def junit_xml(records: Sequence[Record]) -> bytes:
    """The dialect of Ant's JUnit task, which all readers take."""
    suite = ElementTree.Element("testsuite", name="azure-session-kernel run", **_totals(records))
    for record in records:
        suite.append(_case(record))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _totals(records: Sequence[Record]) -> dict[str, Any]:
    statuses = [record.status for record in records]
    return {
        "tests": str(len(records)),
        "failures": str(statuses.count("failed")),
        "errors": str(statuses.count("cut off")),
        "skipped": str(statuses.count("not run")),
        "time": _seconds(sum(record.session_s for record in records)),
    }


def _case(record: Record) -> ElementTree.Element:
    folder, _, name = record.notebook.rpartition("/")
    case = ElementTree.Element(
        "testcase",
        classname=_clean(folder or "."),
        name=_clean(name),
        time=_seconds(record.session_s),
    )
    if record.status in _ELEMENTS:
        text = _clean(described(record))
        kind = record.errors[0].ename if record.errors else record.status
        element = ElementTree.SubElement(case, _ELEMENTS[record.status], message=text)
        if record.status != "not run":
            element.set("type", _clean(kind))
            element.text = text
    return case


def _seconds(value: float) -> str:
    return f"{value:.2f}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
