"""Tokens for the pool: one fixed, or from ``azure-identity``. No token is ever logged or shown.

``azure.identity`` takes some 190 ms to import, so it is imported by the thread that first
asks for a token, never by this module.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from ..common.daemon_thread import in_daemon_thread
from ..common.errors import CredentialError, SettingsError
from .signin import explain_signin

DEFAULT_SCOPE: Final = "https://dynamicsessions.io/.default"
#: A token is renewed this long before it expires.
MARGIN_S: Final = 300.0
#: ``az`` takes 1-3 s, longer on a cold disk; azure-identity gives it 10 s unless told.
_CLI_TIMEOUT_S: Final = 30

#: AZURE_SESSION_CREDENTIAL -> class of ``azure.identity`` and its arguments.
CREDENTIALS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "default": ("DefaultAzureCredential", {"process_timeout": _CLI_TIMEOUT_S}),
    "cli": ("AzureCliCredential", {"process_timeout": _CLI_TIMEOUT_S}),
    "azd": ("AzureDeveloperCliCredential", {"process_timeout": _CLI_TIMEOUT_S}),
    "powershell": ("AzurePowerShellCredential", {"process_timeout": _CLI_TIMEOUT_S}),
    "managed-identity": ("ManagedIdentityCredential", {}),
    "workload-identity": ("WorkloadIdentityCredential", {}),
    "environment": ("EnvironmentCredential", {}),
    "interactive-browser": ("InteractiveBrowserCredential", {}),
}
_TOKEN_CHARS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
)


class TokenSource(Protocol):
    """Where the client gets the bearer token of each request.

    Called on the kernel's event loop, by several tasks at once.
    """

    async def token(self, *, refresh: bool = False) -> str:
        """A token that is good now.

        :param refresh: the caller's token was refused: do not answer from the cache.
        :raises CredentialError: no token could be had.
        """
        ...


class SyncCredential(Protocol):
    """What is used of an ``azure.identity`` credential."""

    def get_token(self, *scopes: str) -> Any:
        """An object with ``token`` and ``expires_on`` (POSIX seconds)."""
        ...


class FixedToken:
    """One token for ever: the local pool's own.

    :raises CredentialError: when ``value`` can't be sent in an HTTP header.
    """

    def __init__(self, value: str) -> None:
        self._value = checked_token(value)

    async def token(self, *, refresh: bool = False) -> str:
        return self._value


class AzureToken:
    """Entra tokens for ``scope``, cached until five minutes before they expire.

    One request for a token is under way at a time; everybody who asks meanwhile waits for it, and
    a waiter that is cancelled leaves it running for the others.

    :param credential: a name of ``CREDENTIALS``.
    :param factory: makes the credential, in a worker thread; for tests.
    :param clock: POSIX seconds.
    :raises SettingsError: an unknown credential name.
    """

    def __init__(
        self,
        credential: str,
        scope: str,
        *,
        factory: Callable[[], SyncCredential] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if credential not in CREDENTIALS:
            raise SettingsError(
                f"AZURE_SESSION_CREDENTIAL is {credential[:100]!r}; "
                f"allowed are {', '.join(CREDENTIALS)}.",
                fix="Set AZURE_SESSION_CREDENTIAL=default, or remove it.",
            )
        self._name = credential
        self._scope = scope
        self._factory = factory or (lambda: _make_credential(credential))
        self._clock = clock
        self._credential: SyncCredential | None = None
        self._token = ""
        self._expires_at = 0.0
        self._under_way: asyncio.Task[str] | None = None

    async def token(self, *, refresh: bool = False) -> str:
        if not refresh and self._clock() < self._expires_at - MARGIN_S:
            return self._token
        if self._under_way is None:
            self._under_way = asyncio.get_running_loop().create_task(self._renew(refresh))
            self._under_way.add_done_callback(self._renewed)
        return await asyncio.shield(self._under_way)

    async def _renew(self, force: bool) -> str:
        # Credentials keep tokens in memory; a new object forgets them. A browser would ask again.
        if force and self._name != "interactive-browser":
            self._credential = None
        try:
            # A hanging az must not hold up the kernel's exit.
            answer = await in_daemon_thread(self._get_token)
            token, expires_at = checked_token(answer.token), float(answer.expires_on)
        except CredentialError:
            raise
        except Exception as error:
            raise explain_signin(error, self._name, self._scope) from None
        self._token, self._expires_at = token, expires_at
        return token

    def _renewed(self, task: asyncio.Task[str]) -> None:
        self._under_way = None
        if not task.cancelled():
            task.exception()  # every waiter may be gone; then nobody else looks at it

    def _get_token(self) -> Any:
        if self._credential is None:
            self._credential = self._factory()
        return self._credential.get_token(self._scope)


def token_claims(token: str) -> dict[str, Any]:
    """``aud``, ``tid``, ``oid`` and ``exp`` of a JWT, unverified; {} when it is not one.

    For error texts only: nothing is decided by it.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(payload, dict):
        return {}
    return {key: payload[key] for key in ("aud", "tid", "oid", "exp") if key in payload}


def checked_token(value: str) -> str:
    """``value`` without white space around it (RFC 6750, b64token).

    :raises CredentialError: empty, or with characters that a bearer token can't have.
    """
    value = value.strip()
    if value and set(value) <= _TOKEN_CHARS:
        return value
    raise CredentialError(
        "The token for the pool is empty or holds characters that no token has.",
        cause="Its source gave something that is not a bearer token.",
        fix="Sign in again (`az login`) and restart the kernel.",
    )


def _make_credential(name: str) -> SyncCredential:
    # Without a handler their warnings go to stderr, which a notebook shows (docs/design.md rule 5).
    for library in ("azure", "msal"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    from azure import identity

    class_name, arguments = CREDENTIALS[name]
    if name == "managed-identity":  # as DefaultAzureCredential does for a user-assigned one
        arguments = {"client_id": os.environ.get("AZURE_CLIENT_ID") or None}
    credential: SyncCredential = getattr(identity, class_name)(**arguments)
    return credential
