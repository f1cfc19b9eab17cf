"""The cells: code with countable effects, and the outputs it must have."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: One thing on the front end's screen: where, and one line of it.
Line = tuple[str, str]

_BEGIN = """\
import os
_fd = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(_fd, b"{number}\\n")
os.close(_fd)
chain = globals().get("chain", 0) + 1
print(f"chain {{chain}}")
"""


@dataclass(frozen=True)
class Cell:
    """:ivar expected: its lines after the first, which tells the chain."""

    number: int
    code: str
    expected: list[Line]
    fails: bool = False


def make_cell(number: int, path: Path, dice: random.Random) -> Cell:
    """Mostly small ones; some print a lot, take long, fail, or are large themselves."""
    make = dice.choices([kind for kind, _ in _KINDS], [weight for _, weight in _KINDS])[0]
    code, expected = make(number, dice)
    begin = _BEGIN.format(path=str(path), number=number)
    return Cell(number, begin + code, expected, fails=make is _failing)


Made = tuple[str, list[Line]]


def _tiny(number: int, dice: random.Random) -> Made:
    return f"print('tiny {number}')", [("stdout", f"tiny {number}")]


def _value(number: int, dice: random.Random) -> Made:
    return f"{number} + 0", [("result", str(number))]


def _lines(number: int, dice: random.Random) -> Made:
    count = dice.randint(100, 500)
    code = f"for i in range({count}): print({number}, i)"
    return code, [("stdout", f"{number} {i}") for i in range(count)]


def _slow(number: int, dice: random.Random) -> Made:
    count = dice.randint(5, 20)
    code = f"import time\nfor i in range({count}): print({number}, i, flush=True); time.sleep(0.02)"
    return code, [("stdout", f"{number} {i}") for i in range(count)]


def _displays(number: int, dice: random.Random) -> Made:
    count = dice.randint(2, 12)
    code = (
        "from IPython.display import display\n"
        f"for i in range({count}):\n"
        f"    print('before', i)\n"
        f"    display({{'text/plain': f'{number} {{i}}'}}, raw=True)"
    )
    expected: list[Line] = []
    for i in range(count):
        expected += [("stdout", f"before {i}"), ("display", f"{number} {i}")]
    return code, expected


def _failing(number: int, dice: random.Random) -> Made:
    code = f"print('then')\nraise ArithmeticError('{number}')"
    return code, [("stdout", "then"), ("error", f"ArithmeticError {number}")]


def _large(number: int, dice: random.Random) -> Made:
    """More than one body holds, so it is sent in parts."""
    return f"print(len('{'x' * 1_200_000}'))", [("stdout", "1200000")]


_KINDS: list[tuple[Callable[[int, random.Random], Made], float]] = [
    (_tiny, 50),
    (_value, 20),
    (_lines, 8),
    (_slow, 8),
    (_displays, 8),
    (_failing, 5.5),
    (_large, 0.5),
]


def lines_of(messages: list[dict[str, Any]]) -> list[Line]:
    """What IOPub messages put on the screen, in order; a stream's pieces joined.

    Its last line has no end when the interpreter died in the middle, and is followed by an error.
    """
    found: list[Line] = []
    waiting = ""
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            *whole, waiting = (waiting + content["text"]).split("\n")
            found += [(content["name"], line) for line in whole]
            continue
        if waiting:
            found.append(("stdout", waiting))
            waiting = ""
        if kind in ("display_data", "execute_result"):
            name = "display" if kind == "display_data" else "result"
            found.append((name, content["data"]["text/plain"]))
        elif kind == "error":
            found.append(("error", f"{content['ename']} {content['evalue']}"))
    return [*found, ("stdout", waiting)] if waiting else found
