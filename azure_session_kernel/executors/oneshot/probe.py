"""Small harmless programs that find out what a one-shot pool is like.

Each prints one line: a word, the boot id that the session knows, how many cells it has seen, the
version of Python. A session that keeps variables still knows the boot id of the program before.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

from .answer import Ran, excerpt
from .api import NoPython

_WORD: Final = "ask-probe"
_RESULT: Final = "ask-result"
_STDIN: Final = "ask-stdin"
#: Sent with the first program as its standard input.
GIVEN: Final = "ask-given\n"
#: A pool that passes none on may leave its own there, at which a read would wait.
_STDIN_S: Final = 0.5
_LINE: Final = re.compile(
    rf"^{_WORD} (?P<boot>b-[0-9a-f]{{16}}|-) (?P<count>\d{{1,9}})(?: (?P<python>[\w.+-]{{1,40}}))?",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Seen:
    """What a probe's answer says.

    :ivar boot: "" when the session knows none.
    :ivar shows_results: the pool shows the value of a last expression by itself.
    :ivar takes_stdin: the program got the standard input that it was sent with.
    :ivar one_text: as in ``Ran``.
    """

    boot: str
    count: int
    python: str
    shows_results: bool = False
    takes_stdin: bool = True
    one_text: bool = False


def new_boot() -> str:
    return f"b-{secrets.token_hex(8)}"


def first_code(boot: str) -> str:
    """Tells the session ``boot`` unless it knows one already."""
    return (
        "try: _ask_boot\n"
        f'except NameError: _ask_boot, _ask_count = "{boot}", 0\n'
        f'print("{_WORD}", _ask_boot, _ask_count, __import__("platform").python_version())\n'
        f'try: print("{_STDIN}", bool(__import__("select").select([0], [], [], {_STDIN_S})[0]) '
        f'and __import__("sys").stdin.readline() == {GIVEN!r})\n'
        f'except Exception: print("{_STDIN} False")\n'
        f'"{_RESULT[:4]}" + "{_RESULT[4:]}"\n'
    )


def check_code(count: int) -> str:
    """Which boot is there; from now on its count is ``count``."""
    return (
        f'try: print("{_WORD}", _ask_boot, {count}); _ask_count = {count}\n'
        f'except NameError: print("{_WORD} - 0")\n'
    )


def read_probe(ran: Ran) -> Seen:
    """:raises NoPython: the program did not print what it must."""
    found = _LINE.search(ran.stdout)
    if found is None:
        said = " ".join(filter(None, (ran.stdout, ran.stderr, ran.said)))
        raise NoPython(
            "The pool runs no Python as this kernel needs it: a small program came back with "
            + (excerpt(said) if said.strip() else "nothing at all")
            + ".",
            cause="The program in the session runs another language, or fails at every execution "
            "(Piston needs a privileged container, which sessions are not).",
            fix="Run azure-session-kernel doctor, and look at the container's own log.",
        )
    boot = "" if found["boot"] == "-" else found["boot"]
    shows = _RESULT in ran.stdout or (isinstance(ran.result, str) and _RESULT in ran.result)
    stdin = f"{_STDIN} False" not in ran.stdout
    return Seen(boot, int(found["count"]), found["python"] or "", shows, stdin, ran.one_text)
