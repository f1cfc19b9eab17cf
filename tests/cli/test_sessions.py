"""``azure-session-kernel sessions``, with real kernels in a real local pool."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager, start_new_kernel

from azure_session_kernel.pool.local_record import write_record
from azure_session_kernel.session.identity import Scope
from azure_session_kernel.session.lease import Lease, LeaseStore

from ..conftest import RunningPool

COMMAND = "from azure_session_kernel.cli.main import main; raise SystemExit(main())"


def sessions(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "sessions", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def pool(local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunningPool:
    """The shared pool, for a user who has no sessions yet."""
    for name, value in {**local_pool.env, "JUPYTER_DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    write_record(local_pool.record)
    return local_pool


@pytest.fixture
def kernel(pool: RunningPool) -> Iterator[KernelManager]:
    manager, client = start_new_kernel(kernel_name="azure-session")
    client.stop_channels()
    yield manager
    manager.shutdown_kernel(now=True)


def test_without_sessions_the_list_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    for typed in (["list"], ["stop", "--all"]):
        done = sessions(*typed)
        assert (done.returncode, done.stdout) == (0, "This machine has no open sessions.\n")


def test_a_running_kernel_is_listed_without_its_identifier_in_full(
    kernel: KernelManager,
) -> None:
    (row,) = json.loads(sessions("list", "--json").stdout)
    assert row["kernel"] == "running"
    assert row["scope"] == "kernel"
    assert row["session"].endswith("…")
    assert len(row["session"]) == 9
    assert row["session"] in sessions("list").stdout


def test_reap_leaves_the_session_of_a_living_kernel_alone(
    kernel: KernelManager,
) -> None:
    assert sessions("reap").stdout.startswith("There is nothing to reap")
    assert json.loads(sessions("list", "--json").stdout)


def test_reap_stops_the_session_of_a_kernel_that_was_killed(
    kernel: KernelManager,
) -> None:
    kernel.shutdown_kernel(now=True)
    (row,) = json.loads(sessions("list", "--json").stdout)
    assert row["kernel"] == "gone"
    done = sessions("reap")
    assert (done.returncode, done.stdout) == (0, f"{row['session']}: stopped\n")
    assert json.loads(sessions("list", "--json").stdout) == []


def test_stop_ends_a_session_by_the_beginning_that_list_shows(
    kernel: KernelManager,
) -> None:
    (row,) = json.loads(sessions("list", "--json").stdout)
    assert sessions("stop", row["session"]).stdout == f"{row['session']}: stopped\n"


def test_a_lease_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    path = tmp_path / "azure-session-kernel" / "leases" / "aa" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text("no lease")
    assert str(path) in sessions("list").stderr


def test_why_a_session_was_not_stopped_is_said(pool: RunningPool, kernel: KernelManager) -> None:
    kernel.shutdown_kernel(now=True)
    write_record(replace(pool.record, token="another"))
    done = sessions("reap")
    assert done.returncode == 1
    assert "refused the token (401)" in done.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("ask-zzzzz",), ("ask",), ("ask-abcd", "--all")], ids=" ".join
)
def test_stop_without_one_clear_session_is_wrong_usage(
    arguments: tuple[str, ...],
) -> None:
    assert sessions("stop", *arguments).returncode == 2


def test_how_old_another_machines_session_is_can_not_be_told(pool: RunningPool) -> None:
    """Its clock is not this one's."""
    lease = Lease.new("ask-elsewhere-0", pool.url, Scope("kernel", "key"))
    LeaseStore().acquire(replace(lease, host="elsewhere", created_at=5.0)).release(remove=False)
    (row,) = json.loads(sessions("list", "--json").stdout)
    assert row["age_s"] is None
    assert "unknown" in sessions("list").stdout
