"""One thing that users of Jupyter do, and what a kind of pool makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..compat.case import difference_between
from ..compat.front import Front
from ..compat.normal import Normal

KINDS: Final = ("container", "interpreter", "oneshot")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")

Observe = Callable[[Front], Any]


@dataclass(frozen=True)
class Differs:
    """It works, but not in the same way.

    :ivar how: for the table. :ivar without: takes the difference out of either observation.
    """

    how: str
    without: Callable[[Any], Any]


@dataclass(frozen=True)
class Cannot:
    """It fails, and the kernel says so. ``sentence`` must be in what the user sees."""

    sentence: str


@dataclass(frozen=True)
class Capability:
    """
    :ivar name: a line of the table in ``docs/pools.md``.
    :ivar observe: does it on one kernel; everything that was seen.
    :ivar but: by kind, where it is not the same as on a local ipykernel.
    """

    name: str
    observe: Observe
    but: Mapping[str, Differs | Cannot] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join(re.findall(r"\w+", self.name))[:60]

    def check(self, kind: str, local: Front, remote: Front) -> None:
        match self.but.get(kind):
            case Cannot(sentence):
                self.observe(local)  # the execution counts stay the same
                assert sentence in _text(self.observe(remote))
            case Differs(_, without):
                there, here = (self._seen(front) for front in (local, remote))
                assert here != there, "the difference that the table names is gone"
                _same(without(there), without(here))
            case None:
                _same(*(self._seen(front) for front in (local, remote)))

    def _seen(self, front: Front) -> Any:
        return Normal()(self.observe(front))


def _same(there: Any, here: Any) -> None:
    assert here == there, difference_between(there, here)


def _text(seen: Any) -> str:
    """All of it, without colours, as one line."""
    return " ".join(_COLOUR.sub("", json.dumps(seen, default=repr)).replace("\\n", " ").split())
