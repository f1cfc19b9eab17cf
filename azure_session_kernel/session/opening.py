"""From settings to an executor: endpoint, identity, lease, client. No network is used here."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..common.errors import LocalPoolNotRunning, SettingsError
from ..executors.base import Executor, ExecutorContext, ExecutorEvents
from ..executors.discovery.discovery import make_executor
from ..pool.client import PoolClient
from ..pool.credentials import AzureToken, TokenSource
from ..pool.endpoints import Endpoint, parse_endpoint
from ..pool.local_record import LocalPool, RecordToken, find_record, read_record
from ..wire import FOLDER
from .identity import Scope, choose_scope, install_secret, make_identifier
from .lease import AlreadyHeld, HeldLease, Lease, LeaseState, LeaseStore
from .lease_writer import LeaseWriter
from .settings import LOCAL, Settings
from .surroundings import Surroundings

if TYPE_CHECKING:
    from .shared import Shared

#: How long the pool may be out of reach while a cell runs there, in seconds.
OUTAGE_S: Final = 300.0
#: How long the session of a fixed identifier may still be being stopped (``finisher.py``).
STOPPED_WITHIN_S: Final = 15.0
_UNUSABLE: Final[tuple[LeaseState, ...]] = ("restart", "stopping")


@dataclass(frozen=True)
class Opening:
    """Everything one kernel needs to talk to its session.

    :ivar stale_boot: the boot that must not be used again: a restart or a stop was asked for, or
        the lease is of an earlier process of this kernel. "" when any boot will do; "*" for
        whatever runs.
    """

    settings: Settings
    endpoint: Endpoint
    scope: Scope
    tokens: TokenSource
    lease: LeaseWriter
    client: PoolClient
    executor: Executor
    stale_boot: str


def has_moved(opening: Opening) -> bool:
    """Whether the local pool is another one by now, at another address. Reads its record."""
    if opening.settings.endpoint != LOCAL:
        return False
    url = opening.endpoint.url
    return find_record(lambda _: True) is not None and find_record(lambda p: p.url == url) is None


def prepare(here: Surroundings, events: ExecutorEvents, busy: Callable[[], bool]) -> Opening:
    """Read the settings, choose the identifier, take its lease, build the executor.

    :raises SettingsError: what is missing or wrong on this machine.
    """
    settings = Settings.from_environ(here.environ)
    endpoint, tokens = connect_to(settings, here.shared)
    store = LeaseStore()
    scope = choose_scope(
        settings,
        here.environ,
        here.parent_environ(),
        here.connection_file,
        lambda digest: store.any_held(store.find(endpoint.url, digest)),
    )
    held, earlier = _take_lease(settings, endpoint, scope, store)
    connections = here.shared.connections if here.shared is not None else None
    client = PoolClient(endpoint, tokens, held.lease.identifier, shared=connections)
    context = ExecutorContext(
        events,
        busy,
        OUTAGE_S,
        settings.env,
        here.arguments,
        settings.execute_path,
        folder_in_session(settings, here.folder),
    )
    executor = make_executor(settings.executor, client, context)
    stale_boot = _stale_boot(scope, earlier)
    lease = LeaseWriter(held)
    return Opening(settings, endpoint, scope, tokens, lease, client, executor, stale_boot)


def folder_in_session(settings: Settings, folder: Path) -> str:
    """Where files come along the notebook's folder does, too, if any pool can carry its name."""
    name = folder.absolute().name
    return name if settings.upload and FOLDER.fullmatch(name) else ""


def connect_to(settings: Settings, shared: Shared | None = None) -> tuple[Endpoint, TokenSource]:
    """Where the pool is, and how to get its tokens.

    :param shared: keeps tokens of Azure for others, too.

    :raises LocalPoolNotRunning: there is none, or it listens at another port than was set.
    """
    if settings.endpoint == LOCAL:
        record = read_record()
        return _of_record(parse_endpoint(record.url), record)
    endpoint = parse_endpoint(settings.endpoint, settings.allowed_hosts)
    if endpoint.loopback:
        return _of_record(endpoint, _record_at(endpoint))
    new = AzureToken if shared is None else shared.tokens
    return endpoint, new(settings.credential, settings.token_scope)


