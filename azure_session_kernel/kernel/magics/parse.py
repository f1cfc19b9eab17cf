"""Recognising our magics, and reading their arguments."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ...common.errors import MagicUsage
from ...transfer.quoting import words
from ...wire import Message

NAMES: Final = ("session", "upload", "download", "files")
_LINE: Final = re.compile(rf"%({'|'.join(NAMES)})(?:[ \t\r].*)?")
_STDIN: Final = re.compile(r"%%(stdin)(?:[ \t\r].*)?")
#: Ends the lines of ``%%stdin``.
CODE_LINE: Final = "%%code"


@dataclass(frozen=True)
class Magic:
    """A cell whose first line is ours.

    :ivar rest: what runs in the session afterwards, the first line made a comment, so that
        tracebacks name the right lines; "" when there is nothing to run.
    :ivar lines: what stands between ``%%stdin`` and ``%%code``; None when there is no ``%%code``.
    """

    name: str
    arguments: str
    rest: str
    lines: str | None = None


def find_magic(message: Message) -> Magic | None:
    """The magic of ours in an execute request; None for anything else.

    ``%upload a.csv`` gives ``Magic("upload", "a.csv", "")``, and with a line ``print(1)`` below it
    ``Magic("upload", "a.csv", "# %upload a.csv\\nprint(1)")``: what runs in the session keeps its
    line numbers. ``%%stdin``, ``yes``, ``%%code`` and ``input()``, a line each, give
    ``Magic("stdin", "", "# %%stdin\\n# yes\\n# %%code\\ninput()", "yes\\n")``.
    """
    code = message.content.get("code")
    if message.msg_type != "execute_request" or not isinstance(code, str):
        return None
    line, _, rest = code.partition("\n")
    match = _LINE.fullmatch(line)
    if match is not None:
        return Magic(match[1], line[match.end(1) :].strip(), f"# {code}" if _runs(rest) else "")
    match = _STDIN.fullmatch(line)
    return None if match is None else _with_lines(line[match.end(1) :].strip(), line, rest)


def _runs(code: str) -> bool:
    return any(part.strip() and not part.strip().startswith("#") for part in code.split("\n"))


def _with_lines(arguments: str, line: str, rest: str) -> Magic:
    """``%%stdin``. Its lines become comments, too."""
    given, code = rest.split("\n"), rest
    end = next((i for i, one in enumerate(given) if one.rstrip() == CODE_LINE), None)
    if end is None or arguments:
        return Magic("stdin", arguments, f"# {line}\n{rest}" if arguments and _runs(rest) else "")
    code = "\n".join(given[end + 1 :])
    above = "".join(f"# {one}\n" for one in (line, *given[: end + 1]))
    lines = "".join(f"{one}\n" for one in given[:end])
    return Magic("stdin", "", above + code if _runs(code) else "", lines)


class Arguments(argparse.ArgumentParser):
    """``argparse`` that raises instead of printing and exiting.

    :param usage: the whole line, as shown when it was not understood.
    """

    def __init__(self, usage: str) -> None:
        super().__init__(usage=usage, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise MagicUsage(
            f"This line was not understood: {message}.", fix=f"Write it so: {self.usage}"
        )

    def parse(self, line: str) -> Any:
        """:raises MagicUsage:"""
        return self.parse_args(words(line))
