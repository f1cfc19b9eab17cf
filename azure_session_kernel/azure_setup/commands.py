"""The ``az`` commands that do the same, one function a step."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from . import bodies
from .names import MADE, POOL_TYPE, VERSIONS
from .plan import Plan

_TAGS = " ".join(f"{name}={value}" for name, value in MADE.items())


def begin(plan: Plan) -> tuple[str, ...]:
    chosen = f"az account set --subscription {plan.subscription}"
    return (chosen, "az extension add --name containerapp --upgrade") if plan.custom else (chosen,)


def register(namespace: str) -> str:
    return f"az provider register --wait --namespace {namespace}"


def group(plan: Plan) -> str:
    return f"az group create --name {_q(plan.group)} --location {plan.region} --tags {_TAGS}"


def workspace(plan: Plan) -> str:
    return (
        f"az monitor log-analytics workspace create --workspace-name {plan.name}-logs {_in(plan)}"
    )


def environment(plan: Plan) -> str:
    logs = f"--workspace-name {plan.name}-logs --resource-group {_q(plan.group)}"
    of_logs = "az monitor log-analytics workspace"
    return (
        f"az containerapp env create --name {plan.name}-environment {_in(plan)} "
        f"--logs-workspace-id $({of_logs} show {logs} --query customerId --output tsv) "
        f"--logs-workspace-key $({of_logs} get-shared-keys {logs} "
        "--query primarySharedKey --output tsv)"
    )


def registry(plan: Plan) -> str:
    return f"az acr create --name {plan.registry} --sku Basic {_in(plan)}"


def puller(plan: Plan) -> str:
    return f"az identity create --name {plan.name}-puller {_in(plan)}"


def pulls(plan: Plan) -> str:
    of = f"az identity show --ids {_q(plan.puller_id)} --query principalId --output tsv"
    return assign(plan.names.pull_role, plan.registry_id, f"$({of})", "ServicePrincipal")


def assign(role: str, scope: str, whom: str, kind: str) -> str:
    """:param kind: of the object id ``whom``; "": az finds out."""
    who = f"--assignee-object-id {whom} --assignee-principal-type {kind}"
    who = who if kind else f"--assignee {whom}"
    return f"az role assignment create --role {role} --scope {_q(scope)} {who}"


def course(packages: Path | None, kept_as: str) -> tuple[str, ...]:
    """What puts the packages of a course where the build finds them."""
    return (f"cp {_q(str(packages))} {kept_as}",) if packages is not None else ()


def build(plan: Plan, tag: str) -> str:
    return (
        f"az acr build --registry {plan.registry} --image {plan.names.image}:{tag} "
        "--file deploy/Dockerfile ."
    )


def push(plan: Plan, tag: str) -> tuple[str, ...]:
    """The same with a container engine of one's own."""
    image = f"{plan.registry}.azurecr.io/{plan.names.image}:{tag}"
    return (
        f"az acr login --name {plan.registry}",
        f"docker build --platform linux/amd64 --file deploy/Dockerfile --tag {image} .",
        f"docker push {image}",
    )


def pool(plan: Plan, tag: str) -> str:
    """As a resource: whether ``az containerapp sessionpool create`` takes probes is not known."""
    body = json.dumps(bodies.pool(plan, f"{plan.registry}.azurecr.io", tag), separators=(",", ":"))
    url = f"{plan.pool_id}?api-version={VERSIONS[POOL_TYPE]}"
    return f"az rest --method put --url {_q(url)} --body {shlex.quote(body)}"


def remove_group(group: str, subscription: str) -> str:
    return f"az group delete --name {_q(group)} --subscription {subscription}"


def remove(resource_id: str) -> str:
    return f"az resource delete --ids {_q(resource_id)}"


def _in(plan: Plan) -> str:
    return f"--resource-group {_q(plan.group)} --location {plan.region} --tags {_TAGS}"


def _q(text: str) -> str:
    return shlex.quote(text)
