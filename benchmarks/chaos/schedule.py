"""Which fault comes before which cell: a shuffled deck of all kinds, dealt again and again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

RuleJson = dict[str, Any]

_STATUSES = (401, 403, 404, 409, 413, 429, 500, 502, 503, 504, 507)
#: Every kind of fault as the pool counts it.
KINDS: tuple[str, ...] = (
    "refuse",
    "reset_before",
    "reset_after",
    "cut",
    "delay",
    "stall",
    "buffer",
    "duplicate",
    *(f"answer_{status}" for status in _STATUSES),
    "answer_429_retry_after",
    "expire_token",
    "replace_session",
    "kill_interpreter",
    "kill_adapter",
    "clock_jump",
)
#: Dealt twice: what they wait for is sometimes not there.
_MISS_SOMETIMES = ("stall", "buffer", "reset_before", "delay")
_ENDS_A_SESSION = ("replace_session", "kill_interpreter", "kill_adapter", "clock_jump")


class Schedule:
    """:param dice: all chance comes from here."""

    def __init__(self, dice: random.Random, often: float) -> None:
        self._dice, self._often = dice, often
        self._deck = self._deal()

    def next(self) -> str | None:
        """The kind of fault that the next cell meets, or None."""
        return next(self._deck) if self._dice.random() < self._often else None

    def _deal(self) -> Iterator[str]:
        while True:
            deck = [*KINDS, *_MISS_SOMETIMES]
            self._dice.shuffle(deck)
            yield from deck

    def plan(self, kind: str | None) -> dict[str, Any]:
        """``kind`` once, soon; and reads that are cut off every few cells, so that reads begin.

        Every second one: a line that is longer than every connection could never arrive.
        """
        rules = [] if kind is None else self._rules(kind)
        rules.append(
            {
                "fault": "cut",
                "path": "/jupyter/read",
                "every": 2,
                "bytes": self._dice.randint(20_000, 60_000),
            }
        )
        return {"seed": self._dice.randint(0, 2**31), "rules": rules}

    def _rules(self, kind: str) -> list[RuleJson]:
        dice = self._dice
        path = dice.choice(("/jupyter/send", "/jupyter/send", "/jupyter/read", "/jupyter/*"))
        if kind in _ENDS_A_SESSION or kind == "reset_before":
            path = "/jupyter/send"
        rules: list[RuleJson] = [{"path": path, "nth": [1], **self._fault(kind, path)}]
        if path == "/jupyter/read":  # and let one begin
            rules.append({"fault": "reset_after", "path": "/jupyter/send", "nth": [1]})
            rules.append({"fault": "refuse", "seconds": 0, "path": "/jupyter/send", "nth": [2]})
        if kind in _ENDS_A_SESSION and dice.random() < 0.3:
            second = dice.choice(("reset_after", "cut", "duplicate", "answer_503", "delay"))
            rules.append(
                {"path": "/jupyter/hello", "nth": [1], **self._fault(second, "/jupyter/hello")}
            )
        return rules

    def _fault(self, kind: str, path: str) -> RuleJson:
        dice = self._dice
        in_stream = path == "/jupyter/read"
        match kind:
            case "refuse":
                return {"fault": kind, "seconds": dice.choice((0.1, 0.3, 1.0))}
            case "cut":
                return {"fault": kind, "bytes": dice.randint(0, 3000 if in_stream else 40)}
            case "delay":
                return {"fault": kind, "seconds": dice.choice((0.05, 0.2, 0.5))}
            case "stall":
                count = dice.randint(0, 2000 if in_stream else 40)
                return {"fault": kind, "bytes": count, "seconds": dice.choice((0.2, 0.5))}
            case "buffer":
                # A stream that is held back for good costs 5 s until it is noticed.
                for_good = dice.random() < 0.15
                return {"fault": kind, **({} if for_good else {"seconds": 0.3})}
            case "duplicate":
                return {"fault": kind, "answer": dice.choice(("first", "second"))}
            case "kill_interpreter" | "kill_adapter":
                return {"fault": kind, "seconds": dice.choice((0, 0.01, 0.1))}
            case "answer_429_retry_after":
                return {"fault": "answer", "status": 429, "retry_after": 1}
            case _ if kind.startswith("answer_"):
                return {"fault": "answer", "status": int(kind.removeprefix("answer_"))}
            case _:
                return {"fault": kind}
