"""Identity: the secret, the identifier, and which scope a kernel gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_session_kernel.common.errors import SettingsError, StateUnusable
from azure_session_kernel.common.private_files import state_dir
from azure_session_kernel.pool.call import redact
from azure_session_kernel.session.identity import (
    Scope,
    choose_scope,
    install_secret,
    make_identifier,
    read_parent_environ,
)
from azure_session_kernel.session.settings import Settings

KERNEL_ID = "0f4f5a64-1c8e-4a8e-9f43-0a1b2c3d4e5f"
CONNECTION_FILE = f"/run/user/1000/jupyter/kernel-{KERNEL_ID}.json"
NOTEBOOK = {"JPY_SESSION_NAME": "/home/me/a.ipynb"}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


def settings(scope: str = "auto") -> Settings:
    return Settings.from_environ(
        {"AZURE_SESSION_POOL_ENDPOINT": "local", "AZURE_SESSION_SCOPE": scope}
    )


def choose(
    environ: dict[str, str],
    *,
    scope: str = "auto",
    parent: dict[str, str] | None = None,
    connection_file: str = CONNECTION_FILE,
    held: Callable[[str], bool] = lambda digest: False,
) -> Scope:
    return choose_scope(settings(scope), environ, parent, connection_file, held)


# -- the secret


def test_the_secret_is_made_once_and_is_private() -> None:
    secret = install_secret()
    assert len(secret) == 32
    assert install_secret() == secret
    if os.name == "posix":
        assert (state_dir() / "secret").stat().st_mode & 0o777 == 0o600


def test_two_users_get_different_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = install_secret()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "other"))
    assert install_secret() != first


def test_kernels_that_start_at_once_agree_on_the_secret() -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: install_secret(), range(64)))
    assert len(found) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_secret_is_reported_and_left_alone(content: bytes) -> None:
    path = state_dir() / "secret"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(StateUnusable, match=re.escape(str(path))):
        install_secret()
    assert path.read_bytes() == content


def test_a_secret_that_is_a_directory_is_reported() -> None:
    (state_dir() / "secret").mkdir(parents=True)
    with pytest.raises(StateUnusable):
        install_secret()


# -- the identifier


@given(st.binary(min_size=32, max_size=32), st.text(), st.text(), st.integers(0, 10**6))
def test_an_identifier_is_legal_in_every_api_version(
    secret: bytes, url: str, key: str, epoch: int
) -> None:
    identifier = make_identifier(secret, url, key, epoch)
    assert re.fullmatch(r"ask-[a-z0-9-]+", identifier)
    assert 40 <= len(identifier) <= 64
    assert identifier == make_identifier(secret, url, key, epoch)


def test_an_identifier_changes_with_each_of_its_inputs() -> None:
    made = [
        make_identifier(b"s" * 32, "https://a", "k", 0),
        make_identifier(b"t" * 32, "https://a", "k", 0),
        make_identifier(b"s" * 32, "https://b", "k", 0),
        make_identifier(b"s" * 32, "https://a", "l", 0),
        make_identifier(b"s" * 32, "https://a", "k", 1),
        make_identifier(b"s" * 32, "https://ak", "", 0),
        make_identifier(b"s" * 32, "", "https://ak", 0),
    ]
    assert len(set(made)) == len(made)


def test_the_identifier_of_known_inputs_never_changes() -> None:
    """A change here would cut every user off from their live sessions."""
    assert (
        make_identifier(bytes(32), "https://pool", "key", 0)
        == "ask-zzmk5sbnltbcsdk4bd7gvonbz44sug3ojmgu44aqikmcrmjkuhxa"
    )


def test_a_redacted_identifier_shows_a_few_characters_only() -> None:
    identifier = make_identifier(bytes(32), "u", "k", 0)
    assert redact(identifier) == identifier[:8] + "…"
    assert redact("mine") == "mi…"


# -- the scope


def test_a_notebook_known_to_jupyter_server_gets_notebook_scope() -> None:
    scope = choose(NOTEBOOK)
    assert scope.kind == "notebook"
    assert scope == choose(NOTEBOOK, connection_file="kernel-other.json")
    assert scope.key != choose({"JPY_SESSION_NAME": "/home/me/b.ipynb"}).key


def test_a_relative_notebook_name_counts_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    absolute = choose({"JPY_SESSION_NAME": str(tmp_path / "a.ipynb")})
    assert choose({"JPY_SESSION_NAME": "a.ipynb"}) == absolute


def test_without_jupyter_server_the_scope_is_the_kernel_by_its_id() -> None:
    scope = choose({})
    assert scope.kind == "kernel"
    assert KERNEL_ID in scope.key
    assert choose({"JPY_SESSION_NAME": " "}) == scope


def test_a_restarted_kernel_is_known_by_its_connection_files_key(tmp_path: Path) -> None:
    """nbclient's connection files have random names without a kernel id."""
    first, second = tmp_path / "tmp1.json", tmp_path / "tmp2.json"
    first.write_text('{"key": "76f8dbde-aaf6-42d0-962a-79a09ca62a3b"}')
    second.write_text('{"key": "0be7ff30-5b6b-4c5c-9d7e-7d5a1d8d3f0a"}')
    scope = choose({}, connection_file=str(first))
    assert scope == choose({}, connection_file=str(first))
    assert scope != choose({}, connection_file=str(second))
    first.write_text('{"key": ""}')
    assert scope != choose({}, connection_file=str(first))


