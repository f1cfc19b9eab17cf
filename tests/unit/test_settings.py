"""Settings: what is read, what is refused, and what the refusal tells the user to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from azure_session_kernel.common.errors import (
    EndpointInvalid,
    EndpointMissing,
    HostNotAllowed,
    IdentifierInvalid,
    SettingsError,
)
from azure_session_kernel.session.settings import Settings

POOL = "https://pool.blueground-16039c7f.eastasia.azurecontainerapps.io"


def read(**environ: str) -> Settings:
    return Settings.from_environ({"AZURE_SESSION_POOL_ENDPOINT": POOL, **environ})


def test_defaults_are_the_documented_ones() -> None:
    assert read() == Settings(
        endpoint=POOL,
        executor="auto",
        execute_path="/python/execute",
        credential="default",
        token_scope="https://dynamicsessions.io/.default",
        scope="auto",
        identifier=None,
        on_shutdown="stop",
        allowed_hosts=(),
    )


def test_what_is_wrong_besides_is_said_without_a_pool_too() -> None:
    with pytest.raises(SettingsError, match="AZURE_SESSION_SCOPE is 'wrong'"):
        Settings.from_environ({"AZURE_SESSION_SCOPE": "wrong"})


def test_every_variable_is_read() -> None:
    settings = read(
        AZURE_SESSION_EXECUTOR="adapter",
        AZURE_SESSION_EXECUTE_PATH="/run",
        AZURE_SESSION_CREDENTIAL="cli",
        AZURE_SESSION_TOKEN_SCOPE="https://other/.default",
        AZURE_SESSION_SCOPE="kernel",
        AZURE_SESSION_IDENTIFIER="my-session",
        AZURE_SESSION_ON_SHUTDOWN="keep",
        AZURE_SESSION_ON_DEATH="restart",
        AZURE_SESSION_ALLOWED_HOSTS="a.example, *.B.example",
    )
    assert settings.executor == "adapter"
    assert settings.execute_path == "/run"
    assert settings.credential == "cli"
    assert settings.token_scope == "https://other/.default"
    assert settings.scope == "kernel"
    assert settings.identifier == "my-session"
    assert settings.on_shutdown == "keep"
    assert settings.on_death == "restart"
    assert settings.allowed_hosts == ("a.example", "*.b.example")


def test_who_waits_how_long_for_a_full_pool() -> None:
    waits = [read().open_timeout_of(person=person) for person in (True, False)]
    assert waits == [300, 1800]
    settings = read(AZURE_SESSION_OPEN_TIMEOUT="90")
    assert {settings.open_timeout_of(person=person) for person in (True, False)} == {90}


@pytest.mark.parametrize("value", ["-1", "1.5", "soon", "86401", "²"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="AZURE_SESSION_OPEN_TIMEOUT"):
        read(AZURE_SESSION_OPEN_TIMEOUT=value)


def test_azures_own_variable_is_read_when_ours_is_not_set() -> None:
    assert Settings.from_environ({"POOL_MANAGEMENT_ENDPOINT": POOL}).endpoint == POOL


def test_our_variable_wins_over_azures() -> None:
    assert read(POOL_MANAGEMENT_ENDPOINT="https://x.azurecontainerapps.io").endpoint == POOL


def test_white_space_is_stripped_and_empty_means_unset() -> None:
    settings = read(AZURE_SESSION_SCOPE="  ", AZURE_SESSION_EXECUTOR=" adapter\n")
    assert (settings.scope, settings.executor) == ("auto", "adapter")
    with pytest.raises(EndpointMissing):
        Settings.from_environ({"AZURE_SESSION_POOL_ENDPOINT": " "})


def test_the_local_pool_is_named_local() -> None:
    assert Settings.from_environ({"AZURE_SESSION_POOL_ENDPOINT": "Local"}).endpoint == "local"


def test_a_missing_endpoint_names_every_way_out() -> None:
    with pytest.raises(EndpointMissing) as caught:
        Settings.from_environ({})
    text = str(caught.value)
    for hint in (
        "azure-session-kernel install --endpoint",
        "AZURE_SESSION_POOL_ENDPOINT=local",
        "azure-session-kernel pool",
        "az containerapp sessionpool show --name POOL --resource-group RG "
        "--query properties.poolManagementEndpoint --output tsv",
    ):
        assert hint in text


def test_an_unusable_endpoint_is_found_at_start() -> None:
    with pytest.raises(EndpointInvalid):
        Settings.from_environ({"AZURE_SESSION_POOL_ENDPOINT": "pool"})
    with pytest.raises(HostNotAllowed):
        Settings.from_environ({"AZURE_SESSION_POOL_ENDPOINT": "https://pool.example"})


def test_a_host_the_user_allowed_is_accepted() -> None:
    settings = read(
        AZURE_SESSION_POOL_ENDPOINT="https://pool.example",
        AZURE_SESSION_ALLOWED_HOSTS="pool.example",
    )
    assert settings.endpoint == "https://pool.example"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("AZURE_SESSION_EXECUTOR", "auto, adapter, interpreter, oneshot"),
        ("AZURE_SESSION_CREDENTIAL", "managed-identity"),
        ("AZURE_SESSION_SCOPE", "auto, notebook, kernel"),
        ("AZURE_SESSION_ON_SHUTDOWN", "stop, keep"),
        ("AZURE_SESSION_ON_DEATH", "auto, die, restart"),
    ],
)
def test_a_wrong_choice_names_the_variable_and_the_allowed_values(name: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{name: "nonsense"})
    assert name in caught.value.what
    assert "'nonsense'" in caught.value.what
    assert allowed in caught.value.what
    assert f"{name}=" in caught.value.fix


@pytest.mark.parametrize("executor", ["auto", "adapter", "interpreter", "oneshot"])
def test_every_executor_can_be_chosen(executor: str) -> None:
    assert read(AZURE_SESSION_EXECUTOR=executor).executor == executor


@pytest.mark.parametrize("path", ["python/execute", "/a b", "/a?b=1", "/a\\b", "https://x/y"])
def test_an_execute_path_that_is_not_a_path_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match="AZURE_SESSION_EXECUTE_PATH"):
        read(AZURE_SESSION_EXECUTE_PATH=path)


@pytest.mark.parametrize(
    "identifier", ["abcd", "a" * 128, "a&b#c%d", "[x]{y}|\"';<>?/.,@$^*()+=!~`"]
)
def test_azures_identifier_characters_are_accepted(identifier: str) -> None:
    assert read(AZURE_SESSION_IDENTIFIER=identifier).identifier == identifier


@pytest.mark.parametrize(
    "identifier", ["abc", "a" * 129, "with space", "back\\slash", "naïve", "a\nbcd"]
)
def test_other_identifiers_are_refused_with_the_rule_and_without_the_value(identifier: str) -> None:
    with pytest.raises(IdentifierInvalid, match="4 to 128 characters") as caught:
        read(AZURE_SESSION_IDENTIFIER=identifier)
    assert "AZURE_SESSION_IDENTIFIER" in caught.value.what
    assert identifier not in str(caught.value)


@pytest.mark.parametrize("hosts", ["https://a.example", "a.example:8443", "a.example/x", "*", "*."])
def test_allowed_hosts_must_be_names(hosts: str) -> None:
    with pytest.raises(SettingsError, match="AZURE_SESSION_ALLOWED_HOSTS"):
        read(AZURE_SESSION_ALLOWED_HOSTS=hosts)


def test_reading_settings_imports_neither_azure_identity_nor_httpx() -> None:
    code = (
        "import sys, azure_session_kernel.session.settings, azure_session_kernel.session.identity;"
        "sys.exit(any(m in sys.modules for m in ('azure.identity', 'httpx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
