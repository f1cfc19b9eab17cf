"""What setup says while it works: a line for each step, which on a terminal counts the time."""

from __future__ import annotations

import io
import sys
from typing import Final, TextIO

from .waiting import Clock

_WIDTH: Final = 40
_CLEAR: Final = "\r\x1b[2K"


class Screen:
    """:param out: where a terminal is rewritten, and anything else only added to."""

    def __init__(self, clock: Clock, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        if isinstance(self._out, io.TextIOWrapper):
            self._out.reconfigure(errors="replace")
        self._clock = clock
        self._terminal = self._out.isatty()
        self._title = ""
        self._begun_s = 0.0
        self._said = ""

    def say(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def begin(self, number: int, of: int, title: str) -> None:
        self._title = f"{f'[{number}/{of}]':<8}{title:<{_WIDTH}}"
        self._begun_s = self._clock.now_s()
        self._said = ""
        if self._terminal:
            self._write(f"{_CLEAR}{self._title} …")

    def now(self, text: str) -> None:
        """How far the step is; the same again only counts the time."""
        if self._terminal:
            self._write(f"{_CLEAR}{self._title} {text}{self._took()} …")
        elif text != self._said:
            self.say(f"{self._title} {text} …")
        self._said = text

    def end(self, text: str) -> None:
        begin = _CLEAR if self._terminal else ""
        self._write(f"{begin}{self._title} {text}{self._took()}\n")

    def broken(self) -> None:
        """Whatever comes next begins on a line of its own."""
        if self._terminal:
            self._write("\n")

    def _took(self) -> str:
        took_s = round(self._clock.now_s() - self._begun_s)
        if took_s < 2:
            return ""
        return f", {took_s} s" if took_s < 100 else f", {took_s // 60} min {took_s % 60} s"

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
