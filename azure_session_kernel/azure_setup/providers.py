"""The services that a subscription has to be registered for, and the regions that have pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..common.errors import SetupFailed
from . import commands
from .arm import Arm
from .names import RESOURCES
from .plan import Plan, in_azures_words
from .resources import Now, State
from .waiting import ROLE_S, until

_NAMESPACES: Final = (
    "Microsoft.App",
    "Microsoft.ContainerRegistry",
    "Microsoft.OperationalInsights",
    "Microsoft.ManagedIdentity",
)


@dataclass(frozen=True)
class Providers:
    """The services that the subscription has to be registered for."""

    arm: Arm
    plan: Plan
    title: str = "registration of resource providers"

    @property
    def _namespaces(self) -> Sequence[str]:
        return _NAMESPACES if self.plan.custom else _NAMESPACES[:1]

    @property
    def commands(self) -> Sequence[str]:
        registering = [commands.register(one) for one in self._namespaces]
        return [*commands.begin(self.plan), *registering]

    async def look(self) -> State:
        """:raises SetupFailed: the region has no session pools."""
        known = await regions(self.arm, self.plan.subscription)
        if known and self.plan.region not in known:
            raise SetupFailed(
                f"The region {self.plan.region} has no session pools.",
                cause="Azure does not offer them everywhere.",
                fix=f"Take another --region: {', '.join(known)}",
            )
        there = [await self._registered(one) for one in self._namespaces]
        return State.THERE if all(there) else State.MISSING

    async def make(self, now: Now) -> None:
        for namespace in self._namespaces:
            if not await self._registered(namespace):
                now(f"registering {namespace}")
                path = f"{_path(self.plan.subscription, namespace)}/register"
                await self.arm.ask("POST", path, RESOURCES)
                await self._wait_for(namespace)

    async def _wait_for(self, namespace: str) -> None:
        async def ended() -> bool | None:
            return await self._registered(namespace) or None

        await until(self.arm.clock, ended, f"The registration of {namespace}", ROLE_S)

    async def _registered(self, namespace: str) -> bool:
        provider = await self.arm.get(_path(self.plan.subscription, namespace), RESOURCES) or {}
        return provider.get("registrationState") == "Registered"


async def regions(arm: Arm, subscription: str) -> list[str]:
    """Those with session pools, such as ``westeurope``; [] if Azure does not say."""
    provider = await arm.get(_path(subscription, _NAMESPACES[0]), RESOURCES) or {}
    for one in provider.get("resourceTypes") or ():
        if str(one.get("resourceType")).lower() == "sessionpools":
            return sorted(in_azures_words(str(name)) for name in one.get("locations") or ())
    return []


def _path(subscription: str, namespace: str) -> str:
    return f"/subscriptions/{subscription}/providers/{namespace}"
