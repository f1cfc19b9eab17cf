"""The record that ``endpoint=local`` reads."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from azure_session_kernel.common.errors import LocalPoolNotRunning, StateUnusable
from azure_session_kernel.pool.local_record import (
    LocalPool,
    find_record,
    read_record,
    record_path,
    remove_record,
    write_record,
)

POOL = LocalPool("http://127.0.0.1:1234", "secret-token", os.getpid())


@pytest.fixture(autouse=True)
def own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    yield


def test_what_is_written_is_read() -> None:
    write_record(POOL)
    assert read_record() == POOL


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_only_this_user_may_read_it() -> None:
    assert stat.S_IMODE(write_record(POOL).stat().st_mode) == 0o600


def test_without_a_record_the_error_says_how_to_start_a_pool() -> None:
    with pytest.raises(LocalPoolNotRunning, match="start it with: azure-session-kernel pool"):
        read_record()


@pytest.mark.skipif(os.name == "nt", reason="Windows can't ask without ending the process")
def test_the_record_of_a_pool_that_was_killed_counts_as_none() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_record(LocalPool(POOL.url, POOL.token, ended.pid))
    with pytest.raises(LocalPoolNotRunning, match="start it with: azure-session-kernel pool"):
        read_record()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        "\xff",
        json.dumps({"url": "http://127.0.0.1:1", "token": "t", "pid": "7"}),
        json.dumps({"url": "http://127.0.0.1:1", "token": "t", "pid": 2**70}),
        json.dumps({"url": "http://127.0.0.1:1", "token": "t", "pid": True}),
        json.dumps({"url": "http://127.0.0.1:99999", "token": "t", "pid": 7}),
        json.dumps({"url": "http://127.0.0.1:1", "token": "t\ud800", "pid": 7}),
        json.dumps({"url": "http://[::1", "token": "t", "pid": 7}),
        "[" * 50_000,
        '{"pid":' * 10_000,
        " " * 1_000_000 + json.dumps({"url": "http://127.0.0.1:1", "token": "t", "pid": 7}),
        json.dumps({"url": "http://127.0.0.1:1", "token": "", "pid": 7}),
        json.dumps({"url": "http://example.com:1", "token": "t", "pid": 7}),
        json.dumps({"url": "https://127.0.0.1.example.com", "token": "t", "pid": 7}),
        json.dumps({"url": "https://127.0.0.1:1", "token": "t", "pid": 7, "authority": "a.pem"}),
    ],
)
def test_a_record_that_makes_no_sense_is_an_error_and_stays(text: str) -> None:
    path = write_record(POOL)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(StateUnusable):
        read_record()
    remove_record(POOL)
    assert path.read_text(encoding="latin-1") == text


NEWER = LocalPool("http://127.0.0.1:4321", "other-token", os.getpid())


def test_a_pool_removes_only_its_own_record() -> None:
    write_record(POOL)
    write_record(NEWER)
    remove_record(POOL)
    assert read_record() == NEWER
    remove_record(NEWER)
    assert list(record_path().parent.iterdir()) == []
    remove_record(NEWER)


def test_of_two_pools_the_newer_is_meant_and_the_older_again_when_that_ends() -> None:
    write_record(POOL)
    write_record(NEWER)
    assert read_record() == NEWER
    assert find_record(lambda pool: pool.url == POOL.url) == POOL
    remove_record(NEWER)
    assert read_record() == POOL


@pytest.mark.skipif(os.name == "nt", reason="Windows can't ask without ending the process")
def test_a_pool_that_was_killed_hides_none_that_runs() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_record(POOL)
    write_record(replace(NEWER, pid=ended.pid))
    assert read_record() == POOL
    assert find_record(lambda pool: pool.url == NEWER.url) is None


def test_its_text_does_not_show_the_token() -> None:
    assert "secret-token" not in repr(POOL)


def test_reading_it_needs_no_server_package() -> None:
    code = (
        "import sys, azure_session_kernel.pool.local_record;"
        "assert not {'starlette', 'uvicorn', 'httptools', 'psutil'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
