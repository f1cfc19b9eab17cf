"""What a plan needs, in order: each step looks, and makes what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from . import bodies, commands, resources
from .arm import Arm
from .bodies import Body
from .image import Image
from .names import RESOURCES, VERSIONS
from .plan import Plan
from .pool import Pool
from .providers import Providers
from .resources import Now, Resource, State, properties
from .roles import pulls, users
from .source import Files


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
            pulls(arm, plan),
        ]
        if not tag:
            image = Image(arm, plan, files)
            tag = image.tag
            making.append(image)
    making.append(Pool(arm, plan, tag))
    return [*making, *users(arm, plan, me)]


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
