"""What a plan needs, in order: each step looks, and makes what is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..common.errors import CredentialError, SetupFailed
from ..pool.credentials import token_claims
from . import bodies, commands, resources
from .arm import Arm, Refused
from .bodies import Body
from .image import Image
from .names import RESOURCES, VERSIONS
from .plan import Plan, assignment_id, in_azures_words
from .pool import Pool
from .resources import Now, Resource, State, properties
from .source import Files
from .waiting import ROLE_S, until

_ASSIGNMENTS: Final = VERSIONS["Microsoft.Authorization/roleAssignments"]
_NAMESPACES: Final = (
    "Microsoft.App",
    "Microsoft.ContainerRegistry",
    "Microsoft.OperationalInsights",
    "Microsoft.ManagedIdentity",
)


class Step(Protocol):
    """Called in order. ``look`` changes nothing, and ``make`` goes on with what has been begun.

    Both raise Refused, SetupFailed and CredentialError.
    """

    @property
    def title(self) -> str: ...

    @property
    def commands(self) -> Sequence[str]:
        """The same with ``az``."""
        ...

    async def look(self) -> State: ...

    async def make(self, now: Now) -> None: ...


@dataclass(frozen=True)
class Thing:
    """A resource that one request makes."""

    arm: Arm
    resource: Resource
    command: str

    @property
    def title(self) -> str:
        return self.resource.title

    @property
    def commands(self) -> Sequence[str]:
        return (self.command,)

    async def look(self) -> State:
        return (await resources.look(self.arm, self.resource))[0]

    async def make(self, now: Now) -> None:
        await resources.make(self.arm, self.resource, now)


@dataclass(frozen=True)
class Providers:
    """The services that the subscription has to be registered for."""

    arm: Arm
    plan: Plan
    title: str = "resource providers"

    @property
    def _namespaces(self) -> Sequence[str]:
        return _NAMESPACES if self.plan.custom else _NAMESPACES[:1]

    @property
    def commands(self) -> Sequence[str]:
        return [commands.register(one) for one in self._namespaces]

    async def look(self) -> State:
        """:raises SetupFailed: the region has no session pools."""
        found = [await self._provider(one) for one in self._namespaces]
        regions = _regions(found[0])
        if regions and self.plan.region not in map(in_azures_words, regions):
            raise SetupFailed(
                f"The region {self.plan.region} has no session pools.",
                cause="Azure does not offer them everywhere.",
                fix=f"Take another --region: {', '.join(sorted(map(in_azures_words, regions)))}",
            )
        there = all(one.get("registrationState") == "Registered" for one in found)
        return State.THERE if there else State.MISSING

    async def make(self, now: Now) -> None:
        for namespace in self._namespaces:
            if (await self._provider(namespace)).get("registrationState") == "Registered":
                continue
            now(f"registering {namespace}")
            await self.arm.ask("POST", f"{self._path(namespace)}/register", RESOURCES)
            await self._registered(namespace)

    async def _registered(self, namespace: str) -> None:
        async def ended() -> bool | None:
            state = (await self._provider(namespace)).get("registrationState")
            return True if state == "Registered" else None

        await until(self.arm.clock, ended, f"The registration of {namespace}", ROLE_S)

    async def _provider(self, namespace: str) -> dict[str, Any]:
        return await self.arm.get(self._path(namespace), RESOURCES) or {}

    def _path(self, namespace: str) -> str:
        return f"/subscriptions/{self.plan.subscription}/providers/{namespace}"


def _regions(provider: dict[str, Any]) -> list[str]:
    """In which there are session pools, as Azure writes them; [] if it does not say."""
    for one in provider.get("resourceTypes") or ():
        if str(one.get("resourceType")).lower() == "sessionpools":
            return [str(region) for region in one.get("locations") or ()]
    return []


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


def steps(arm: Arm, plan: Plan, files: Files, me: str) -> list[Step]:
    """:param files: the image's source, if one is built. :param me: this account's object id."""
    making: list[Step] = [Providers(arm, plan), _group(arm, plan)]
    tag = plan.image_tag
    if plan.custom:
        making += [
            _thing(
                arm, "log workspace", plan.workspace_id, bodies.workspace, commands.workspace, plan
            ),
            _environment(arm, plan),
            _thing(arm, "registry", plan.registry_id, bodies.registry, commands.registry, plan),
            _thing(arm, "identity", plan.puller_id, bodies.puller, commands.puller, plan),
            _pulls(arm, plan),
        ]
        if not tag:
            image = Image(arm, plan, files)
            tag = image.tag
            making.append(image)
    making.append(Pool(arm, plan, tag))
    return [*making, *_users(arm, plan, me)]


def _thing(
    arm: Arm,
    kind: str,
    resource_id: str,
    body: Callable[[Plan], Body],
    command: Callable[[Plan], str],
    plan: Plan,
) -> Thing:
    async def with_plan() -> Body:
        return body(plan)

    provider, of_type, name = resource_id.split("/")[-3:]
    version = VERSIONS[f"{provider}/{of_type}"]
    return Thing(arm, Resource(f"{kind} {name}", resource_id, version, with_plan), command(plan))


def _group(arm: Arm, plan: Plan) -> Thing:
    async def body() -> Body:
        return bodies.group(plan)

    title = f"resource group {plan.group}"
    resource = Resource(title, plan.group_id, RESOURCES, body, shared=True)
    return Thing(arm, resource, commands.group(plan))


def _environment(arm: Arm, plan: Plan) -> Thing:
    workspaces = VERSIONS["Microsoft.OperationalInsights/workspaces"]

    async def body() -> Body:
        workspace = await arm.get(plan.workspace_id, workspaces)
        keys = await arm.ask("POST", f"{plan.workspace_id}/sharedKeys", workspaces)
        customer = str(properties(workspace).get("customerId", ""))
        return bodies.environment(plan, customer, str(keys.body.get("primarySharedKey", "")))

    version = VERSIONS["Microsoft.App/managedEnvironments"]
    resource = Resource(f"environment {plan.name}-environment", plan.environment_id, version, body)
    return Thing(arm, resource, commands.environment(plan))


def _pulls(arm: Arm, plan: Plan) -> Role:
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


def _users(arm: Arm, plan: Plan, me: str) -> list[Role]:
    """Who makes the pool may use it, and whoever else was named."""
    mine = [_user(arm, plan, me, "right to use it: you", "")] if me else []
    others = [_user(arm, plan, u, f"right to use it: {u}", plan.users_are) for u in plan.users]
    return mine + [other for other in others if other.whom != me]


def _user(arm: Arm, plan: Plan, user: str, title: str, kind: str) -> Role:
    async def principal() -> str:
        return user

    role, scope = plan.names.executor_role, plan.pool_id
    command = commands.assign(role, scope, user, kind or "User")
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
