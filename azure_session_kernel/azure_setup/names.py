"""Names, sizes and api-versions of what setup makes; see ``deploy/names.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: On everything that setup makes, and on nothing else: what may be changed and removed again.
TAG: Final = "azure-session-kernel"
MADE: Final = {TAG: "setup"}

#: Resource type -> api-version: those of the templates in ``deploy/``; tasks of a registry, and
#: what is of the resource manager itself, as Microsoft's clients of 2026 ask for it.
VERSIONS: Final = {
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.App/managedEnvironments": "2026-07-01",
    "Microsoft.App/sessionPools": "2026-07-01",
    "Microsoft.ContainerRegistry/registries": "2025-11-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
}
RESOURCES: Final = "2025-04-01"
SUBSCRIPTIONS: Final = "2022-12-01"
TASKS: Final = "2025-03-01-preview"
POOL_TYPE: Final = "Microsoft.App/sessionPools"


@dataclass(frozen=True)
class Names:
    """What of ``deploy/names.json`` concerns Azure; its other entries are the image's."""

    image: str
    target_port: int
    health_path: str
    base: str
    builtin_pool: str
    workload_profile: str
    cpu: str
    memory: str
    ready_sessions: int
    max_sessions: int
    cooldown_s: int
    executor_role: str
    pull_role: str


def read_names(deploy: Path) -> Names:
    """:param deploy: the folder ``deploy``, of the repository or of the installed package."""
    known = json.loads((deploy / "names.json").read_text(encoding="utf-8"))
    return Names(
        image=known["image"],
        target_port=known["targetPort"],
        health_path=known["healthPath"],
        base=known["baseName"],
        builtin_pool=known["builtinPool"],
        workload_profile=known["workloadProfile"],
        cpu=known["cpu"],
        memory=known["memory"],
        ready_sessions=known["readySessions"],
        max_sessions=known["maxSessions"],
        cooldown_s=known["cooldownSeconds"],
        executor_role=known["sessionExecutorRole"],
        pull_role=known["acrPullRole"],
    )
