"""A cell that misses a file which is on the user's machine is told so, with the command that helps.

One line is added to the traceback, in the error output and in the reply alike (docs/design.md
rule 6). Nothing is added when the file is not beside the notebook, or would not be uploaded, or
when a quick look (``transfer/local_lookup.py``) does not tell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from ...transfer.quoting import quoted, unescaped
from ...wire import Message

#: A name as ``repr`` writes it.
_NAME: Final = r"""(?P<bytes>b?)(?P<q>['"])(?P<name>(?:(?!(?P=q))[^\\\n]|\\.){1,1800})(?P=q)"""
_NO_FILE: Final = re.compile(rf"\[Errno 2\] [^:]*: {_NAME}")
_NO_MODULE: Final = re.compile(r"No module named '(?P<name>[^'\n]{1,200})'")
#: Of an error's text, this much is looked at.
_CHARS: Final = 2000
#: Different errors of one cell that are looked up: a session can send any number.
MAX_LOOKUPS: Final = 3


class UploadHint:
    """For the errors of one cell. What was said in its error output is said in its reply."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], str] = {}

    def added_to(self, message: Message, folder: Path) -> Message:
        """:param folder: the notebook's."""
        if message.msg_type not in ("error", "execute_reply"):
            return message
        ename, evalue = message.content.get("ename"), message.content.get("evalue")
        traceback = message.content.get("traceback")
        if not (isinstance(ename, str) and isinstance(evalue, str) and isinstance(traceback, list)):
            return message
        line = self._line(ename[:_CHARS], evalue[:_CHARS], folder)
        if not line:
            return message
        return replace(message, content={**message.content, "traceback": [*traceback, line]})

    def _line(self, ename: str, evalue: str, folder: Path) -> str:
        found = self._lines.get((ename, evalue))
        if found is None and len(self._lines) < MAX_LOOKUPS:
            found = self._lines[ename, evalue] = _hint(ename, evalue, folder)
        return found or ""


def _hint(ename: str, evalue: str, folder: Path) -> str:
    name = next(filter(None, _patterns(ename, evalue, folder)), "")
    if not name:
        return ""
    command = quoted(name)
    return (
        f"\x1b[1m{name if name.isprintable() else command} is on your machine, not in the session."
        f"\x1b[0m To upload it, run: %upload {command}"
    )


def _patterns(ename: str, evalue: str, folder: Path) -> Iterator[str]:
    """What may have to be uploaded, as patterns of ``%upload``; "" for what is not there."""
    from ...transfer.local_lookup import pattern_of, pattern_of_package  # most cells miss none

    match ename:
        case "FileNotFoundError" if found := _NO_FILE.search(evalue):
            yield pattern_of(folder, _name(found))
        case "ModuleNotFoundError" if found := _NO_MODULE.search(evalue):
            # A module's file, or its package with everything in it.
            top, path = found["name"].partition(".")[0], found["name"].replace(".", "/")
            yield pattern_of(folder, f"{top}.py")
            yield pattern_of_package(folder, top)
            yield pattern_of(folder, f"{path}.py")
        case _:
            return


def _name(found: re.Match[str]) -> str:
    """What was opened; a name that is not text is what Python makes of it (PEP 383)."""
    name = unescaped(found["name"])
    return os.fsdecode(name.encode("latin-1", "replace")) if found["bytes"] else name
