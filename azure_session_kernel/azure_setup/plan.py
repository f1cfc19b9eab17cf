"""What is to be made: the answers, checked, and the resource ids that follow from them."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .names import POOL_TYPE, Names

CUSTOM: Final = "custom"
BUILTIN: Final = "builtin"
KINDS: Final = (CUSTOM, BUILTIN)
#: docs/azure.md 3.2.
COOLDOWN_S: Final = (300, 3600)
MOST_SESSIONS: Final = 600
#: Terraform's template takes the same of the group's id, so that both find the same registry.
_REGISTRY_DIGITS: Final = 13


@dataclass(frozen=True)
class Plan:
    """:ivar name: of the pool, and the beginning of all other names.
    :ivar packages: the course's ``requirements.txt`` or ``environment.yml``.
    :ivar image_tag: an image that is in the registry already; "": it is built.
    :ivar users: object ids of those who may use the pool besides the one who makes it.
    """

    names: Names
    subscription: str
    group: str
    region: str
    kind: str
    name: str
    max_sessions: int
    ready_sessions: int
    cooldown_s: int
    egress: bool = False
    packages: Path | None = None
    image_tag: str = ""
    users: tuple[str, ...] = ()
    users_are: str = "User"

    @property
    def custom(self) -> bool:
        return self.kind == CUSTOM

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    @property
    def workspace_id(self) -> str:
        return self._id("Microsoft.OperationalInsights/workspaces", f"{self.name}-logs")

    @property
    def environment_id(self) -> str:
        return self._id("Microsoft.App/managedEnvironments", f"{self.name}-environment")

    @property
    def registry(self) -> str:
        """Its name has to be unique in Azure, so it has something of the group's id in it."""
        digits = hashlib.sha1(self.group_id.encode(), usedforsecurity=False).hexdigest()
        return f"{self.name}{digits[:_REGISTRY_DIGITS]}"

    @property
    def registry_id(self) -> str:
        return self._id("Microsoft.ContainerRegistry/registries", self.registry)

    @property
    def puller_id(self) -> str:
        return self._id("Microsoft.ManagedIdentity/userAssignedIdentities", f"{self.name}-puller")

    @property
    def pool_id(self) -> str:
        return self._id(POOL_TYPE, self.name)

    def _id(self, of_type: str, name: str) -> str:
        return f"{self.group_id}/providers/{of_type}/{name}"

    def role(self, role: str) -> str:
        """The id of a role's definition."""
        provider = f"/subscriptions/{self.subscription}/providers/Microsoft.Authorization"
        return f"{provider}/roleDefinitions/{role}"


def assignment_id(scope: str, whom: str) -> str:
    """The same for the same two, so that a role is assigned once; as the Terraform template does.

    :param whom: an object id, or the resource id of an identity.
    """
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{whom}")
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"


def in_azures_words(region: str) -> str:
    """``westeurope`` of ``West Europe``."""
    return re.sub(r"[\s-]", "", region).lower()


def is_group(name: str) -> bool:
    """Whether a resource group can have that name."""
    return bool(re.fullmatch(r"[-\w.()]{1,90}", name)) and not name.endswith(".")


def fault(plan: Plan) -> str:
    """What Azure would not take, as ``--option: why``; or ""."""
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", plan.subscription.lower()):
        return f"--subscription: {plan.subscription} is no id; az account list shows them"
    if not is_group(plan.group):
        return f"--resource-group: {plan.group!r} can't be a name: letters, digits, - _ . ( )"
    if not re.fullmatch(r"[a-z][a-z0-9]{2,19}", plan.name):
        return (
            f"--name: {plan.name!r} has to be 3 to 20 lower-case letters and digits, a letter first"
        )
    if not re.fullmatch(r"[a-z0-9]+", plan.region):
        return f"--region: {plan.region!r} is no region; az account list-locations shows them"
    return _fault_of_size(plan)


def _fault_of_size(plan: Plan) -> str:
    if not 1 <= plan.max_sessions <= MOST_SESSIONS:
        return f"--max-sessions: {plan.max_sessions} is not from 1 to {MOST_SESSIONS}"
    if plan.custom and not 1 <= plan.ready_sessions < plan.max_sessions:
        return (
            f"--ready-sessions: {plan.ready_sessions} is not 1 or more, and less than "
            f"--max-sessions, which is {plan.max_sessions}"
        )
    if not COOLDOWN_S[0] <= plan.cooldown_s <= COOLDOWN_S[1]:
        return f"--cooldown: {plan.cooldown_s} s is not from {COOLDOWN_S[0]} to {COOLDOWN_S[1]}"
    if plan.image_tag and not re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{0,127}", plan.image_tag):
        return f"--image-tag: {plan.image_tag!r} is no tag in lower case"
    if plan.packages is not None and not plan.packages.is_file():
        return f"--packages: there is no file {plan.packages}"
    return ""
