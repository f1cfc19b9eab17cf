"""Causes that have to do with who asks: credential, token, role."""

from __future__ import annotations

from typing import Final

from ..evidence import Evidence, TokenFacts
from ..signs import HIGH, LOW, MEDIUM, Predicate, Sign, every, no, seen, token
from .network import CLOCK_S
from .row import Cause

AUDIENCE: Final = "https://dynamicsessions.io"
#: Ids that Entra may write in ``aud`` for the same audience.
_AUDIENCES: Final = frozenset({AUDIENCE, f"{AUDIENCE}/"})

ROLE_COMMAND: Final = (
    'az role assignment create --role "Azure ContainerApps Session Executor" '
    "--assignee $(az ad signed-in-user show --query id --output tsv) "
    "--scope $(az containerapp sessionpool show --name {pool} --resource-group {group} "
    "--query id --output tsv)"
)
#: Of the pool itself, or of nobody who can be told.
_401: Final[Predicate] = seen(status=401, who=("front", "unknown"))
_403: Final[Predicate] = seen(status=403, who=("front", "unknown"))


def _by_front(status: int) -> Predicate:
    return seen(status=status, who="front")


def _local(e: Evidence) -> bool:
    return e.endpoint.loopback and (e.token is None or e.token.opaque)


def _wrong_audience(t: TokenFacts) -> bool:
    return not t.opaque and bool(t.audience) and t.audience not in _AUDIENCES


def _expired(t: TokenFacts) -> bool:
    return t.seconds_left is not None and t.seconds_left <= 0


def _clock_is_wrong(e: Evidence) -> bool:
    return e.clock_skew_s is not None and abs(e.clock_skew_s) > CLOCK_S


SIGNIN: Final = (
    Cause(
        id="no-credential",
        check="credential",
        title="No token can be had",
        explanation="{token_failure}",
        fix="{token_fix}",
        source="azure-identity; Entra's AADSTS codes",
        signs=(Sign("azure-identity gives no token", HIGH, token(lambda t: bool(t.failure))),),
    ),
    Cause(
        id="local-pool-token",
        check="credential",
        title="The token is another local pool's",
        explanation="The local pool was restarted, or the token is another pool's.",
        fix="Run the cell again: it reads the running pool's token. If it stays so, set "
        "AZURE_SESSION_POOL_ENDPOINT=local and restart the kernel.",
        source="this project's local pool",
        signs=(
            Sign(
                "401 on loopback, with a token that is not Azure's",
                HIGH,
                every(_by_front(401), _local),
            ),
            Sign("the same, with words that nobody knows", LOW, every(_401, _local)),
        ),
    ),
    Cause(
        id="wrong-audience",
        check="credential",
        title="The token is for another audience",
        explanation="The pool refused the token, which was issued for another audience: "
        "{audience}, and https://dynamicsessions.io is needed.",
        fix="Leave AZURE_SESSION_TOKEN_SCOPE at https://dynamicsessions.io/.default (or remove "
        "it), run `az login`, and run the cell again.",
        source="Azure's OpenAPI (OAuth2 scope); semantic-kernel's default is the older "
        "acasessions.io",
        signs=(
            Sign("401, and the token's aud is another", HIGH, every(_401, token(_wrong_audience))),
            Sign("403, and the token's aud is another", HIGH, every(_403, token(_wrong_audience))),
            Sign(
                "the token's aud is another, and nothing was asked yet", LOW, token(_wrong_audience)
            ),
        ),
    ),
    Cause(
        id="expired-token",
        check="credential",
        title="The token has expired",
        explanation="The pool refused the token: it has expired.",
        fix="Run `az login`, then run the cell again. A token given by hand lasts about an hour.",
        source="JWT exp; reported by users",
        signs=(
            Sign(
                "401, and the token's exp is past",
                HIGH,
                every(_401, token(_expired), no(token(_wrong_audience)), no(_clock_is_wrong)),
            ),
        ),
    ),
    Cause(
        id="token-refused",
        check="credential",
        title="The token is refused",
        explanation="It has expired or was issued for another audience or tenant: {audience}, and "
        "https://dynamicsessions.io is needed.",
        fix="Run `az login --tenant TENANT` with the tenant of the pool's subscription, and leave "
        "AZURE_SESSION_TOKEN_SCOPE at https://dynamicsessions.io/.default; then run the cell "
        "again.",
        source="reported by users; one 401 was a missing Contributor role",
        signs=(Sign("401, and its claims look right, or it has none", MEDIUM, _401),),
    ),
    Cause(
        id="missing-role",
        check="role",
        title="The role is missing",
        explanation="The token is good, but the role 'Azure ContainerApps Session Executor' on "
        "the pool is missing, or too new to have spread.",
        fix=f"Run `{ROLE_COMMAND}` and wait up to 5 minutes.",
        source="Microsoft's documentation (sessions-code-interpreter); azure-cli's recordings; "
        "reported: effective after 45 s to 5 min",
        signs=(
            Sign(
                "403 from the pool itself",
                HIGH,
                every(_by_front(403), no(token(_wrong_audience))),
            ),
            Sign(
                "403 with words that nobody knows",
                MEDIUM,
                every(_403, no(token(_wrong_audience))),
            ),
            Sign(
                "401 from the pool, and the token's claims look right",
                LOW,
                every(
                    _401,
                    token(lambda t: not t.opaque and not _wrong_audience(t) and not _expired(t)),
                ),
            ),
        ),
    ),
)