def _of_record(endpoint: Endpoint, record: LocalPool) -> tuple[Endpoint, TokenSource]:
    return replace(endpoint, authority=record.authority), RecordToken(record)


def _record_at(endpoint: Endpoint) -> LocalPool:
    """Any program may listen on loopback: no token but the local pool's (docs/design.md rule 9)."""
    here = urlsplit(endpoint.url)

    def listens_there(pool: LocalPool) -> bool:
        there = urlsplit(pool.url)
        return (here.scheme, here.port) == (there.scheme, there.port)

    if record := find_record(listens_there):
        return record
    raise LocalPoolNotRunning(
        f"No local pool of yours listens at {endpoint.url[:100]}.",
        cause="AZURE_SESSION_POOL_ENDPOINT names a port of this machine. There, only the local "
        "pool's own token is sent, and never one of Azure.",
        fix="Start the local pool, and set AZURE_SESSION_POOL_ENDPOINT=local:\n"
        "azure-session-kernel pool",
    )


def _take_lease(
    settings: Settings, endpoint: Endpoint, scope: Scope, store: LeaseStore
) -> tuple[HeldLease, Lease | None]:
    """Hold the lease of the lowest usable epoch; also what it recorded before.

    An epoch is unusable while another kernel holds it, or while its session may still be being
    stopped: the pool could hand out the old session just before it ends.
    """
    if settings.identifier is not None:
        own = Scope(scope.kind, settings.identifier)  # whoever uses it, its record is the same
        return _take_fixed(Lease.new(settings.identifier, endpoint.url, own), store)
    known = {lease.epoch: lease for lease in store.find(endpoint.url, scope.digest)}
    secret = install_secret()
    newest = max(known, default=0)
    for epoch in itertools.count(newest):
        earlier = known.get(epoch)
        if earlier is not None and earlier.state == "stopping":
            continue
        identifier = make_identifier(secret, endpoint.url, scope.key, epoch)
        try:
            lease = Lease.new(identifier, endpoint.url, scope, epoch)
            return store.acquire(_after(earlier, lease)), earlier
        except AlreadyHeld:
            continue
    raise AssertionError("unreachable")


def _take_fixed(lease: Lease, store: LeaseStore) -> tuple[HeldLease, Lease | None]:
    """Hold it; also what it recorded before, when that session must not be used as it is.

    There is no other identifier to go to, so one that is being stopped is waited for.

    :raises SettingsError: another kernel uses it.
    """
    deadline = time.monotonic() + STOPPED_WITHIN_S
    while True:
        earlier = store.recorded(lease)
        if earlier is not None and earlier.endpoint_url != lease.endpoint_url:
            earlier = None
        unusable = earlier is not None and earlier.state in _UNUSABLE
        try:
            return store.acquire(_after(earlier, lease)), earlier if unusable else None
        except AlreadyHeld:
            stopping = earlier is not None and earlier.state == "stopping"
            if not stopping or time.monotonic() > deadline:
                raise SettingsError(
                    "Another kernel on this machine uses the session that "
                    "AZURE_SESSION_IDENTIFIER names.",
                    fix="Close that kernel, or remove AZURE_SESSION_IDENTIFIER so that each kernel "
                    "gets a session of its own.",
                ) from None
            time.sleep(0.1)


def _after(earlier: Lease | None, lease: Lease) -> Lease:
    """``lease`` as it is first written: it says that a boot must not be used until there is another
    one, for this process may end before it has got that.
    """
    if earlier is None or earlier.state not in _UNUSABLE:
        return lease
    return replace(lease, state="restart", boot=earlier.boot)


def _stale_boot(scope: Scope, earlier: Lease | None) -> str:
    """A restart, or an earlier process of this very kernel, means an empty namespace."""
    if earlier is None:
        return ""
    if earlier.state in _UNUSABLE:
        return earlier.boot or "*"
    return "*" if scope.kind == "kernel" else ""
