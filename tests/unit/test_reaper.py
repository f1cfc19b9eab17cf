"""Which leases a kernel that starts takes for abandoned."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from azure_session_kernel.session import lease as lease_module
from azure_session_kernel.session.identity import Scope, ScopeKind
from azure_session_kernel.session.lease import Lease, LeaseState, LeaseStore, _read
from azure_session_kernel.session.reaper import (
    LOOKS_AT,
    MOST,
    RESTARTS_WITHIN_S,
    _abandoned,
    leftovers,
)


@pytest.mark.parametrize(
    ("kind", "state", "age_s", "abandoned"),
    [
        ("kernel", "open", 0.0, True),
        ("notebook", "open", 1e6, False),
        ("notebook", "stopping", 0.0, True),
        ("kernel", "restart", 0.0, False),
        ("kernel", "restart", RESTARTS_WITHIN_S + 60, True),
        ("notebook", "restart", 1e6, False),
        ("kernel", "kept", 1e6, False),
    ],
)
def test_a_restart_is_given_time_to_come_back(
    tmp_path: Path, kind: ScopeKind, state: LeaseState, age_s: float, abandoned: bool
) -> None:
    """A kernel that is restarted has let go of its lease, and wants its session's files."""
    store = LeaseStore(tmp_path)
    lease = Lease.new("ask-one", "https://pool.example", Scope(kind, "key"))
    held = store.acquire(dataclasses.replace(lease, state=state))
    held.release(remove=False)
    path = store.record(lease)
    then = time.time() - age_s
    os.utime(path, (then, then))
    assert _abandoned(held.lease, store) is abandoned


POOL = "https://pool.example"


def _leave(store: LeaseStore, name: str, endpoint_url: str = POOL) -> Lease:
    """The lease of a kernel that was killed."""
    held = store.acquire(Lease.new(name, endpoint_url, Scope("kernel", name)))
    held.release(remove=False)
    return held.lease


def test_living_kernels_do_not_keep_what_others_left_from_being_found(tmp_path: Path) -> None:
    store = LeaseStore(tmp_path)
    left = _leave(store, "ask-left")
    names = [f"ask-living-{n}" for n in range(MOST + 1)]
    living = [store.acquire(Lease.new(name, POOL, Scope("kernel", name))) for name in names]
    assert leftovers(store, POOL) == [left]
    for held in living:
        held.release(remove=True)


def test_of_many_leases_a_kernel_looks_at_some_and_others_at_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LeaseStore(tmp_path)
    left = _leave(store, "ask-left")
    for n in range(2 * LOOKS_AT):
        _leave(store, f"ask-elsewhere-{n}", "https://other.example")
    read: list[Path] = []

    def counted(path: Path) -> Lease:
        read.append(path)
        return _read(path)

    monkeypatch.setattr(lease_module, "_read", counted)
    looks = [leftovers(store, POOL) for _ in range(100)]
    assert len(read) == 100 * LOOKS_AT
    assert [left] in looks
    assert leftovers(store, POOL, most=None) == [left]


def test_a_kernel_looks_for_a_few_leftovers_of_its_own_pool(tmp_path: Path) -> None:
    store = LeaseStore(tmp_path)
    _leave(store, "ask-elsewhere", "https://other.example")
    left = [_leave(store, f"ask-{n}") for n in range(MOST + 2)]
    found = leftovers(store, POOL)
    assert len(found) == MOST
    assert {lease.identifier for lease in found} < {lease.identifier for lease in left}


def test_how_old_a_lease_is_tells_the_file_systems_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home directory on a file server may be far from this machine's clock."""
    store = LeaseStore(tmp_path)
    lease = _leave(store, "ask-one")
    monkeypatch.setattr(time, "time", lambda: 1e10)
    assert store.age_s(lease) < RESTARTS_WITHIN_S
    assert not list(tmp_path.glob("tmp*"))
