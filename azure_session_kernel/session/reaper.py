"""Stops sessions whose kernel is gone (docs/design.md rule 11)."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..common.daemon_thread import in_daemon_thread
from ..common.errors import SessionKernelError
from ..pool.client import PoolClient
from ..pool.connections import SharedConnections
from ..pool.credentials import FixedToken, TokenSource
from ..pool.endpoints import Endpoint, parse_endpoint
from ..pool.retry import delays
from .lease import AlreadyHeld, Lease, LeaseStore

if TYPE_CHECKING:
    from .opening import Opening

log = logging.getLogger(__name__)

#: A kernel that starts stops at most so many sessions that others left behind.
MOST: Final = 5
#: Of how many it then looks at, drawn by chance: many kernels of one user must not read the leases
#: of all others, each of them.
LOOKS_AT: Final = 64
STOP_TIMEOUT_S: Final = 15.0
#: How long a request whose connection is closed may still bring a session back.
UNSURE_S: Final = 30.0
#: A kernel that is restarted holds its lease again by then; else it was killed meanwhile.
RESTARTS_WITHIN_S: Final = 120.0


async def reap_leftovers(
    opening: Opening, shared: SharedConnections | None = None, most: int | None = MOST
) -> None:
    """What a kernel does in the background after its start. Never raises.

    :param most: sessions to stop; None: all.
    """
    try:
        # Files, perhaps many and far away: the event loop waits for none (docs/design.md rule 7).
        look = partial(leftovers, LeaseStore(), opening.endpoint.url, most)
        for lease in await in_daemon_thread(look):
            await reap(lease, opening.endpoint, opening.tokens, shared=shared)
    except Exception:
        log.exception("looking for abandoned sessions failed")


def leftovers(store: LeaseStore, endpoint_url: str, most: int | None = MOST) -> list[Lease]:
    """At most so many leases in one pool that nobody holds or will come back to; of ``LOOKS_AT``,
    unless all are wanted.

    Those of living kernels, our own among them, neither cost the time of trying to take them nor
    keep others from their turn.
    """
    return [
        lease
        for lease in islice(store.in_any_order(), None if most is None else LOOKS_AT)
        if lease.endpoint_url == endpoint_url
        and _abandoned(lease, store)
        and not store.is_held(lease)
    ][:most]


def _abandoned(lease: Lease, store: LeaseStore) -> bool:
    """Nobody will come back to it: its stop was not confirmed, or it belonged to one kernel only.

    A notebook's open session is left alone, for its notebook may be opened again; so is a lease of
    another machine that shares this home directory, a restart that may be under way, and a session
    that its user wanted to be kept.
    """
    if lease.host != socket.gethostname():
        return False
    if lease.state == "stopping":
        return True
    if lease.scope_kind != "kernel" or lease.state == "kept":
        return False
    return lease.state == "open" or store.age_s(lease) > RESTARTS_WITHIN_S


async def finish(job: dict[str, Any], *, unsure: bool) -> None:
    """Stop the session of a kernel that has just ended (``handover.py``), however often it takes.

    Ends when the lease is not that kernel's any more; else for its caller to end.

    :param unsure: the session may come back for some time, and is then stopped again.
    """
    lease = Lease(**job["lease"])
    store = LeaseStore(Path(job["record"]).parents[1])
    checked = parse_endpoint(job["endpoint"], job["allowed_hosts"])
    endpoint = replace(checked, authority=job["authority"])
    sure_at = time.monotonic() + (UNSURE_S if unsure else 0.0)
    for delay in delays():
        sure = time.monotonic() >= sure_at
        now = store.recorded(lease)
        if now is None or (now.pid, now.created_at) != (lease.pid, lease.created_at):
            return
        if await reap(lease, endpoint, FixedToken(job["token"]), store, sure=sure) and sure:
            return
        await asyncio.sleep(delay)


async def reap(
    lease: Lease,
    endpoint: Endpoint,
    tokens: TokenSource,
    store: LeaseStore | None = None,
    *,
    sure: bool = True,
    shared: SharedConnections | None = None,
) -> bool:
    """Stop the session, unless a living kernel holds its lease. True when stopped.

    :param sure: it can't come back: remove the lease.
    """
    try:
        held = await in_daemon_thread(partial((store or LeaseStore()).acquire, lease))
    except AlreadyHeld:
        return False
    client = PoolClient(endpoint, tokens, lease.identifier, shared=shared)
    stopped = False
    try:
        stopped = await client.stop_session(STOP_TIMEOUT_S)
    except SessionKernelError as error:
        log.warning("an abandoned session could not be stopped: %s", error.what)
    finally:
        await in_daemon_thread(partial(held.release, remove=stopped and sure))
        await client.aclose()
    return stopped
