"""Taking away what setup has made: nothing without its tag, the group only if all is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import commands
from .arm import Arm
from .names import POOL_TYPE, RESOURCES, VERSIONS
from .resources import gone, is_ours, properties
from .screen import Screen

#: What setup makes, in the order in which it can go, and what it is called.
_KINDS: Final = {
    POOL_TYPE: "session pool",
    "Microsoft.App/managedEnvironments": "environment",
    "Microsoft.ContainerRegistry/registries": "registry",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "identity",
    "Microsoft.OperationalInsights/workspaces": "log workspace",
}
_ORDER: Final = tuple(_KINDS)
_RANK: Final = {name.lower(): rank for rank, name in enumerate(_ORDER)}


@dataclass(frozen=True)
class Found:
    """:ivar ours: ids, in the order in which they can go. :ivar others: titles of what stays.
    :ivar whole: the group is setup's own, with nothing of others in it.
    :ivar endpoints: of the pools that go.
    """

    group_id: str
    exists: bool
    ours: Sequence[str]
    others: Sequence[str]
    whole: bool
    endpoints: Sequence[str]

    @property
    def empty(self) -> bool:
        return not self.ours and not self.whole

    def titles(self) -> list[str]:
        what = [_title(one) for one in self.ours]
        return [*what, *([_title(self.group_id)] if self.whole else [])]

    def commands(self) -> list[str]:
        _, _, subscription, _, group = self.group_id.split("/")
        if self.whole:
            return [commands.remove_group(group, subscription)]
        return [commands.remove(one) for one in self.ours]


async def look(arm: Arm, subscription: str, group: str) -> Found:
    """:raises Refused:"""
    group_id = f"/subscriptions/{subscription}/resourceGroups/{group}"
    there = await arm.get(group_id, RESOURCES)
    if there is None:
        return Found(group_id, False, (), (), False, ())
    within = await arm.values(f"{group_id}/resources", RESOURCES)
    ours = sorted(filter(_ours, within), key=_rank)
    others = [_title(str(one.get("id"))) for one in within if not _ours(one)]
    ids = [str(one["id"]) for one in ours]
    whole = is_ours(there) and not others
    endpoints = [await _endpoint(arm, one) for one in ids if _type(one) == POOL_TYPE.lower()]
    return Found(group_id, True, ids, others, whole, [one for one in endpoints if one])


async def remove(arm: Arm, found: Found, screen: Screen) -> None:
    """:raises Refused: :raises SetupTookTooLong:"""
    going = [found.group_id] if found.whole else found.ours
    for number, one in enumerate(going, 1):
        screen.begin(number, len(going), _title(one))
        version = RESOURCES if one == found.group_id else VERSIONS[_ORDER[_RANK[_type(one)]]]
        await arm.ask("DELETE", one, version)
        screen.now("being removed")
        await gone(arm, one, version, _title(one))
        screen.end("removed")


def _ours(resource: dict[str, Any]) -> bool:
    """With the tag, and of a kind that setup makes."""
    return is_ours(resource) and _type(str(resource.get("id"))) in _RANK


def _rank(resource: dict[str, Any]) -> int:
    return _RANK[_type(str(resource["id"]))]


def _type(resource_id: str) -> str:
    return "/".join(resource_id.split("/")[-3:-1]).lower()


def _title(resource_id: str) -> str:
    *_, kind, name = resource_id.split("/")
    if (rank := _RANK.get(_type(resource_id))) is not None:
        return f"{_KINDS[_ORDER[rank]]} {name}"
    return f"resource group {name}" if kind.lower() == "resourcegroups" else f"{kind} {name}"


async def _endpoint(arm: Arm, pool_id: str) -> str:
    found = properties(await arm.get(pool_id, VERSIONS[POOL_TYPE]))
    return str(found.get("poolManagementEndpoint") or "")
