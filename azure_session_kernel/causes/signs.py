"""Patterns of evidence: small predicates, put together by the rows of ``table``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .evidence import CONTAINER, FRONT, UNKNOWN, Evidence, Reply, TokenFacts

Predicate = Callable[[Evidence], bool]

#: What a reply's field is to be: a value, or one of several.
Wanted = str | int | tuple[str | int, ...]

HIGH: Final = "high"
MEDIUM: Final = "medium"
LOW: Final = "low"


@dataclass(frozen=True)
class Sign:
    """Evidence that implies a cause, and how surely.

    :ivar when: the evidence in words, for docs/troubleshooting.md.
    """

    when: str
    confidence: str
    holds: Predicate


def every(*predicates: Predicate) -> Predicate:
    return lambda e: all(predicate(e) for predicate in predicates)


def either(*predicates: Predicate) -> Predicate:
    return lambda e: any(predicate(e) for predicate in predicates)


def no(predicate: Predicate) -> Predicate:
    return lambda e: not predicate(e)


def seen(probe: str | None = None, **wanted: Wanted) -> Predicate:
    """Some reply has all of ``wanted``; ``body`` and ``message`` are patterns to be found."""
    return lambda e: any(_fits(r, wanted) for r in e.replies if probe in (None, r.probe))


def refused(**wanted: Wanted) -> Predicate:
    """No route that the executor needs works, and a reply of one of them has all of ``wanted``."""
    return lambda e: any(_fits(reply, wanted) for reply in e.refusals())


def all_refused(**wanted: Wanted) -> Predicate:
    """No needed route works, and every reply of theirs has all of ``wanted``."""
    return lambda e: bool(e.refusals()) and all(_fits(r, wanted) for r in e.refusals())


def _fits(reply: Reply, wanted: dict[str, Wanted]) -> bool:
    for name, value in wanted.items():
        found = getattr(reply, name)
        if isinstance(value, tuple):
            if found not in value:
                return False
        elif name in ("body", "message", "path") and isinstance(value, str):
            if not re.search(value, found, re.IGNORECASE):
                return False
        elif found != value:
            return False
    return True


def settings(ename: str, text: str = "") -> Predicate:
    """Reading the settings raised this class of errors; ``text`` is found in its words."""

    def holds(e: Evidence) -> bool:
        fault = e.settings_fault
        return fault is not None and fault.ename == ename and text in fault.what

    return holds


def network(check: str, trouble: str) -> Predicate:
    """The check ``dns``, ``tcp`` or ``tls`` ended so, or a request did."""
    return lambda e: e.network.get(check) == trouble


def token(test: Callable[[TokenFacts], bool]) -> Predicate:
    return lambda e: e.token is not None and test(e.token)


def lost_route(e: Evidence) -> bool:
    """Every route that is needed got a 404 that a program in the container can have given."""
    refusals = e.refusals()
    return bool(refusals) and all(
        r.status in (404, 405, 501) and r.who in (CONTAINER, UNKNOWN) for r in refusals
    )


def refuses_version(reply: Reply) -> bool:
    """The service does not know the api-version that it was asked in."""
    if reply.status != 400 or reply.who != FRONT:
        return False
    if reply.code in ("UnsupportedApiVersion", "InvalidApiVersionParameter"):
        return True
    return re.search(r"api[- ]?version", reply.message or reply.body, re.IGNORECASE) is not None
