"""A magic's output: one display that may be updated, and no stream (docs/design.md rule 5)."""

from __future__ import annotations

import html
import uuid
from collections.abc import Callable, Sequence
from typing import Any

#: ``publish(msg_type, content)``.
Publish = Callable[[str, dict[str, Any]], None]


class Display:
    """Shown when first called, updated in place afterwards."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._id = uuid.uuid4().hex
        self._shown = False

    def show(self, plain: str, rich: str) -> None:
        """:param rich: HTML, in which everything that is not ours has been escaped."""
        content = {
            "data": {"text/plain": plain, "text/html": rich},
            "metadata": {},
            "transient": {"display_id": self._id},
        }
        self._publish("update_display_data" if self._shown else "display_data", content)
        self._shown = True

    def show_text(self, text: str) -> None:
        self.show(text, f"<pre>{html.escape(text)}</pre>")

    def show_table(self, rows: Sequence[Sequence[str]], footer: str = "") -> None:
        """Columns of text; the first is aligned left like all others."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
        plain = "\n".join([*(line.rstrip() for line in lines), *([footer] if footer else [])])
        cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
        table = "".join(f"<tr>{row}</tr>" for row in cells)
        rich = f"<table>{table}</table>"
        self.show(plain, rich + (f"<p>{html.escape(footer)}</p>" if footer else ""))


def printable(name: str) -> str:
    """An untrusted name for showing."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:300])
