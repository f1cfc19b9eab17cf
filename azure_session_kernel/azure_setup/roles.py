"""Roles: the registry's for the identity that pulls the image, the pool's for those who use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..common.errors import CredentialError
from ..pool.credentials import token_claims
from . import bodies, commands
from .arm import Arm, Refused
from .names import VERSIONS
from .plan import Plan, assignment_id
from .resources import Now, State, properties
from .waiting import ROLE_S, until

_ASSIGNMENTS: Final = VERSIONS["Microsoft.Authorization/roleAssignments"]


@dataclass(frozen=True)
class Role:
    """:ivar whom: what the assignment's name follows from. :ivar principal: its object id."""

    arm: Arm
    title: str
    role: str
    scope: str
    whom: str
    principal: Callable[[], Awaitable[str]]
    command: str
    kind: str = ""

    @property
    def commands(self) -> Sequence[str]:
        return (self.command,)

    @property
    def _id(self) -> str:
        return assignment_id(self.scope, self.whom)

    async def look(self) -> State:
        found = await self.arm.get(self._id, _ASSIGNMENTS)
        return State.MISSING if found is None else State.THERE

    async def make(self, now: Now) -> None:
        principal = await self.principal()

        async def assigned() -> bool | None:
            body = bodies.assignment(self.role, principal, self.kind)
            try:
                await self.arm.ask("PUT", self._id, _ASSIGNMENTS, body)
            except Refused as refused:
                if "RoleAssignmentExists" in refused.codes:  # by hand, under another name
                    return True
                if "PrincipalNotFound" not in refused.codes:
                    raise
                now("waiting until Azure knows the identity everywhere")
                return None
            return True

        await until(self.arm.clock, assigned, f"The {self.title}", ROLE_S)


def pulls(arm: Arm, plan: Plan) -> Role:
    async def principal() -> str:
        version = VERSIONS["Microsoft.ManagedIdentity/userAssignedIdentities"]
        return str(properties(await arm.get(plan.puller_id, version)).get("principalId", ""))

    return Role(
        arm,
        "right to pull the image",
        plan.role(plan.names.pull_role),
        plan.registry_id,
        plan.puller_id,
        principal,
        commands.pulls(plan),
        "ServicePrincipal",
    )


def users(arm: Arm, plan: Plan, me: str) -> list[Role]:
    """Who makes the pool may use it, and whoever else was named."""
    mine = [_user(arm, plan, me, "right to use the pool: you", "")] if me else []
    others = [
        _user(arm, plan, u, f"right to use the pool: {u}", plan.users_are) for u in plan.users
    ]
    return mine + [other for other in others if other.whom != me]


def _user(arm: Arm, plan: Plan, user: str, title: str, kind: str) -> Role:
    async def principal() -> str:
        return user

    role, scope = plan.names.executor_role, plan.pool_id
    command = commands.assign(role, scope, user, kind)
    return Role(arm, title, plan.role(role), scope, user, principal, command, kind)


async def who_am_i(arm: Arm) -> str:
    """The object id of this account, as its token says; "" if it does not say.

    :raises CredentialError: there is no token, in words for somebody who has run no cell.
    """
    try:
        token = await arm.token()
    except CredentialError as error:
        what = error.what.replace("No token for the session pool", "No token for Azure")
        fix = error.fix.replace("run the cell again", "run the same command again")
        raise CredentialError(what, cause=error.cause, fix=fix) from None
    oid = token_claims(token).get("oid")
    return oid if isinstance(oid, str) else ""
