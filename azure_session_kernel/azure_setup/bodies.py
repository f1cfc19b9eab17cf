"""What is sent to make each resource: the same as the templates in ``deploy/``, and the tag."""

from __future__ import annotations

from typing import Any

from .names import MADE
from .plan import Plan

Body = dict[str, Any]


def group(plan: Plan) -> Body:
    return {"location": plan.region, "tags": dict(MADE)}


def workspace(plan: Plan) -> Body:
    return _made(plan, {"retentionInDays": 30, "sku": {"name": "PerGB2018"}})


def environment(plan: Plan, customer: str, key: str) -> Body:
    """:param key: a secret of the log workspace."""
    logs = {"customerId": customer, "sharedKey": key}
    profile = plan.names.workload_profile
    return _made(
        plan,
        {
            "appLogsConfiguration": {
                "destination": "log-analytics",
                "logAnalyticsConfiguration": logs,
            },
            "workloadProfiles": [{"name": profile, "workloadProfileType": profile}],
        },
    )


def registry(plan: Plan) -> Body:
    return {**_made(plan, {"adminUserEnabled": False}), "sku": {"name": "Basic"}}


def puller(plan: Plan) -> Body:
    return {"location": plan.region, "tags": dict(MADE)}


def assignment(role: str, principal: str, kind: str = "") -> Body:
    """:param role: the id of its definition. :param kind: what the principal is, where known."""
    properties = {"roleDefinitionId": role, "principalId": principal}
    return {"properties": {**properties, **({"principalType": kind} if kind else {})}}


def pool(plan: Plan, server: str = "", tag: str = "") -> Body:
    """:param server: the registry's host. :param tag: of the image; both for custom containers."""
    scale = {"maxConcurrentSessions": plan.max_sessions}
    if plan.custom:
        scale["readySessionInstances"] = plan.ready_sessions
    properties: Body = {
        "poolManagementType": "Dynamic",
        "containerType": "CustomContainer" if plan.custom else "PythonLTS",
        "scaleConfiguration": scale,
        "dynamicPoolConfiguration": {
            "lifecycleConfiguration": {
                "lifecycleType": "Timed",
                "cooldownPeriodInSeconds": plan.cooldown_s,
            }
        },
        "sessionNetworkConfiguration": {
            "status": "EgressEnabled" if plan.egress else "EgressDisabled"
        },
    }
    if not plan.custom:
        return _made(plan, properties)
    return {
        **_made(plan, {**properties, **_own_container(plan, server, tag)}),
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {plan.puller_id: {}}},
    }


def _own_container(plan: Plan, server: str, tag: str) -> Body:
    names = plan.names
    container = {
        "name": names.image,
        "image": f"{server}/{names.image}:{tag}",
        "resources": {"cpu": float(names.cpu), "memory": names.memory},
        "probes": [
            _probe(plan, "Startup", periodSeconds=3, failureThreshold=10),
            _probe(plan, "Liveness", periodSeconds=30, timeoutSeconds=30, failureThreshold=10),
        ],
    }
    return {
        "environmentId": plan.environment_id,
        "managedIdentitySettings": [{"identity": plan.puller_id, "lifecycle": "None"}],
        "customContainerTemplate": {
            "registryCredentials": {"server": server, "identity": plan.puller_id},
            "containers": [container],
            "ingress": {"targetPort": names.target_port},
        },
    }


def _probe(plan: Plan, kind: str, **numbers: int) -> Body:
    get = {"path": plan.names.health_path, "port": plan.names.target_port}
    return {"type": kind, "httpGet": get, **numbers}


def _made(plan: Plan, properties: Body) -> Body:
    return {"location": plan.region, "tags": dict(MADE), "properties": properties}
