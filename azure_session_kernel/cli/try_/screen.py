"""What a person sees of a trial: cells and their outputs, as they come."""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.control import Control
from rich.markdown import Markdown
from rich.segment import ControlType
from rich.syntax import Syntax
from rich.text import Text

from ...emulator import NO_SANDBOX
from .terminal_text import ColouredText, clean

_GUTTER = "  │ "
_OBJECT = re.compile(r"<[\w.]+( object| size .*)?>")
_CARRIAGE_RETURN = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 0))


class Screen:
    """Follows one notebook: ``header``, then for each cell its source, messages and time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._output = _OutputWriter(console)

    def starting(self, what: str) -> AbstractContextManager[Any]:
        return self._console.status(what)

    def header(self, notebook: Path, kernel: str) -> None:
        self._console.rule(Text(notebook.name, style="bold"))
        self._line(f"Kernel: {kernel}", style="dim")
        self._line("Cells run in a local session pool on this machine, not in Azure.", style="dim")
        self._line(NO_SANDBOX, style="dim")

    def markdown(self, cell: NotebookNode) -> None:
        self._console.print()
        self._console.print(Markdown(clean(cell.source)))

    def source(self, cell: NotebookNode, number: int) -> None:
        self._console.print()
        self._line(f"In [{number}]", style="bold cyan")
        code = Syntax(
            clean(cell.source),
            "python",
            theme="ansi_dark",
            background_color="default",
            word_wrap=True,
        )
        self._console.print(code)

    def message(self, message: Mapping[str, Any]) -> None:
        """One IOPub message of the running cell; those without output are ignored."""
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                name = content["name"]
                self._output.write(content["text"], "yellow" if name == "stderr" else "dim", name)
            case "error":
                shown = (
                    "\n".join(content["traceback"]) or f"{content['ename']}: {content['evalue']}"
                )
                self._output.block(shown, "red")
            case "display_data" | "execute_result" | "update_display_data":
                for line in describe(content["data"]):
                    self._output.block(line, "green")

    def cell_done(self, elapsed_s: float, failed: bool) -> None:
        self._output.end()
        mark, style = ("✗", "red") if failed else ("✓", "green")
        self._console.print(Text(f"  {mark} ", style=style), Text(f"{elapsed_s:.2f} s", "dim"))

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(clean(text), style=style), soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """A line of our own, outside of any cell."""
        self._output.end()
        self._line(text, style)


class _OutputWriter:
    """Writes outputs behind a coloured gutter, without waiting for whole lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stream = ""
        self._reset()

    def _reset(self) -> None:
        self._cleaner = ColouredText()
        self._decoder = AnsiDecoder()
        self._at_start = True

    def write(self, text: str, gutter: str, stream: str) -> None:
        """A piece of ``stream``; a different stream begins on a new line."""
        if stream != self._stream:
            self.end()
            self._stream = stream
        for part in re.split(r"(\r?\n|\r)", self._cleaner.feed(text)):
            self._part(part, gutter)

    def block(self, text: str, gutter: str) -> None:
        self.end()
        self.write(text, gutter, "block")
        self.end()

    def end(self) -> None:
        """Finish the line that is begun, and forget colours that were left on."""
        if not self._at_start:
            self._console.print()
        self._stream = ""
        self._reset()

    def _part(self, part: str, gutter: str) -> None:
        if part == "\r" and self._console.is_terminal:
            self._console.control(_CARRIAGE_RETURN)
            self._at_start = True
        elif part in ("\n", "\r\n", "\r"):
            if self._at_start and part != "\r":
                self._put(Text(_GUTTER.rstrip(), gutter))
            if not (self._at_start and part == "\r"):
                self._console.print()
            self._at_start = True
        elif part:
            if self._at_start:
                self._put(Text(_GUTTER, gutter))
            self._put(self._decoder.decode_line(part))
            self._at_start = False

    def _put(self, text: Text) -> None:
        self._console.print(text, end="", soft_wrap=True, highlight=False)


def describe(data: Mapping[str, Any]) -> list[str]:
    """The lines that stand for a MIME bundle in a terminal: its text, or what can't be shown."""
    plain = str(data.get("text/plain", ""))
    rich = [f"[{_size(mime, value)}]" for mime, value in data.items() if mime.startswith("image/")]
    if rich:
        return rich
    if plain and not _OBJECT.fullmatch(plain):
        return [plain]
    others = [f"[{_size(mime, value)}]" for mime, value in data.items() if mime != "text/plain"]
    return others or [plain]


def _size(mime: str, value: Any) -> str:
    """``image/png, 640 x 480, 12.3 kB``"""
    text = value if isinstance(value, str) else str(value)
    if not mime.startswith("image/") or mime == "image/svg+xml":
        return f"{mime}, {_amount(len(text.encode()))}"
    try:
        raw = b64decode(text)
    except ValueError:
        return f"{mime}, unreadable"
    if mime == "image/png" and len(raw) >= 24:
        width, height = struct.unpack(">II", raw[16:24])
        return f"{mime}, {width} x {height}, {_amount(len(raw))}"
    return f"{mime}, {_amount(len(raw))}"


def _amount(size_bytes: int) -> str:
    return f"{size_bytes} bytes" if size_bytes < 1000 else f"{size_bytes / 1000:.1f} kB"
