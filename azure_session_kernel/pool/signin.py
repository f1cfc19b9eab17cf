"""Why no token could be had, and what to do: one table over what ``azure-identity`` says.

Sources: Entra's AADSTS error codes; the texts of ``azure-identity`` and of ``az`` (which itself
answers an interaction that is required with ``az login --scope …``); the code for a scope without
``/.default`` as in microsoft/autogen issue 5946.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ..common.errors import CredentialError


class _Row(NamedTuple):
    pattern: str
    cause: str
    fix: str


#: The first pattern found wins. ``{scope}`` and ``{login}`` are filled in.
_TABLE: Final = (
    _Row(
        r"AADSTS(700082|70043|70008|50173|50078)\b",
        "Your sign-in has expired.",
        "Run `{login}`, then run the cell again.",
    ),
    _Row(
        r"AADSTS(65001|50076|50079)\b|interaction_required|Interactive authentication is needed",
        "Microsoft wants you to sign in interactively for this scope.",
        "Run `az login --scope {scope}`, then run the cell again.",
    ),
    _Row(
        r"AADSTS(70011|1002012)\b",
        "AZURE_SESSION_TOKEN_SCOPE is not a valid scope.",
        "Set AZURE_SESSION_TOKEN_SCOPE=https://dynamicsessions.io/.default, or remove it.",
    ),
    _Row(
        r"AADSTS(500011|90002|50020|700016)\b",
        "You are signed in to a tenant that does not know this service or your account.",
        "Run `az login --tenant TENANT` with the tenant of the pool's subscription.",
    ),
    _Row(
        r"AADSTS(7000215|7000222)\b",
        "The client secret of the service principal is wrong or has expired.",
        "Set AZURE_CLIENT_SECRET to a valid secret for AZURE_CLIENT_ID.",
    ),
    _Row(
        r"^AzureCliCredential.*Azure CLI not found|^Azure CLI not found",
        "The Azure CLI is not installed, or not on the kernel's PATH.",
        "Install it, or choose another sign-in with AZURE_SESSION_CREDENTIAL.",
    ),
    _Row(
        r"az login|azd auth login|Connect-AzAccount|not logged in",
        "You are not signed in to Azure.",
        "Run `{login}`, then run the cell again.",
    ),
    _Row(
        r"Service(Request|Response)Error|Failed to resolve|ConnectionError|NameResolution",
        "The sign-in service could not be reached.",
        "Check the network, and HTTPS_PROXY if you need a proxy.",
    ),
    _Row(
        r"CredentialUnavailableError|EnvironmentCredential|WorkloadIdentity",
        "This way of signing in is not available here.",
        "Run `{login}`, or choose another with AZURE_SESSION_CREDENTIAL "
        "(cli, managed-identity, environment, …).",
    ),
)
_LOGIN: Final = {
    "azd": "azd auth login",
    "powershell": "Connect-AzAccount",
}
_SECRETS: Final = re.compile(
    r"eyJ[\w-]{8,}(\.[\w-]*)*|(?i:(client_secret|client_assertion|assertion|password|"
    r"access_token|refresh_token)[\"']?\s*[=:]\s*\S+)"
)


def explain_signin(error: Exception, credential: str, scope: str) -> CredentialError:
    """The error for what ``azure-identity`` raised; its text bounded and without secrets."""
    text = f"{error}"[:20_000]
    searched = f"{text}\n{type(error).__name__}"
    login = _LOGIN.get(credential, "az login")
    cause, fix = f"{type(error).__name__}.", f"Run `{login}`, or set AZURE_SESSION_CREDENTIAL."
    for row in _TABLE:
        if re.search(row.pattern, searched, re.MULTILINE):
            cause, fix = row.cause, row.fix.format(scope=scope, login=login)
            break
    return CredentialError(
        f"No token for the session pool (credential {credential!r}): {_first_line(text)}",
        cause=cause,
        fix=fix,
    )


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    clean = "".join(c if c.isprintable() else " " for c in line)
    return _SECRETS.sub("…", clean)[:300]
