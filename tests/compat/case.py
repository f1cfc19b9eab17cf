"""One line of the checklist: what is done on both kernels, and what may differ."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pprint import pformat
from typing import Any

from .front import Front
from .normal import Normal

Observe = Callable[[Front], Any]
Adjust = Callable[[Any], Any]


@dataclass(frozen=True)
class Case:
    """
    :ivar subject: what the line of the checklist is about.
    :ivar shows: what is done and compared, in a few words.
    :ivar observe: does it on one kernel and returns everything that was seen.
    :ivar difference: what differs, and why; "" when nothing may.
    :ivar without: takes the difference out of either kernel's observation.
    """

    subject: str
    shows: str
    observe: Observe
    difference: str = ""
    without: Adjust = lambda seen: seen

    def __str__(self) -> str:
        words = f"{self.subject} {self.shows}".replace("`", "").replace("/", " ")
        return "-".join(words.split())[:70]

    def check(self, local: Front, remote: Front) -> None:
        """Equal, or different in exactly what the checklist says."""
        there, here = (Normal()(self.observe(front)) for front in (local, remote))
        if self.difference:
            assert here != there, "the difference that the checklist names is gone"
            there, here = self.without(there), self.without(here)
        assert here == there, difference_between(there, here)


class Section:
    """Cases of one kind; a decorator adds them in their order."""

    def __init__(self, title: str, about: str, columns: tuple[str, str]) -> None:
        self.title, self.about, self.columns = title, about, columns
        self.cases: list[Case] = []

    def case(self, subject: str, shows: str, **difference: Any) -> Callable[[Observe], Observe]:
        def add(observe: Observe) -> Observe:
            self.cases.append(Case(subject, shows, observe, **difference))
            return observe

        return add


def difference_between(there: Any, here: Any) -> str:
    a, b = (pformat(seen, width=100).splitlines() for seen in (there, here))
    return "\n".join(difflib.unified_diff(a, b, "ipykernel", "this kernel", lineterm="", n=12))
