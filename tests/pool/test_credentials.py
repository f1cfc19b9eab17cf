"""Tokens: caching, one renewal for all, cancellation, and what a failed sign-in says."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from azure_session_kernel.common.errors import CredentialError, SettingsError
from azure_session_kernel.pool.credentials import (
    CREDENTIALS,
    DEFAULT_SCOPE,
    AzureToken,
    FixedToken,
    token_claims,
)


@dataclass
class Token:
    token: str
    expires_on: float


class CredentialUnavailableError(Exception):
    """Named as azure-identity's: the name is what is looked at."""


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class FakeAzure:
    """Numbered tokens of one hour. Made and asked in worker threads, as the real ones are."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.made = 0
        self.issued = 0
        self.scopes: list[str] = []
        self.threads: set[int] = set()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    def factory(self) -> FakeAzure:
        self.made += 1
        return self

    def get_token(self, *scopes: str) -> Token:
        self.scopes += scopes
        self.threads.add(threading.get_ident())
        self.may_answer.wait(100)
        if self.error is not None:
            raise self.error
        self.issued += 1
        return Token(f"token-{self.issued}", self.clock.now + 3600)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def azure(clock: Clock) -> FakeAzure:
    return FakeAzure(clock)


@pytest.fixture
def tokens(azure: FakeAzure, clock: Clock) -> AzureToken:
    return AzureToken("default", DEFAULT_SCOPE, factory=azure.factory, clock=clock)


async def test_a_token_is_asked_for_once_with_the_pools_scope(
    tokens: AzureToken, azure: FakeAzure
) -> None:
    assert [await tokens.token() for _ in range(3)] == ["token-1"] * 3
    assert azure.scopes == ["https://dynamicsessions.io/.default"]


async def test_the_event_loop_is_not_blocked(tokens: AzureToken, azure: FakeAzure) -> None:
    await tokens.token()
    assert threading.get_ident() not in azure.threads


async def test_a_token_is_renewed_five_minutes_before_it_expires(
    tokens: AzureToken, clock: Clock
) -> None:
    await tokens.token()
    clock.now += 3600 - 301
    assert await tokens.token() == "token-1"
    clock.now += 1
    assert await tokens.token() == "token-2"


async def test_everybody_waits_for_the_same_renewal(tokens: AzureToken, azure: FakeAzure) -> None:
    azure.may_answer.clear()
    waiting = [asyncio.ensure_future(tokens.token(refresh=i % 2 == 1)) for i in range(10)]
    await asyncio.sleep(0)
    azure.may_answer.set()
    assert await asyncio.gather(*waiting) == ["token-1"] * 10
    assert azure.issued == 1


async def test_a_cancelled_waiter_does_not_cancel_the_others(
    tokens: AzureToken, azure: FakeAzure
) -> None:
    azure.may_answer.clear()
    first, second = (asyncio.ensure_future(tokens.token()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    azure.may_answer.set()
    assert await second == "token-1"


async def test_a_renewal_nobody_waits_for_any_more_still_counts(
    tokens: AzureToken, azure: FakeAzure
) -> None:
    azure.may_answer.clear()
    waiter = asyncio.ensure_future(tokens.token())
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    azure.may_answer.set()
    assert await tokens.token() == "token-1"
    assert azure.issued == 1


async def test_a_failed_renewal_nobody_waits_for_is_not_reported_by_the_loop(
    tokens: AzureToken, azure: FakeAzure, caplog: pytest.LogCaptureFixture
) -> None:
    azure.may_answer.clear()
    azure.error = RuntimeError("no")
    waiter = asyncio.ensure_future(tokens.token())
    await asyncio.sleep(0)
    waiter.cancel()
    azure.may_answer.set()
    under_way = tokens._under_way
    assert under_way is not None
    await asyncio.wait([under_way])
    del under_way
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_refresh_asks_a_new_credential_which_has_no_cache(
    tokens: AzureToken, azure: FakeAzure
) -> None:
    await tokens.token()
    assert await tokens.token(refresh=True) == "token-2"
    assert azure.made == 2
    assert await tokens.token() == "token-2"


async def test_a_refresh_does_not_open_a_second_browser(clock: Clock, azure: FakeAzure) -> None:
    tokens = AzureToken("interactive-browser", "s", factory=azure.factory, clock=clock)
    await tokens.token()
    await tokens.token(refresh=True)
    assert azure.made == 1


async def test_after_a_failure_the_next_call_tries_again(
    tokens: AzureToken, azure: FakeAzure
) -> None:
    azure.error = RuntimeError("network is down")
    with pytest.raises(CredentialError, match="network is down"):
        await tokens.token()
    azure.error = None
    assert await tokens.token() == "token-1"


CLI_HELP = "Please run 'az login' to set up an account"


@pytest.mark.parametrize(
    ("credential", "error", "cause", "fix"),
    [
        ("cli", CredentialUnavailableError(CLI_HELP), "not signed in", "Run `az login`"),
        (
            "azd",
            CredentialUnavailableError("run `azd auth login`"),
            "not signed",
            "`azd auth login`",
        ),
        ("powershell", RuntimeError("Run Connect-AzAccount"), "not signed", "`Connect-AzAccount`"),
        ("cli", RuntimeError(f"AADSTS700082: expired. {CLI_HELP}"), "expired", "Run `az login`"),
        ("cli", RuntimeError("AADSTS50078: MFA expired"), "expired", "Run `az login`"),
        (
            "cli",
            RuntimeError("AADSTS50076: use multi-factor authentication"),
            "interactively",
            "Run `az login --scope https://dynamicsessions.io/.default`",
        ),
        ("cli", RuntimeError("AADSTS500011: not found in tenant"), "tenant", "az login --tenant"),
        ("environment", RuntimeError("AADSTS7000222: secret"), "secret", "AZURE_CLIENT_SECRET"),
        ("cli", RuntimeError("AADSTS70011: scope"), "TOKEN_SCOPE", "TOKEN_SCOPE=https://dyn"),
        ("cli", CredentialUnavailableError("Azure CLI not found on path"), "installed", "Install"),
        (
            "managed-identity",
            CredentialUnavailableError("no managed identity endpoint"),
            "not available here",
            "AZURE_SESSION_CREDENTIAL",
        ),
        ("default", ValueError("odd"), "ValueError", "AZURE_SESSION_CREDENTIAL"),
    ],
)
async def test_each_kind_of_failed_sign_in_has_its_own_cause_and_fix(
    credential: str, error: Exception, cause: str, fix: str, azure: FakeAzure
) -> None:
    azure.error = error
    with pytest.raises(CredentialError) as caught:
        await AzureToken(credential, DEFAULT_SCOPE, factory=azure.factory).token()
    assert cause in caught.value.cause
    assert fix in caught.value.fix
    assert credential in caught.value.what


async def test_the_text_of_a_failure_is_bounded_and_without_secrets(azure: FakeAzure) -> None:
    jwt = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"
    azure.error = RuntimeError(f"\x1b[31mno: {jwt} client_secret=hunter2 " + "x" * 5000)
    with pytest.raises(CredentialError) as caught:
        await AzureToken("cli", DEFAULT_SCOPE, factory=azure.factory).token()
    text = str(caught.value)
    assert "eyJ" not in text
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert len(text) < 1000
    assert caught.value.__cause__ is None


async def test_a_credential_that_can_not_be_made_is_a_credential_error() -> None:
    def broken() -> Any:
        raise ValueError("'tenant_id' is required")

    with pytest.raises(CredentialError, match="tenant_id"):
        await AzureToken("workload-identity", DEFAULT_SCOPE, factory=broken).token()


def test_an_unknown_credential_is_refused_with_the_list_of_names() -> None:
    with pytest.raises(SettingsError) as caught:
        AzureToken("password", DEFAULT_SCOPE)
    assert all(name in caught.value.what for name in CREDENTIALS)


@pytest.mark.parametrize("name", CREDENTIALS)
def test_every_name_stands_for_a_class_of_azure_identity_that_takes_its_arguments(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure_session_kernel.pool.credentials import _make_credential

    for variable in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.setenv(variable, "/x" if variable.endswith("FILE") else "0" * 8)
    assert hasattr(_make_credential(name), "get_token")
    assert logging.getLogger("azure").handlers, "its warnings must not reach stderr"


async def test_a_fixed_token_stays() -> None:
    assert await FixedToken(" abc\n").token(refresh=True) == "abc"


@pytest.mark.parametrize("value", ["", " ", "two words", "line\nbreak", "\x00", "é"])
def test_a_fixed_token_that_no_header_can_carry_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(CredentialError) as caught:
        FixedToken(value)
    assert len(value) < 3 or value not in str(caught.value)


def test_claims_are_read_without_verification() -> None:
    payload = {"aud": "https://dynamicsessions.io", "tid": "t", "oid": "o", "exp": 1, "name": "me"}
    middle = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    del payload["name"]
    assert token_claims(f"e30.{middle}.sig") == payload


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "a.!!.c", "a.WzFd.c", "a.é.c", "a.b.c.d"])
def test_what_is_not_a_jwt_has_no_claims(token: str) -> None:
    assert token_claims(token) == {}


def test_importing_the_client_does_not_import_azure_identity() -> None:
    code = "import sys, azure_session_kernel.pool.client;sys.exit('azure.identity' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
