"""What was seen, as plain data. Rules over it are in ``table``; no I/O here.

Nothing in it holds a token or a full identifier: replies are cleaned before they get here
(``pool/call.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Who gave an answer, as far as it tells.
ADAPTER: Final = "adapter"  # this project's, in the session's container
CONTAINER: Final = "container"  # another program in the session's container
FRONT: Final = "front"  # the pool itself, or Azure's page for unknown hosts
NOBODY: Final = "nobody"  # no answer came
UNKNOWN: Final = "unknown"  # the answer does not tell

#: The name of the reply when one failing call of the kernel is explained.
CALL: Final = "call"


@dataclass(frozen=True)
class Reply:
    """What one request got.

    :ivar probe: a name of ``probes.PROBES``, or ``call``.
    :ivar status: None when no answer came; then ``trouble`` says why.
    :ivar headers: those of interest, with lower-case names.
    :ivar body: at most 2,000 characters.
    :ivar form: ``json``, ``html``, ``text`` or ``empty``.
    :ivar dialect: whose way of answering it is; see ``dialects``.
    :ivar code: ``error.code`` of the answer, or "".
    :ivar trouble: ``dns``, ``refused``, ``timeout``, ``untrusted``, ``tls``, ``proxy``, ``broken``.
    :ivar sent: the request left this machine, as far as is known.
    :ivar odd: a 2xx, but its body is not what that route answers.
    :ivar first: what an earlier try got, when that was another status: 502 before it listens.
    """

    probe: str
    method: str = "GET"
    path: str = "/"
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    form: str = "empty"
    dialect: str = ""
    who: str = NOBODY
    code: str = ""
    message: str = ""
    trouble: str = ""
    sent: bool = True
    odd: bool = False
    first: int | None = None
    took_s: float = 0.0

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class EndpointFacts:
    """:ivar kind: as in ``pool.endpoints.Endpoint``. :ivar path: what follows the host, or ""."""

    host: str = ""
    kind: str = ""
    loopback: bool = False
    path: str = ""

    @property
    def builtin(self) -> bool:
        return self.kind == "builtin" or "/sessionpools/" in self.path.lower()


@dataclass(frozen=True)
class SettingsFault:
    """What reading the settings raised: a class of ``common/errors.py``, its first sentence."""

    ename: str
    what: str
    cause: str = ""
    fix: str = ""


@dataclass(frozen=True)
class TlsFacts:
    """The certificate that was shown.

    :ivar trusted: verified against the roots of this machine.
    :ivar name_ok: it is for this host.
    :ivar issuer: organisation and name of who issued it.
    :ivar days_left: until it expires; negative when it has.
    """

    trusted: bool = True
    name_ok: bool = True
    issuer: str = ""
    days_left: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class TokenFacts:
    """Claims of the token, never the token.

    :ivar opaque: it is not a JWT, so nothing can be told.
    :ivar seconds_left: until it expires, by this machine's clock before the pool has told its own.
    :ivar failure: why none could be had, or "".
    """

    opaque: bool = True
    audience: str = ""
    tenant: str = ""
    object_id: str = ""
    seconds_left: float | None = None
    member: str = ""
    failure: str = ""
    failure_fix: str = ""


@dataclass(frozen=True)
class PoolFacts:
    """What the management plane says of the pool (ARM, ``Microsoft.App/sessionPools``)."""

    name: str = ""
    resource_group: str = ""
    location: str = ""
    container_type: str = ""
    provisioning_state: str = ""
    endpoint: str = ""
    target_port: int | None = None
    active_port: int | None = None
    image: str = ""
    active_image: str = ""
    details: str = ""
    expected: int | None = None
    ready: int | None = None
    pending: int | None = None
    pull_failures: int = 0
    crashes: int = 0
    allocated: int | None = None
    ready_sessions: int | None = None
    max_sessions: int | None = None
    cooldown_s: int | None = None
    egress: str = ""


@dataclass(frozen=True)
class HelloFacts:
    """What our adapter said of itself."""

    protocol: int
    adapter: str = ""
    state: str = ""
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamFacts:
    """One read that was to last ``asked_s`` with its first line at once."""

    asked_s: float
    first_byte_s: float
    whole_s: float

    @property
    def held_back(self) -> bool:
        """The first byte, which is sent at once, came with the last one.

        A session that is slow itself begins late, and ends as much later.
        """
        late = self.first_byte_s > self.asked_s * 0.8
        return late and self.whole_s - self.first_byte_s < self.asked_s * 0.2


@dataclass(frozen=True)
class Evidence:
    """Everything that was seen. What could not be told is None or empty.

    :ivar needed: probes of which at least one must work for the configured executor.
    :ivar network: the check ``dns``, ``tcp`` or ``tls``, and how it ended.
    :ivar proxy: ``host:port`` of the proxy that requests take, or "".
    :ivar pool_unread: why the management plane could not be read, or "".
    :ivar pool_missing: the management plane says that there is no such pool.
    :ivar session_known: whether the pool says that the identifier has a session, after it was used.
    :ivar clock_skew_s: this machine's clock minus the pool's.
    :ivar repeated: a message sent once was delivered before: somebody sent it twice.
    :ivar same_session: two requests met the same interpreter.
    :ivar failed: checks that failed, with the reason.
    """

    settings_fault: SettingsFault | None = None
    executor: str = "auto"
    execute_path: str = "/python/execute"
    fixed_identifier: bool = False
    endpoint: EndpointFacts = EndpointFacts()
    direct: bool = False
    replies: tuple[Reply, ...] = ()
    needed: tuple[str, ...] = (CALL,)
    network: Mapping[str, str] = field(default_factory=dict)
    proxy: str = ""
    tls: TlsFacts | None = None
    token: TokenFacts | None = None
    clock_skew_s: float | None = None
    pool: PoolFacts | None = None
    pool_unread: str = ""
    pool_missing: bool = False
    session_known: bool | None = None
    hello: HelloFacts | None = None
    stream: StreamFacts | None = None
    repeated: bool = False
    same_session: bool | None = None
    failed: Mapping[str, str] = field(default_factory=dict)

    def reply(self, probe: str) -> Reply | None:
        return next((reply for reply in self.replies if reply.probe == probe), None)

    def refusals(self) -> tuple[Reply, ...]:
        """The replies of the needed probes when none of them worked; else nothing."""
        wanted = tuple(reply for reply in self.replies if reply.probe in self.needed)
        return () if any(works(reply) for reply in wanted) else wanted


def works(reply: Reply) -> bool:
    """The route exists: it answered as it should, or refused a program's request as wrong.

    A call of the kernel that is being explained has failed, whatever its status.
    """
    if reply.probe == CALL:
        return False
    if reply.ok:
        return not reply.odd
    takes_programs = reply.probe.startswith("execute")
    return takes_programs and reply.status in (400, 415, 422) and reply.who in (CONTAINER, ADAPTER)
