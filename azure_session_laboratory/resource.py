"""A pool's ARM resource, ``Microsoft.App/sessionPools``, as the management plane shows it.

Its form is recorded (docs/azure.md 2.5, REC-CC 2025-02-02-preview); the values that matter for a
diagnosis are ``Resource``'s fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from azure_session_kernel.pool.local_record import LocalPool

RESOURCE_ID: Final = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/laboratory"
    "/providers/Microsoft.App/sessionPools/laboratory"
)


@dataclass(frozen=True)
class Resource:
    """What ARM says of a pool.

    :ivar active_port: of the template that serves; None: ``target_port``, the newest one's.
    :ivar endpoint: ``poolManagementEndpoint``; "": what the pool's own URL is.
    """

    container_type: str = "CustomContainer"
    provisioning_state: str = "Succeeded"
    target_port: int = 8080
    active_port: int | None = None
    image: str = "registry.example.org/session:1"
    ready: int = 2
    pending: int = 0
    pull_failures: int = 0
    crashes: int = 0
    max_sessions: int = 10
    egress: str = "EgressDisabled"
    endpoint: str = ""

    def document(self, endpoint: str) -> dict[str, Any]:
        """The answer to GET, but for fields that say nothing of the pool's health."""
        container = {"image": self.image, "name": "laboratory", "env": [], "probes": []}
        status = {
            "expectedCount": 2,
            "readyCount": self.ready,
            "pendingCount": self.pending,
            "imagePullFailCount": self.pull_failures,
            "crashCount": self.crashes,
            "allocatedCount": 0,
        }
        active_port = self.active_port or self.target_port
        properties: dict[str, Any] = {
            "poolManagementType": "Dynamic",
            "containerType": self.container_type,
            "provisioningState": self.provisioning_state,
            "poolManagementEndpoint": self.endpoint or endpoint,
            "scaleConfiguration": {
                "readySessionInstances": 2,
                "maxConcurrentSessions": self.max_sessions,
            },
            "dynamicPoolConfiguration": {
                "lifecycleConfiguration": {
                    "lifecycleType": "Timed",
                    "cooldownPeriodInSeconds": 300,
                }
            },
            "customContainerTemplate": {
                "containers": [container],
                "ingress": {"targetPort": self.target_port},
            },
            "sessionNetworkConfiguration": {"status": self.egress},
            "templateUpdateStatus": {
                "activeTemplate": {
                    "details": "Running",
                    "status": status,
                    "containers": [container],
                    "ingress": {"targetPort": active_port},
                }
            },
            "managedIdentitySettings": [],
            "mcpServerSettings": None,
        }
        return {
            "id": RESOURCE_ID,
            "type": "Microsoft.App/sessionpools",
            "name": "laboratory",
            "location": "East Asia",
            "properties": properties,
        }


def resource_url(pool: LocalPool) -> str:
    """Where a pool plays it: on its own origin, at ARM's path."""
    parts = urlsplit(pool.url)
    return f"{parts.scheme}://{parts.netloc}{RESOURCE_ID}"


class _Playing:
    """Answers the resource's path, before anything else can; for any token, as it is no secret."""

    def __init__(self, app: ASGIApp, resource: Resource) -> None:
        self._app, self._resource = app, resource

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].lower() == RESOURCE_ID.lower():
            host, port = scope["server"]
            document = self._resource.document(f"{scope['scheme']}://{host}:{port}")
            await JSONResponse(document)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def playing(resource: Resource) -> Middleware:
    return Middleware(_Playing, resource=resource)
