"""``docs/compatibility.md`` says what the cases say, and nothing of the protocol is left out."""

from __future__ import annotations

import pytest

from azure_session_kernel.wire import RECEIVABLE

from .document import PATH, SECTIONS, document


def test_the_checklist_is_what_the_cases_say(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--write-compatibility", default=False):
        PATH.write_text(document(), encoding="utf-8")
    assert PATH.read_text(encoding="utf-8") == document(), (
        "write it anew: pytest tests/compat/test_document.py --write-compatibility"
    )


def test_every_message_type_that_a_session_may_send_is_in_the_checklist() -> None:
    text = document()
    types = {msg_type for types in RECEIVABLE.values() for msg_type in types}
    assert {msg_type for msg_type in types if msg_type.removesuffix("_reply") not in text} == set()


def test_each_line_is_named_once() -> None:
    names = [str(case) for section in SECTIONS for case in section.cases]
    assert len(names) == len(set(names))