@pytest.mark.parametrize("connection_file", ["", "connection.json", "kernel-1234.json"])
def test_a_kernel_without_an_id_gets_a_fresh_scope_each_time(connection_file: str) -> None:
    first = choose({}, connection_file=connection_file)
    assert first.kind == "kernel"
    assert first != choose({}, connection_file=connection_file)


def test_a_name_inherited_from_the_parent_does_not_count() -> None:
    assert choose(NOTEBOOK, parent=dict(NOTEBOOK)).kind == "kernel"


def test_another_name_in_the_parent_does_not_matter() -> None:
    assert choose(NOTEBOOK, parent={"JPY_SESSION_NAME": "/home/me/b.ipynb"}).kind == "notebook"
    assert choose(NOTEBOOK, parent={}).kind == "notebook"


def test_a_second_kernel_of_a_notebook_gets_a_session_of_its_own() -> None:
    asked: list[str] = []

    def held(digest: str) -> bool:
        asked.append(digest)
        return True

    assert choose(NOTEBOOK, held=held).kind == "kernel"
    assert asked == [choose(NOTEBOOK).digest]


def test_the_digest_does_not_hold_the_path() -> None:
    scope = choose(NOTEBOOK)
    assert re.fullmatch("[0-9a-f]{64}", scope.digest)
    assert "a.ipynb" in scope.key


def test_kernel_scope_can_be_forced() -> None:
    assert choose(NOTEBOOK, scope="kernel").kind == "kernel"


def test_notebook_scope_can_be_forced_on_an_inherited_name() -> None:
    forced = choose(NOTEBOOK, scope="notebook", parent=dict(NOTEBOOK), held=lambda digest: True)
    assert forced == choose(NOTEBOOK)


def test_forcing_notebook_scope_without_a_notebook_is_an_error() -> None:
    with pytest.raises(SettingsError, match="JPY_SESSION_NAME"):
        choose({}, scope="notebook")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_the_parents_environment_is_read_from_the_parent() -> None:
    code = (
        "import json, subprocess, sys;"
        "child = 'from azure_session_kernel.session.identity import read_parent_environ as r;"
        'print((r() or {}).get("JPY_SESSION_NAME"))\';'
        "sys.exit(subprocess.run([sys.executable, '-c', child], env={'JPY_SESSION_NAME': 'own'})"
        ".returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "JPY_SESSION_NAME": "parent's = own"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "parent's = own"


def test_an_unreadable_parent_counts_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 2**30)
    assert read_parent_environ() is None
