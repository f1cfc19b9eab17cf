"""The table of causes, and what some evidence implies.

One row a cause (``table``): the pattern of evidence, how surely it implies the cause, the
explanation, the fix. ``doctor`` asks with everything it saw; the kernel's errors
(``pool/failures.py``) ask with one failing call. docs/troubleshooting.md is made of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from .evidence import Evidence, Reply
from .fields import filled
from .signs import HIGH, LOW, MEDIUM, Sign
from .table.container import CONTAINER_CAUSES
from .table.front import FRONT_CAUSES
from .table.here import HERE
from .table.network import NETWORK
from .table.row import Cause
from .table.session import SESSION
from .table.signin import SIGNIN

#: In the order of the way a request takes. Of equally sure causes, the first one counts: what comes
#: later on the way can only be judged when the part before it works.
CAUSES: Final[tuple[Cause, ...]] = (
    *HERE,
    *NETWORK,
    *SIGNIN,
    *FRONT_CAUSES,
    *CONTAINER_CAUSES,
    *SESSION,
)
_RANK: Final = {HIGH: 0, MEDIUM: 1, LOW: 2}


@dataclass(frozen=True)
class Finding:
    """A cause that the evidence implies.

    :ivar confidence: ``high``, ``medium`` or ``low``; at most one finding is ``high``.
    :ivar seen: the replies that the sign holds because of.
    """

    cause: Cause
    sign: Sign
    confidence: str
    explanation: str
    fix: str
    seen: tuple[Reply, ...] = ()

    @property
    def id(self) -> str:
        return self.cause.id


def diagnose(evidence: Evidence) -> tuple[Finding, ...]:
    """The causes that the evidence implies, the surest first; at most one with high confidence."""
    found: list[Finding] = []
    for cause in CAUSES:
        sign = next((sign for sign in cause.signs if sign.holds(evidence)), None)
        if sign is not None:
            found.append(_finding(cause, sign, evidence))
    found.sort(key=lambda finding: _RANK[finding.confidence])
    return tuple(_one_certain(found))


def cause(cause_id: str) -> Cause:
    """:raises KeyError:"""
    return _BY_ID[cause_id]


def _finding(row: Cause, sign: Sign, evidence: Evidence) -> Finding:
    advice = row.advice(evidence)
    return Finding(
        row,
        sign,
        sign.confidence,
        filled(advice.explanation, evidence),
        filled(advice.fix, evidence),
        _witnesses(sign, evidence),
    )


def _witnesses(sign: Sign, evidence: Evidence) -> tuple[Reply, ...]:
    """As few replies as the sign holds with, the earlier ones of those that say the same."""
    kept = evidence.replies
    for reply in reversed(evidence.replies):
        fewer = tuple(other for other in kept if other is not reply)
        if sign.holds(replace(evidence, replies=fewer)):
            kept = fewer
    return kept


def _one_certain(found: list[Finding]) -> list[Finding]:
    """The second certain cause may be a consequence of the first: it is likely, no more."""
    return [
        replace(f, confidence=MEDIUM) if i and f.confidence == HIGH else f
        for i, f in enumerate(found)
    ]


_BY_ID: Final = {row.id: row for row in CAUSES}
