"""A cell of an executed notebook as HTML: its code, what it printed, its pictures, its error.

Everything in it is untrusted. Of rich outputs only pictures are shown as such, in ``<img>``, where
an SVG runs no script; HTML and all else is shown as text.
"""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..wording import one_line
from .colours import as_html

_TEXT_CHARS: Final = 20_000
_CODE_CHARS: Final = 50_000
_PICTURE_BYTES: Final = 3_000_000
_MOST_OUTPUTS: Final = 50
_PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")


def cell_html(cell: Mapping[str, Any], number: int) -> Iterator[str]:
    """:param number: the cell's, counted from 1."""
    yield f"<p class=where>Cell {number}</p>"
    yield f"<pre class=code>{as_html(_shortened(_text(cell.get('source')), _CODE_CHARS))}</pre>"
    outputs = cell.get("outputs") or []
    errors = [output for output in outputs if output.get("output_type") == "error"]
    others = [output for output in outputs if output.get("output_type") != "error"]
    for output in [*others[:_MOST_OUTPUTS], *errors[:_MOST_OUTPUTS]]:
        yield _output(output)
    if left_out := len(others[_MOST_OUTPUTS:]) + len(errors[_MOST_OUTPUTS:]):
        yield f"<p class=note>{left_out} further outputs are in the notebook.</p>"


def _output(output: Mapping[str, Any]) -> str:
    match output.get("output_type"):
        case "stream":
            return _pre(_text(output.get("text")), "out")
        case "error":
            lines = output.get("traceback")
            shown = "\n".join(map(_text, lines)) if isinstance(lines, list) else ""
            return _pre(shown or f"{output.get('ename')}: {output.get('evalue')}", "error")
        case "display_data" | "execute_result":
            data = output.get("data")
            return _bundle(data) if isinstance(data, Mapping) else ""
    return ""


def _bundle(data: Mapping[str, Any]) -> str:
    for mime in _PICTURES:
        if mime in data:
            return _picture(mime, _text(data[mime]))
    if "text/plain" in data:
        return _pre(_text(data["text/plain"]), "out")
    return f"<p class=note>An output of {html.escape(one_line(', '.join(data)))}.</p>"


def _picture(mime: str, content: str) -> str:
    try:
        svg = mime == "image/svg+xml"
        raw = content.encode() if svg else base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return "<p class=note>A picture that can't be read.</p>"
    if len(raw) > _PICTURE_BYTES:
        return f"<p class=note>A picture of {len(raw) / 1e6:.1f} MB is in the notebook.</p>"
    return f'<p><img alt="picture" src="data:{mime};base64,{base64.b64encode(raw).decode()}"></p>'


def _pre(text: str, kind: str) -> str:
    return f"<pre class={kind}>{as_html(_shortened(text, _TEXT_CHARS))}</pre>" if text else ""


def _shortened(text: str, chars: int) -> str:
    """Its beginning and its end, which say most."""
    if len(text) <= chars:
        return text
    half = chars // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n… {left_out:,} characters are only in the notebook …\n{text[-half:]}"


def _text(value: Any) -> str:
    """nbformat has text as one string, or as a list of lines."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")
