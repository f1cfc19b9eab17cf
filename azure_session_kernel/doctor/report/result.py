"""What one check found, and the whole of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ...causes.diagnosis import Finding
from ...causes.evidence import Evidence
from ...causes.signs import LOW
from ...causes.table.row import CHECKS
from .wording import in_a_line

OK: Final = "ok"
WARNING: Final = "warning"
PROBLEM: Final = "problem"
UNDONE: Final = "not done"
#: Of a reply's body in ``--json``.
BODY_CHARS: Final = 300
#: Of a check that depends on one that failed.
NOT_REACHED: Final = "a check before it failed"


@dataclass(frozen=True)
class Result:
    """One check.

    :ivar verdict: ``ok``, ``warning``, ``problem`` or ``not done``.
    :ivar text: what was found, in one line.
    :ivar details: more, for ``--verbose`` and ``--json``.
    """

    check: str
    verdict: str
    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything that doctor says.

    :ivar findings: causes, the surest first.
    :ivar untold: what could not be told, each with the command that tells.
    """

    results: tuple[Result, ...]
    findings: tuple[Finding, ...]
    evidence: Evidence
    kind: str = ""
    took_s: float = 0.0
    untold: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Code has run, and nothing is wrong."""
        ran = any(r.check == "execution" and r.verdict == OK for r in self.results)
        sound = all(r.verdict != PROBLEM for r in self.results)
        return bool(self.kind) and ran and sound and not self.findings

    @property
    def likely(self) -> tuple[Finding, ...]:
        """The causes worth showing: the sure one, or those that are left when none is."""
        if self.findings and self.findings[0].confidence == "high":
            return self.findings[:1]
        return tuple(f for f in self.findings if f.confidence != LOW) or self.findings[:3]

    def as_json(self) -> dict[str, Any]:
        """The schema of ``--json``: docs/doctor.md."""
        return {
            "version": 1,
            "healthy": self.healthy,
            "kind": self.kind,
            "took_s": round(self.took_s, 2),
            "checks": [
                {
                    "id": r.check,
                    "name": CHECKS[r.check],
                    "verdict": r.verdict,
                    "text": r.text,
                    "details": list(r.details),
                }
                for r in self.results
            ],
            "causes": [
                {
                    "id": f.id,
                    "confidence": f.confidence,
                    "title": f.cause.title,
                    "evidence": f.sign.when,
                    "seen": [in_a_line(reply) for reply in f.seen],
                    "explanation": f.explanation,
                    "fix": f.fix,
                    "check": f.cause.check,
                }
                for f in self.findings
            ],
            "replies": [
                {
                    "probe": r.probe,
                    "request": f"{r.method} {r.path}",
                    "status": r.status,
                    "who": r.who,
                    "dialect": r.dialect,
                    "code": r.code,
                    "trouble": r.trouble,
                    "headers": dict(r.headers),
                    "body": r.body[:BODY_CHARS],
                    "took_s": round(r.took_s, 3),
                }
                for r in self.evidence.replies
            ],
            "untold": list(self.untold),
        }


@dataclass
class Notes:
    """Results as they come in; each check is noted once, the last word counts."""

    results: dict[str, Result] = field(default_factory=dict)

    def add(self, check: str, verdict: str, text: str, *details: str) -> None:
        self.results[check] = Result(check, verdict, text, details)

    def ordered(self, findings: tuple[Finding, ...]) -> tuple[Result, ...]:
        """All checks; the one where the first finding shows is red, what nobody did is not done."""
        results = dict(self.results)
        if findings:
            first = findings[0]
            old = results.get(first.cause.check)
            details = (old.text, *old.details) if old is not None else ()
            results[first.cause.check] = Result(
                first.cause.check, PROBLEM, first.cause.title, details
            )
        return tuple(results.get(name) or Result(name, UNDONE, NOT_REACHED) for name in CHECKS)
