"""The page: totals, what is not ok and why, and a table of all notebooks."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ...common.duration import duration
from ..notebook import write_whole
from ..record import STATUSES, Record
from ..wording import described, one_line
from .colours import stylesheet
from .outputs import cell_html

_NAME_CHARS: Final = 4096
_OWN_STYLE: Final = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;color:#24292f;max-width:1000px;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}
pre{font:13px/1.45 ui-monospace,monospace;padding:.7rem .9rem;margin:.4rem 0;border-radius:6px;
overflow:auto;max-height:32rem;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}
.code{background:#f6f8fa;border:1px solid #d0d7de}.out{background:#fbfbfc;border:1px solid #eaeef2}
.error{background:#fff5f5;border:1px solid #f3c2c2}
.where{margin:.9rem 0 0;color:#57606a;font-size:.9em}.note{color:#57606a}
img{max-width:100%;max-height:40rem;border:1px solid #eaeef2;background:#fff}
.totals{display:flex;gap:.8rem;flex-wrap:wrap;padding:0;list-style:none}
.totals li{padding:.5rem 1rem;border-radius:8px;background:#f6f8fa;border:1px solid #d0d7de}
.totals b{font-size:1.4em;display:block}
.badge{font-size:.8em;padding:.1em .6em;border-radius:1em;color:#fff;background:#57606a;
white-space:nowrap}
.ok{background:#1a7f37}.failed{background:#b3261e}.cut-off{background:#8a6100}
table{border-collapse:collapse;width:100%;font-size:.93em}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #eaeef2;vertical-align:top;
overflow-wrap:anywhere}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
section{border-top:1px solid #d0d7de;margin-top:1.6rem}
@media print{pre{max-height:none}}
"""
_STYLE: Final = _OWN_STYLE + stylesheet()
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; img-src data:; style-src 'sha256-{_HASH}'; base-uri 'none'; "
    "form-action 'none'"
)


def write_report(path: Path, folder: Path, records: Sequence[Record], about: Sequence[str]) -> None:
    """:param folder: of the executed notebooks. :raises OSError: it can't be written."""
    write_whole(
        path, (f"{part}\n".encode("utf-8", "replace") for part in _page(folder, records, about))
    )


def _page(folder: Path, records: Sequence[Record], about: Sequence[str]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width"><title>Notebooks</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>{_count(len(records), 'notebook')}</h1>"
    yield from _totals(records)
    for line in about:
        yield f"<p class=note>{html.escape(one_line(line))}</p>"
    told = [record for record in records if record.status != "ok" or record.errors]
    if told:
        yield "<h2>What is not ok, or had an error that was allowed</h2>"
    for record in told:
        yield from _section(folder, record, _anchor(records.index(record)))
    yield "<h2>All notebooks</h2>"
    yield from _table(records)
    yield "</body></html>"


def _totals(records: Sequence[Record]) -> Iterator[str]:
    counts = Counter(record.status for record in records)
    yield "<ul class=totals>"
    yield from (f"<li><b>{counts[status]}</b>{status}</li>" for status in STATUSES)
    session_s = sum(record.session_s for record in records)
    yield f"<li><b>{html.escape(duration(session_s))}</b>of sessions</li></ul>"


def _section(folder: Path, record: Record, anchor: str) -> Iterator[str]:
    yield f'<section id="{anchor}"><h2>{_badge(record)} {_name(record)}</h2>'
    yield f"<p>{html.escape(described(record))}</p>" if record.status != "ok" else ""
    cells = _cells(folder, record) if record.errors else []
    for error in record.errors:
        if 0 <= error.cell < len(cells):
            yield from cell_html(cells[error.cell], error.cell + 1)
    if record.errors and not cells:
        yield "<p class=note>The executed notebook can't be read.</p>"
    yield "</section>"


def _table(records: Sequence[Record]) -> Iterator[str]:
    yield "<table><tr><th>Notebook</th><th></th><th class=n>Cells run</th><th class=n>Session</th>"
    yield "</tr>"
    for number, record in enumerate(records):
        more = record.status != "ok" or record.errors
        badge = f'<a href="#{_anchor(number)}">{_badge(record)}</a>' if more else _badge(record)
        yield (
            f"<tr><td>{_name(record)}</td><td>{badge}</td>"
            f"<td class=n>{record.ran} of {record.cells}</td>"
            f"<td class=n>{record.session_s:.1f} s</td></tr>"
        )
    yield "</table>"


def _cells(folder: Path, record: Record) -> list[Any]:
    """As they were written: a big notebook is not checked once more."""
    try:
        cells = json.loads((folder / record.output).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return cells if isinstance(cells, list) else []


def _name(record: Record) -> str:
    shown = f"<bdi>{html.escape(one_line(record.notebook, _NAME_CHARS))}</bdi>"
    # Below ./ no name is taken for a scheme such as javascript:
    return f'<a href="./{quote(record.output)}">{shown}</a>' if record.output else shown


def _badge(record: Record) -> str:
    return f'<span class="badge {record.status.replace(" ", "-")}">{record.status}</span>'


def _anchor(number: int) -> str:
    return f"n{number}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
