"""``docs/pools.md`` says what the cases say."""

from __future__ import annotations

import pytest

from .cases import TABLE
from .document import PATH, with_table


def test_the_table_of_kinds_is_what_the_cases_say(pytestconfig: pytest.Config) -> None:
    page = PATH.read_text(encoding="utf-8")
    if pytestconfig.getoption("--write-pools", default=False):
        page = with_table(page)
        PATH.write_text(page, encoding="utf-8")
    assert page == with_table(page), (
        "write it anew: pytest tests/kinds/test_document.py --write-pools"
    )


def test_each_line_is_named_once() -> None:
    names = [str(capability) for capability in TABLE]
    assert len(names) == len(set(names))
