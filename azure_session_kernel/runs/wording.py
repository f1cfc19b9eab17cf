"""A record in a sentence."""

from __future__ import annotations

import re
from typing import Final

from .record import CellError, Record

_CONTROL: Final = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


def described(record: Record) -> str:
    """Why it is not ok; "" if it is. Without control characters: sessions are untrusted."""
    if record.status == "failed" and record.errors:
        return in_a_line(record.errors[-1])
    return one_line(record.reason) if record.status != "ok" else ""


def in_a_line(error: CellError) -> str:
    """Cells are counted from 1, all of them: as a person does who looks at the notebook."""
    where = f"cell {error.cell + 1}: " if error.cell >= 0 else ""
    return one_line(f"{where}{error.ename}: {error.evalue}")


def one_line(text: str, chars: int = 300) -> str:
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= chars else f"{line[: chars - 1]}…"
