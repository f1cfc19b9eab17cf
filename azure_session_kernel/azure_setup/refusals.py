"""What ARM's refusals mean, and what to do: one table over its codes.

Sources: Microsoft's "Common Azure deployment errors"; for the rest the issue in which the answer
was reported is named beside it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ..common.errors import SetupFailed
from .arm import Refused


class _Row(NamedTuple):
    """:ivar pattern: of a code. Fields in cause and fix: group, region, subscription, namespace,
    message, tenant.
    """

    pattern: str
    cause: str
    fix: str


_OWNER: Final = (
    "Ask an owner of the subscription to run this, or to give you these roles:\n"
    'az role assignment create --role Contributor --assignee "YOUR ACCOUNT" --scope {scope}\n'
    'az role assignment create --role "User Access Administrator" --assignee "YOUR ACCOUNT" '
    "--scope {scope}"
)

#: The first row that fits one of the codes wins.
_TABLE: Final = (
    _Row(
        r"AuthorizationFailed|LinkedAuthorizationFailed|Forbidden",
        "Your account may not do that. Setup creates resources (Contributor) and assigns roles "
        "(User Access Administrator).",
        _OWNER,
    ),
    _Row(
        # microsoft/azure-container-apps issues 429, 459, 1648
        r"MaxNumberOf\w*Exceeded|\w*Quota\w*|\w*LimitExceeded",
        "The subscription may not have more of that: {message}",
        "Take another --region, or see what is in use, and ask for more in the portal "
        "(Quotas, Container Apps):\naz containerapp list-usages --location {region}",
    ),
    _Row(
        r"AlreadyInUse|NameNotAvailable|NameAlreadyExists|\w*NameInUse",  # azure-dev-docs 1303
        "Somebody else in Azure has that name.",
        "Run it again with another name, such as --name course2.",
    ),
    _Row(
        r"LocationNotAvailableForResourceType|NoRegisteredProviderFound|LocationNotAvailable\w*",
        "That region does not have this service.",
        "Take a --region that this lists:\naz provider show --namespace {namespace} "
        "--query \"resourceTypes[?resourceType=='sessionPools'].locations\"",
    ),
    _Row(
        r"MissingSubscriptionRegistration",
        "The subscription is not registered for {namespace} (yet).",
        "az provider register --wait --namespace {namespace}",
    ),
    _Row(
        r"InvalidAuthenticationTokenTenant",
        "You are signed in to another tenant than that of the subscription.",
        "az login --tenant {tenant}",
    ),
    _Row(
        r"InvalidAuthenticationToken|ExpiredAuthenticationToken|AuthenticationFailed",
        "Your sign-in is not valid (any more).",
        "az login",
    ),
    _Row(
        r"SubscriptionNotFound|InvalidSubscriptionId",
        "There is no subscription {subscription}, or your account can't see it.",
        "See which there are, and sign in to the right tenant:\n"
        "az account list --output table\naz login --tenant TENANT",
    ),
    _Row(
        r"SubscriptionReadOnly|ReadOnlyDisabledSubscription|SubscriptionDisabled",
        "The subscription is disabled: expired, or its spending limit is reached.",
        "Reactivate it in the portal (Subscriptions), or take another with --subscription.",
    ),
    _Row(
        r"RequestDisallowedBy\w*|PolicyViolation",
        "A policy of your organisation forbids it: {message}",
        "Ask who administers the subscription for an exemption, or take another --region.",
    ),
    _Row(
        r"ResourceGroupBeingDeleted",
        "The group is just being deleted.",
        "Wait for its end, and run this again:\naz group wait --deleted --name {group}",
    ),
    _Row(
        r"ScopeLocked",
        "A lock forbids deletions there.",
        "az lock list --resource-group {group} --output table",
    ),
)


def explained(refused: Refused, doing: str, **fields: str) -> SetupFailed:
    """:param doing: what was being done, after "Azure refused to"."""
    code = refused.codes[-1] if refused.codes else ""
    known = {
        "message": refused.message or "it does not say more.",
        "namespace": _namespace(refused),
        "tenant": _tenant(refused.message),
        "group": "GROUP",
        "region": "REGION",
        "subscription": "SUBSCRIPTION",
        "scope": "/subscriptions/SUBSCRIPTION",
        **fields,
    }
    what = f"Azure refused to {doing} ({refused.status}{f' {code}' if code else ''})."
    for row in _TABLE:
        if any(re.fullmatch(row.pattern, one) for one in refused.codes):
            return SetupFailed(what, cause=row.cause.format(**known), fix=row.fix.format(**known))
    return SetupFailed(
        what,
        cause=f"Azure says: {known['message']}",
        fix=f"Look for {code or refused.status} in Microsoft's list:\n"
        "https://aka.ms/arm-deployment-errors",
    )


def _namespace(refused: Refused) -> str:
    found = re.findall(r"Microsoft\.\w+", f"{refused.message} {refused.asked}")
    return found[0] if found else "Microsoft.App"


def _tenant(message: str) -> str:
    """The right one is the last that the message names (azure-sdk-for-net issue 49391)."""
    found = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", message)
    return found[-1] if found else "TENANT"
