"""What one broken pool is: data, and what ``server`` makes of it."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from starlette.middleware import Middleware

from azure_session_kernel.emulator.front.surface import Surface
from azure_session_kernel.emulator.kinds.kinds import KINDS, Kind
from azure_session_kernel.emulator.sessions.sessions import PoolOptions
from azure_session_kernel.pool.local_record import LocalPool

from .faults.front import Faults
from .faults.plan import FaultPlan, parse_plan
from .fronts import clock_ahead
from .resource import Resource, playing, resource_url


@dataclass(frozen=True)
class Scenario:
    """One row of the laboratory.

    :ivar cause: the id in ``causes/diagnosis.py`` that doctor should name; "" when nothing is
        wrong.
    :ivar what: what is played, in one sentence.
    :ivar source: sections of docs/azure.md with their marks, and what had to be assumed.
    :ivar rules: faults on the way, in the form of ``azure_session_laboratory/faults/plan.py``.
    :ivar in_front: what a request meets before the pool does.
    :ivar occupied_by: identifiers whose sessions are there before anybody comes.
    :ivar certificate: the front is https: with one of an ``unknown`` authority, an ``expired``
        one, or one that is ``trusted`` where ``SSL_CERT_FILE`` is ``{authority}``; "" for http.
    :ivar ahead_s: the pool's clock, as its Date header tells it, is so much ahead of this one.
    :ivar written: the URL in the pool's record; ``{url}`` is the right one, and
        ``{rest}`` the same without its scheme.
    :ivar claims: of the token in the pool's record, in place of the pool's own random one;
        ``expires_in_s`` becomes ``exp``.
    :ivar resource: what the management plane says of the pool; None: it can't be read.
    :ivar env: what doctor or a kernel gets in its environment, besides ``endpoint=local``;
        ``{url}`` is the pool's, ``{port}`` its port.
    """

    name: str
    cause: str
    what: str
    source: str
    kind: Kind = KINDS["container"]
    max_sessions: int = 10
    rules: tuple[Mapping[str, Any], ...] = ()
    in_front: tuple[Middleware, ...] = ()
    occupied_by: tuple[str, ...] = ()
    certificate: Literal["", "unknown", "expired", "trusted"] = ""
    ahead_s: float = 0.0
    written: str = "{url}"
    claims: Mapping[str, Any] = field(default_factory=dict)
    resource: Resource | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> PoolOptions:
        """No ready sessions: a scenario is seen from a cold start."""
        return PoolOptions(
            name="laboratory", kind=self.kind, ready_sessions=0, max_sessions=self.max_sessions
        )

    def _faults(self) -> Faults | None:
        if not self.rules:
            return None
        plan = FaultPlan()
        plan.replace(*parse_plan({"rules": list(self.rules)}))
        return Faults(plan)

    def surface(self) -> Surface:
        resource = () if self.resource is None else (playing(self.resource),)
        clock = (clock_ahead(self.ahead_s),) if self.ahead_s else ()
        return Surface(
            in_front=(*clock, *resource, *self.in_front),
            dated=not clock,
            tls=self._tls(),
            record=self._record,
            occupied_by=self.occupied_by,
            faults=self._faults(),
        )

    def _tls(self) -> ssl.SSLContext | None:
        if not self.certificate:
            return None
        from .certificates import front_context  # cryptography is slow to import

        return front_context(self.certificate)

    def environment(self, url: str) -> dict[str, str]:
        """All that doctor, or a kernel, needs beside the pool's record. :param url: the pool's."""
        known = {"url": url, "port": str(urlsplit(url).port)}
        if self.certificate == "trusted":
            from .certificates import authority_path

            known["authority"] = str(authority_path())
        given = {name: value.format(**known) for name, value in self.env.items()}
        return {"AZURE_SESSION_POOL_ENDPOINT": "local", **given}

    def _record(self, pool: LocalPool) -> LocalPool:
        token = pool.token
        if self.claims:
            claims = dict(self.claims)
            claims["exp"] = int(time.time() + claims.pop("expires_in_s", 3600))
            token = unsigned_token(claims)
        resource = "" if self.resource is None else resource_url(pool)
        url = self.written.format(url=pool.url, rest=pool.url.partition(":")[2])
        return replace(pool, url=url, token=token, resource=resource)


def unsigned_token(claims: Mapping[str, Any]) -> str:
    """A JWT with ``alg: none`` (RFC 7519, 6.1), and a third part as readers expect one."""
    parts = [_part({"typ": "JWT", "alg": "none"}), _part(claims), "unsigned"]
    return ".".join(parts)


def _part(value: Mapping[str, Any]) -> str:
    data = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
