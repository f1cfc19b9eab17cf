"""Text from a session, made safe for a terminal: colours stay, every other control goes.

What a session prints is untrusted (docs/design.md rule 10): it may colour its text, and it may not
move the cursor, set the window's title or write to the clipboard.
"""

from __future__ import annotations

import re

#: Escape sequences that are not colours (SGR), and control characters except \t \n \r.
_NOT_COLOUR = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links, clipboard
    r"|\x1b\[[0-?]*[ -/]*[@-ln-~]"  # CSI except SGR: cursor, erase, modes
    r"|\x1b(?!\[[0-9;]*m)"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)
#: The beginning of an escape sequence whose end may come with the next piece.
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,200})?$")


class ColouredText:
    """Cleans one stream that arrives in pieces."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The part of the stream that can be shown now."""
        text = self._held + piece
        match = _UNFINISHED.search(text)
        self._held = match.group() if match else ""
        return clean(text[: len(text) - len(self._held)])


def clean(text: str) -> str:
    """``text`` with colours and line breaks as its only control sequences."""
    return _NOT_COLOUR.sub("", text)
