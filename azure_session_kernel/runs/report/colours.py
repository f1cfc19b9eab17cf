"""Text with a terminal's colours as HTML. What a session prints is untrusted: colours stay, every
other control goes, and the rest is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

#: The 16 named ones, dark enough for a light page; further ones are xterm's cube and greys.
_NAMED: Final = (
    *("#24292f", "#b3261e", "#1a7f37", "#8a6100", "#0a53be", "#8250df", "#0f7285", "#57606a"),
    *("#6e7781", "#cf222e", "#2da44e", "#9a6700", "#218bff", "#a475f9", "#1b9aaa", "#8c959f"),
)
_STEPS: Final = (0, 95, 135, 175, 215, 255)
_SGR: Final = re.compile(r"\x1b\[([0-9;]*)m")
#: Other escape sequences, and control characters but tab and newline.
_OTHER: Final = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b(?!\[[0-9;]*m)"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]"
)


def stylesheet() -> str:
    """The rules for all classes that ``as_html`` uses."""
    rules = [".b{font-weight:600}.i{font-style:italic}.u{text-decoration:underline}"]
    for number in range(256):
        colour = _colour(number)
        rules.append(f".f{number}{{color:{colour}}}.g{number}{{background:{colour}}}")
    return "".join(rules)


def as_html(text: str) -> str:
    return "".join(_spans(_OTHER.sub("", text.replace("\r\n", "\n"))))


@dataclass(frozen=True)
class _Style:
    """:ivar fore: 0 to 255, or None."""

    bold: bool = False
    italic: bool = False
    underlined: bool = False
    fore: int | None = None
    back: int | None = None

    @property
    def classes(self) -> str:
        names = [n for n, on in zip("biu", (self.bold, self.italic, self.underlined)) if on]  # noqa: B905
        names += [f"f{self.fore}"] if self.fore is not None else []
        names += [f"g{self.back}"] if self.back is not None else []
        return " ".join(names)


def _spans(text: str) -> Iterator[str]:
    style, at = _Style(), 0
    for match in _SGR.finditer(text):
        yield _span(text[at : match.start()], style)
        style, at = (
            _after(style, [int(n) if n else 0 for n in match[1][:200].split(";")]),
            match.end(),
        )
    yield _span(text[at:], style)


def _span(text: str, style: _Style) -> str:
    escaped = html.escape(text)
    return f'<span class="{style.classes}">{escaped}</span>' if text and style.classes else escaped


def _after(style: _Style, codes: list[int]) -> _Style:
    """``style`` as ECMA-48's SGR changes it."""
    while codes:
        code = codes.pop(0)
        match code:
            case 0:
                style = _Style()
            case 1 | 22:
                style = replace(style, bold=code == 1)
            case 3 | 23:
                style = replace(style, italic=code == 3)
            case 4 | 24:
                style = replace(style, underlined=code == 4)
            case 38 | 48:
                colour = _extended(codes)
                style = replace(style, fore=colour) if code == 38 else replace(style, back=colour)
            case 39:
                style = replace(style, fore=None)
            case 49:
                style = replace(style, back=None)
            case _ if 30 <= code % 60 <= 37 and code < 98:
                style = replace(style, fore=code % 60 - 30 + (8 if code >= 90 else 0))
            case _ if 40 <= code % 60 <= 47 and code < 108:
                style = replace(style, back=code % 60 - 40 + (8 if code >= 100 else 0))
    return style


def _extended(codes: list[int]) -> int | None:
    """``5;N`` or ``2;R;G;B``, which are taken off."""
    kind = codes.pop(0) if codes else 0
    taken, codes[:] = codes[: (size := 3 if kind == 2 else 1)], codes[size:]
    if kind == 5 and taken:
        return min(taken[0], 255)
    if kind == 2 and len(taken) == 3:
        red, green, blue = (min(range(6), key=lambda i, c=c: abs(_STEPS[i] - c)) for c in taken)  # type: ignore[misc]
        return 16 + 36 * red + 6 * green + blue
    return None


def _colour(number: int) -> str:
    if number < 16:
        return _NAMED[number]
    if number < 232:
        cube = number - 16
        levels = (_STEPS[cube // 36], _STEPS[cube // 6 % 6], _STEPS[cube % 6])
    else:
        levels = (8 + 10 * (number - 232),) * 3
    return "#" + "".join(f"{level:02x}" for level in levels)
