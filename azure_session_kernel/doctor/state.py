"""One examination under way: what is known so far, and what is noted of each check."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any

from ..causes.attribution import attributed
from ..causes.evidence import Evidence, Reply
from ..executors.builtin import azure
from ..pool.call import Call
from ..pool.client import PoolClient
from ..pool.credentials import TokenSource
from ..pool.endpoints import Endpoint
from ..pool.management import VERSIONS as SESSION_VERSIONS
from ..session.lease import HeldLease
from ..session.settings import ENDPOINT, Settings
from .report.result import Notes

#: How long one step may go without an answer, in seconds.
STALL_S = 10.0
#: How long a container that does not listen yet (502) is asked again, in seconds.
LISTEN_S = 8.0
AFTER_STALL_S = 1.0
#: How long a request is waited for that only adds evidence.
PROBE_S = 3.0
#: All steps together, when some of them stall: a report comes within 15 s.
WHOLE_S = 12.0
#: What a step gets when that time is over.
LEAST_S = 1.5
#: Of the calls about sessions, and of code, unless a built-in pool has no such version.
SESSION_VERSION = azure.Version(SESSION_VERSIONS[0])
#: Of the reason why a check failed.
WHY_CHARS = 300


@dataclass
class Options:
    """What doctor was asked to look at.

    :ivar source: what names the endpoint, in words, if not ``endpoint``.
    """

    endpoint: str = ""
    name: str = ""
    group: str = ""
    subscription: str = ""
    direct: str = ""
    source: str = ENDPOINT
    stall_s: float = STALL_S
    listen_s: float = LISTEN_S

    @property
    def whole_s(self) -> float:
        """More where more was asked for."""
        more_s = max(0.0, self.stall_s - STALL_S) + max(0.0, self.listen_s - LISTEN_S)
        return WHOLE_S + more_s


@dataclass
class State:
    """Filled in as the checks go on.

    :ivar kind: how code runs there: ``adapter``, ``interpreter``, ``oneshot``, ``piston``, or "".
    :ivar version: of Azure's data plane, as far as it is used.
    :ivar sessions: the same of calls about sessions; None: the pool has no such calls.
    """

    options: Options
    evidence: Evidence = field(default_factory=Evidence)
    notes: Notes = field(default_factory=Notes)
    settings: Settings | None = None
    endpoint: Endpoint | None = None
    tokens: TokenSource | None = None
    token: str = ""
    lease: HeldLease | None = None
    client: PoolClient | None = None
    reader: str = field(default_factory=lambda: "r-" + secrets.token_hex(12))
    kind: str = ""
    version: azure.Version = SESSION_VERSION
    sessions: azure.Version | None = SESSION_VERSION
    hello: dict[str, Any] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    @property
    def stall_s(self) -> float:
        """How long the next step may go without an answer: one stall may come after another."""
        return self.at_most(self.options.stall_s)

    def at_most(self, seconds: float) -> float:
        """What is left of it. What was slow and works still gets a little."""
        left_s = self.begun + self.options.whole_s - time.monotonic()
        return min(seconds, max(LEAST_S, left_s))

    def probe_s(self, probe: str) -> float:
        """The same of a routing probe: what only adds evidence is not waited for long, and after
        one without an answer, or with 502 to the end, no other is.
        """
        if any(r.trouble == "timeout" or r.status == 502 for r in self.evidence.replies):
            return min(self.stall_s, AFTER_STALL_S)
        deciding = self.evidence.hello is None and probe in self.evidence.needed
        return self.stall_s if deciding else min(self.stall_s, PROBE_S)

    def learn(self, **facts: Any) -> None:
        self.evidence = replace(self.evidence, **facts)

    def heard(self, *replies: Reply) -> None:
        self.learn(replies=(*self.evidence.replies, *replies))
        self.learn(replies=attributed(self.evidence))

    def failed(self, check: str, why: str) -> str:
        """:returns: ``why``, as it can be shown."""
        if self.client is not None:  # it may quote what a container answered
            call = Call(self.client.endpoint, "", "", self.client.identifier, self.token)
            why = call.clean(" ".join(why.split()), WHY_CHARS)
        sentence = why if why.endswith((".", "…")) else f"{why}."
        self.learn(failed={**self.evidence.failed, check: sentence})
        return why

    @property
    def pool(self) -> PoolClient:
        assert self.client is not None, "routing comes after the credential"  # noqa: S101
        return self.client
