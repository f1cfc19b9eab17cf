"""Which requests of a local pool meet a fault, and which: the rules of ``pool --faults FILE``.

The file is JSON::

    {"seed": 7,
     "rules": [
       {"fault": "reset_after", "path": "/jupyter/send", "nth": [3, 10]},
       {"fault": "cut", "path": "/jupyter/read", "every": 7, "bytes": 1000},
       {"fault": "answer", "status": 429, "retry_after": 1, "probability": 0.02, "times": 50}]}

Each rule counts the requests that match its ``path`` (a shell pattern; default ``*``) and
``method``. It fires on the ``nth`` of them (from 1), on ``every`` so many, or with a
``probability`` drawn from the seed; at most ``times`` times. The first rule that fires wins.
``FAULTS`` says which faults there are and what each may be told. No I/O here: see ``front.py``.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from azure_session_kernel.common.errors import SettingsError

#: Statuses that ``answer`` can give.
STATUSES: Final = (400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504, 507)

#: Every fault, and the options it takes beside those that choose its requests.
FAULTS: Final[Mapping[str, frozenset[str]]] = {
    # For so many ``seconds``, every connection is reset and every new one closed when accepted.
    "refuse": frozenset({"seconds"}),
    # The connection is reset; the request goes nowhere.
    "reset_before": frozenset(),
    # The request reaches the container; when the answer begins, the connection is reset.
    "reset_after": frozenset(),
    # The answer's body ends after ``bytes`` bytes and the connection is closed.
    "cut": frozenset({"bytes"}),
    # The request is passed on ``seconds`` later.
    "delay": frozenset({"seconds"}),
    # The request is passed on when the rules are replaced.
    "hold": frozenset(),
    # After ``bytes`` bytes of the body nothing more comes; after ``seconds`` more, a reset.
    "stall": frozenset({"bytes", "seconds"}),
    # The answer is held back until it ends, or for ``seconds``.
    "buffer": frozenset({"seconds"}),
    # The container gets the request twice; the client the ``answer`` to the "first" or "second".
    "duplicate": frozenset({"answer"}),
    # After ``seconds`` the pool answers with ``status``, and perhaps ``retry_after`` seconds.
    # Nothing is passed on.
    "answer": frozenset({"status", "retry_after", "seconds"}),
    # The pool's token changes; 401 until the new one is read from the pool's record.
    "expire_token": frozenset(),
    # The session is stopped and the request gets a fresh one.
    "replace_session": frozenset(),
    # SIGKILL to the session's interpreter, or its adapter, ``seconds`` after the request came.
    "kill_interpreter": frozenset({"seconds"}),
    "kill_adapter": frozenset({"seconds"}),
    # The pool's clock jumps ``seconds`` (default: the cooldown); sessions that are then too old
    # end, also when a request is under way: what Azure does there is unknown.
    "clock_jump": frozenset({"seconds"}),
}

_CHOOSING: Final = frozenset({"fault", "path", "method", "nth", "every", "probability", "times"})

Check = Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86400


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


_CHECKS: Final[Mapping[str, tuple[str, Check]]] = {
    "path": ("a shell pattern such as /jupyter/*", _is_text),
    "method": ("an HTTP method", _is_text),
    "nth": (
        "a list of numbers from 1",
        lambda v: isinstance(v, list) and bool(v) and all(map(_is_count, v)),
    ),
    "every": ("a number from 1", _is_count),
    "probability": ("a number from 0 to 1", lambda v: _is_number(v) and v <= 1),
    "times": ("a number from 1", _is_count),
    "seconds": ("a number of seconds up to 86400", _is_number),
    "bytes": ("a number of bytes from 0", lambda v: v == 0 or _is_count(v)),
    "answer": ('"first" or "second"', lambda v: v in ("first", "second")),
    "status": (f"one of {', '.join(map(str, STATUSES))}", lambda v: v in STATUSES),
    "retry_after": ("a number of seconds from 0", lambda v: v == 0 or _is_count(v)),
}


@dataclass(frozen=True)
class Rule:
    """One line of the plan. ``None`` means: not said."""

    fault: str
    path: str = "*"
    method: str | None = None
    nth: tuple[int, ...] = ()
    every: int | None = None
    probability: float | None = None
    times: int | None = None
    seconds: float | None = None
    bytes: int = 0
    answer: str = "second"
    status: int = 503
    retry_after: int | None = None

    @property
    def label(self) -> str:
        """The name it is counted under: one for each status, and for Retry-After."""
        if self.fault != "answer":
            return self.fault
        return f"answer_{self.status}" + ("_retry_after" if self.retry_after is not None else "")

    def matches(self, method: str, path: str) -> bool:
        return fnmatchcase(path, self.path) and self.method in (None, method)


@dataclass
class _Counted:
    """A rule and what it has seen."""

    rule: Rule
    dice: random.Random
    seen: int = 0
    fired: int = 0

    def fires(self) -> bool:
        self.seen += 1
        rule = self.rule
        if rule.times is not None and self.fired >= rule.times:
            return False
        fires = (
            self.seen in rule.nth
            or (rule.every is not None and self.seen % rule.every == 0)
            or (rule.probability is not None and self.dice.random() < rule.probability)
        )
        self.fired += fires
        return fires


@dataclass
class FaultPlan:
    """Rules in force, and how often each kind of fault has taken effect.

    :ivar replaced: set when these rules are.
    """

    rules: list[_Counted] = field(default_factory=list)
    hits: dict[str, int] = field(default_factory=dict)
    replaced: asyncio.Event = field(default_factory=asyncio.Event)

    def replace(self, rules: list[Rule], seed: int) -> None:
        """New rules from now on; the counts of hits go on."""
        self.rules = [
            _Counted(rule, random.Random(f"{seed}/{index}"))  # noqa: S311
            for index, rule in enumerate(rules)
        ]
        self.let_go()

    def let_go(self) -> None:
        """Of the requests that are held."""
        self.replaced.set()
        self.replaced = asyncio.Event()

    def choose(self, method: str, path: str) -> Rule | None:
        """The fault of this request. Every rule that matches counts it."""
        fired = [
            counted.rule
            for counted in self.rules
            if counted.rule.matches(method, path) and counted.fires()
        ]
        return fired[0] if fired else None

    def hit(self, rule: Rule) -> None:
        self.hits[rule.label] = self.hits.get(rule.label, 0) + 1


def read_plan(path: Path) -> tuple[list[Rule], int]:
    """The rules and the seed of a file.

    :raises SettingsError: it can't be read, or is not of the form above.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"The faults in {path} can't be read: {error}.") from error
    try:
        return parse_plan(value)
    except ValueError as error:
        fix = "The module azure_session_laboratory.faults.plan describes the form."
        raise SettingsError(f"{path}: {error}.", fix=fix) from error


