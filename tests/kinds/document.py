"""The table of ``docs/pools.md``: what each kind of pool can do, made of the cases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .capability import KINDS, Cannot, Capability, Differs
from .cases import TABLE

PATH: Final = Path(__file__).parents[2] / "docs" / "pools.md"
_MARKED: Final = re.compile(r"(?<=<!-- table of kinds -->\n).*?(?=<!-- end of table -->)", re.S)
_HEAD: Final = {
    "container": "container with our adapter",
    "interpreter": "built-in interpreter",
    "oneshot": "one-shot container",
}


def with_table(page: str) -> str:
    """The page with the table as the cases say it."""
    page, count = _MARKED.subn(lambda _: "".join(f"{row}\n" for row in _rows()), page)
    assert count == 1, "docs/pools.md has no place marked for the table"
    return page


def _rows() -> Iterator[str]:
    yield "| | " + " | ".join(_HEAD[kind] for kind in KINDS) + " |"
    yield "| --- |" + " --- |" * len(KINDS)
    for capability in TABLE:
        yield (
            f"| {capability.name} | " + " | ".join(_cell(capability, kind) for kind in KINDS) + " |"
        )


def _cell(capability: Capability, kind: str) -> str:
    match capability.but.get(kind):
        case Cannot(sentence):
            return f"no: *{sentence}*"
        case Differs(how, _):
            return how
    return "yes"
