"""``azure-session-kernel sessions``: the sessions this machine has opened, and how to end them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ..causes.hosts import is_loopback
from ..common.errors import LocalPoolNotRunning, SessionKernelError
from ..pool.call import redact
from ..pool.client import PoolClient
from ..pool.credentials import TokenSource
from ..pool.endpoints import Endpoint
from ..pool.local_record import find_record
from ..session.lease import AlreadyHeld, Lease, LeaseStore
from ..session.opening import connect_to
from ..session.reaper import STOP_TIMEOUT_S, reap
from ..session.settings import ENDPOINT, Settings
from .kernelspecs import environment_of, kernels_found

#: A prefix of an identifier that ``stop`` accepts: what ``list`` shows.
_SHORTEST_PREFIX: Final = 8
_NONE: Final = "This machine has no open sessions."


def register(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="show them")
    listing.add_argument("--json", action="store_true", help="for programs")
    stop = verbs.add_parser("stop", help="stop one, or all, also if a kernel still uses it")
    stop.add_argument("session", nargs="?", help="its beginning, as `list` shows it: ask-abcd")
    stop.add_argument("--all", action="store_true", help="every session this machine has opened")
    verbs.add_parser("reap", help="stop those whose kernel is gone")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 1 at least one could not be stopped, 2 wrong usage."""
    _show_reasons()
    store = LeaseStore()
    match args.verb:
        case "list":
            return _list(store, as_json=args.json)
        case "stop":
            return _stop(store, args.session, everything=args.all)
        case _:
            gone = [lease for lease in store.all() if not store.is_held(lease)]
            if not gone:
                print("There is nothing to reap: no session is left of a kernel that is gone.")
            return _end_each(gone, reap)


def _show_reasons() -> None:
    """Why one was skipped or could not be stopped: what a kernel writes to its log."""
    reasons = logging.StreamHandler()
    reasons.setLevel(logging.WARNING)
    logging.getLogger("azure_session_kernel").addHandler(reasons)


def _list(store: LeaseStore, *, as_json: bool) -> int:
    rows = [_row(store, lease) for lease in store.all()]
    if as_json:
        print(json.dumps(rows, indent=1))
    elif not rows:
        print(_NONE)
    else:
        print(f"{'session':<12}{'kernel':<10}{'scope':<10}{'age':>8}  pool")
        for row in rows:
            print(
                f"{row['session']:<12}{row['kernel']:<10}{row['scope']:<10}"
                f"{_age(row['age_s']):>8}  {row['pool']}"
            )
    return 0


def _age(age_s: str | int | None) -> str:
    return "unknown" if age_s is None else f"{age_s} s"


def _row(store: LeaseStore, lease: Lease) -> dict[str, str | int | None]:
    """The identifier is a secret: only its beginning is shown. Another machine that shares this
    home directory has another clock, so how old its sessions are can't be told.
    """
    age_s = max(0, round(time.time() - lease.created_at))
    return {
        "session": redact(lease.identifier),
        "kernel": "running" if store.is_held(lease) else "gone",
        "scope": lease.scope_kind,
        "state": lease.state,
        "age_s": age_s if lease.host == socket.gethostname() else None,
        "pool": urlsplit(lease.endpoint_url).netloc,
    }


def _stop(store: LeaseStore, session: str | None, *, everything: bool) -> int:
    if bool(session) == everything:
        return _usage("Say which session to stop, or --all. `sessions list` shows them.")
    leases = store.all()
    if not session and not leases:
        print(_NONE)
    if session:
        prefix = session.rstrip("…")
        if len(prefix) < _SHORTEST_PREFIX:
            return _usage(f"{session!r} is too short: at least {_SHORTEST_PREFIX} characters.")
        leases = [lease for lease in leases if lease.identifier.startswith(prefix)]
        if not leases:
            return _usage(f"No session begins with {prefix!r}. `sessions list` shows them.")
    return _end_each(leases, _stop_one)


def _usage(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


async def _stop_one(lease: Lease, endpoint: Endpoint, tokens: TokenSource) -> bool:
    """A kernel that still uses it will say ``SessionLost``; its lease stays its own."""
    if not LeaseStore().is_held(lease):
        return await reap(lease, endpoint, tokens)
    client = PoolClient(endpoint, tokens, lease.identifier)
    try:
        return await client.stop_session(STOP_TIMEOUT_S)
    finally:
        await client.aclose()


End = Callable[[Lease, Endpoint, TokenSource], Coroutine[Any, Any, bool]]


def _end_each(leases: Iterable[Lease], end: End) -> int:
    failed = 0
    for lease in leases:
        shown = redact(lease.identifier)
        try:
            ended = _end(lease, end)
        except SessionKernelError as error:
            print(f"{shown}: {error}", file=sys.stderr)
            failed += 1
            continue
        print(f"{shown}: {'stopped' if ended else 'could not be stopped'}")
        failed += not ended
    if failed:
        print("What to do: azure-session-kernel doctor finds the cause.", file=sys.stderr)
    return 1 if failed else 0


def _end(lease: Lease, end: End) -> bool:
    # Signed in to that pool as its kernel was, with the hosts that are allowed there.
    kernels = kernels_found().values()
    env = next((env for env in kernels if env.get(ENDPOINT) == lease.endpoint_url), {})
    with environment_of(env):
        try:
            endpoint, tokens = _pool_of(lease, os.environ)
        except LocalPoolNotRunning:
            # Its sessions ended with the local pool; only the record is left.
            _forget(lease)
            return True
        return asyncio.run(end(lease, endpoint, tokens))


def _pool_of(lease: Lease, environ: Mapping[str, str]) -> tuple[Endpoint, TokenSource]:
    """:raises LocalPoolNotRunning: the session was in a local pool that has ended."""
    here = is_loopback(urlsplit(lease.endpoint_url).hostname or "")
    if here and find_record(lambda pool: pool.url == lease.endpoint_url) is None:
        raise LocalPoolNotRunning("That local pool has ended.")
    return connect_to(Settings.from_environ({**environ, ENDPOINT: lease.endpoint_url}))


def _forget(lease: Lease) -> None:
    with contextlib.suppress(AlreadyHeld):
        LeaseStore().acquire(lease).release(remove=True)
