"""Leases: who holds one, what survives a death, and what a damaged file may do."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from azure_session_kernel.common.errors import StateUnusable
from azure_session_kernel.session.identity import Scope
from azure_session_kernel.session.lease import AlreadyHeld, Lease, LeaseStore

POOL = "https://pool.x.azurecontainerapps.io"
SCOPE = Scope("notebook", "the notebook /home/me/secret-name.ipynb")


@pytest.fixture
def store(tmp_path: Path) -> LeaseStore:
    return LeaseStore(tmp_path / "leases")


def lease(identifier: str = "ask-one", *, epoch: int = 0, scope: Scope = SCOPE) -> Lease:
    return Lease.new(identifier, POOL, scope, epoch)


def files(store: LeaseStore, pattern: str = "*") -> list[Path]:
    return sorted(path for path in store.directory.rglob(pattern) if path.is_file())


@pytest.fixture
def other_process(store: LeaseStore) -> Iterator[subprocess.Popen[str]]:
    """A second kernel that holds the lease ``ask-one`` until it is killed."""
    code = (
        "import sys; from pathlib import Path;"
        "from azure_session_kernel.session.identity import Scope;"
        "from azure_session_kernel.session.lease import Lease, LeaseStore;"
        f"held = LeaseStore(Path({str(store.directory)!r}))"
        f".acquire(Lease.new('ask-one', {POOL!r}, Scope({SCOPE.kind!r}, {SCOPE.key!r})));"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lease_is_found_by_pool_and_scope_only(store: LeaseStore) -> None:
    mine = store.acquire(lease()).lease
    assert store.find(POOL, SCOPE.digest) == [mine]
    assert store.find("https://other.x.azurecontainerapps.io", SCOPE.digest) == []
    assert store.find(POOL, Scope("notebook", "another").digest) == []
    assert store.all() == [mine]


def test_others_leases_are_not_read_to_find_those_of_a_scope(
    store: LeaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    mine = store.acquire(lease()).lease
    for n in range(300):
        others = store.record(lease(f"ask-{n}", scope=Scope("kernel", f"{n}")))
        others.parent.mkdir(exist_ok=True)
        others.write_text("damaged")
    with caplog.at_level(logging.WARNING):
        assert store.find(POOL, SCOPE.digest) == [mine]
    assert caplog.text == ""
    assert store.all() == [mine]
    assert caplog.text.count("skipped a lease") == 300


def test_a_store_that_was_never_used_is_empty(store: LeaseStore) -> None:
    assert store.all() == []
    assert not store.is_held(lease())
    assert files(store) == []


def test_the_default_store_is_in_the_users_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert LeaseStore().directory == tmp_path / "azure-session-kernel" / "leases"


def test_the_highest_epoch_comes_first(store: LeaseStore) -> None:
    for epoch in (1, 3, 2):
        store.acquire(lease(f"ask-{epoch}", epoch=epoch))
    assert [found.epoch for found in store.find(POOL, SCOPE.digest)] == [3, 2, 1]


def test_the_file_is_private_and_names_neither_notebook_nor_identifier_in_its_name(
    store: LeaseStore,
) -> None:
    store.acquire(lease())
    (path,) = files(store, "*.json")
    assert "ask-one" not in path.name
    assert "secret-name" not in path.read_text()
    if os.name == "posix":
        assert {p.stat().st_mode & 0o777 for p in files(store)} == {0o600}


def test_a_new_lease_says_whose_it_is() -> None:
    made = lease()
    assert (made.state, made.boot, made.pid) == ("open", "", os.getpid())
    assert made.host


def test_a_lease_held_in_this_process_is_held(store: LeaseStore) -> None:
    held = store.acquire(lease())
    assert store.is_held(held.lease)
    assert store.any_held([lease("ask-two"), held.lease])
    with pytest.raises(AlreadyHeld):
        store.acquire(lease())
    assert store.is_held(held.lease)


def test_a_lease_held_by_another_process_is_held_until_that_process_is_killed(
    store: LeaseStore, other_process: subprocess.Popen[str]
) -> None:
    (theirs,) = store.all()
    assert theirs.pid == other_process.pid
    assert store.is_held(theirs)
    with pytest.raises(AlreadyHeld):
        store.acquire(lease())
    assert store.all() == [theirs], "a refused kernel must not touch the lease"

    other_process.kill()
    other_process.wait()
    assert not store.is_held(theirs)
    assert store.all() == [theirs], "the record outlives the process, for the reaper"
    assert store.acquire(lease()).lease.pid == os.getpid()


def test_looking_at_a_lease_does_not_take_it(store: LeaseStore) -> None:
    store.acquire(lease()).release(remove=False)
    assert not store.is_held(lease())
    assert not store.is_held(lease())
    store.acquire(lease())


def test_releasing_with_remove_leaves_nothing_behind(store: LeaseStore) -> None:
    held = store.acquire(lease())
    held.release(remove=True)
    held.release(remove=True)
    assert files(store) == []
    store.acquire(lease())


def test_releasing_without_remove_leaves_the_record_to_the_reaper(store: LeaseStore) -> None:
    held = store.acquire(lease())
    held.release(remove=False)
    assert store.all() == [held.lease]
    assert not store.is_held(held.lease)


def test_an_update_is_written_at_once(store: LeaseStore) -> None:
    held = store.acquire(lease())
    held.update(state="stopping", boot="b2")
    (found,) = store.all()
    assert (found.state, found.boot) == ("stopping", "b2")
    assert found == held.lease


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({**dataclasses.asdict(lease("ask-x")), "epoch": "1"}).encode(),
        json.dumps({**dataclasses.asdict(lease("ask-x")), "state": "?"}).encode(),
        json.dumps({**dataclasses.asdict(lease("ask-x")), "identifier": None}).encode(),
        json.dumps({**dataclasses.asdict(lease("ask-x")), "identifier": "\ud800"}).encode(),
        json.dumps({**dataclasses.asdict(lease("ask-x")), "pid": float("inf")}).encode(),
        json.dumps({**dataclasses.asdict(lease("ask-x")), "created_at": 10**400}).encode(),
        json.dumps({**dataclasses.asdict(lease("ask-x")), "epoch": float("nan")}).encode(),
    ],
    ids=range(14),
)
def test_a_damaged_lease_is_named_in_the_log_left_alone_and_blocks_nobody_else(
    store: LeaseStore, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    good = store.acquire(lease()).lease
    damaged = files(store)[0].with_name("damaged.json")
    damaged.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert store.all() == [good]
    assert str(damaged) in caplog.text
    assert damaged.read_bytes() == content


def test_a_damaged_lease_of_the_same_session_is_not_overwritten(store: LeaseStore) -> None:
    store.acquire(lease()).release(remove=False)
    (path,) = files(store, "*.json")
    path.write_text("damaged")
    with pytest.raises(StateUnusable) as caught:
        store.acquire(lease())
    assert str(path) in caught.value.what
    assert path.read_text() == "damaged"
    assert not store.is_held(lease()), "the lock must be free again"


def test_fields_of_a_later_version_are_ignored(store: LeaseStore) -> None:
    held = store.acquire(lease())
    (path,) = files(store, "*.json")
    path.write_text(json.dumps({**dataclasses.asdict(held.lease), "colour": "blue"}))
    assert store.all() == [held.lease]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be removed there")
def test_a_lock_file_removed_under_a_waiter_is_not_taken_for_the_lock(store: LeaseStore) -> None:
    held = store.acquire(lease())
    (lock,) = files(store, "*.lock")
    lock.unlink()
    lock.touch()
    second = store.acquire(lease())
    assert store.is_held(second.lease)
    held.release(remove=False)
    assert store.is_held(second.lease), "the first holder's lock is on a file nobody sees"