def parse_plan(value: Any) -> tuple[list[Rule], int]:
    """:raises ValueError: with the place and what is expected there."""
    if not isinstance(value, dict) or not isinstance(value.get("rules"), list):
        raise ValueError('an object with a list "rules" is expected')
    unknown = value.keys() - {"seed", "rules"}
    if unknown:
        raise ValueError(f"{min(unknown)} is not known; there are seed and rules")
    seed = value.get("seed", 0)
    if not isinstance(seed, int):
        raise ValueError("seed must be a whole number")
    return [_rule(item, f"rules[{i}]") for i, item in enumerate(value["rules"])], seed


def _rule(value: Any, where: str) -> Rule:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object")
    fault = str(value.get("fault"))
    if fault not in FAULTS:
        raise ValueError(f"{where}.fault must be one of {', '.join(FAULTS)}")
    for name, given in value.items():
        if name not in _CHOOSING | FAULTS[fault]:
            known = ", ".join(sorted(_CHOOSING | FAULTS[fault]))
            raise ValueError(f"{where}.{name} is not known for {fault}; there are {known}")
        if name in _CHECKS and not _CHECKS[name][1](given):
            raise ValueError(f"{where}.{name} must be {_CHECKS[name][0]}")
    if not value.keys() & {"nth", "every", "probability"}:
        raise ValueError(f"{where} needs nth, every or probability")
    return Rule(**{**value, "nth": tuple(value.get("nth", ()))})
