"""What the rows' ``{names}`` stand for: names and numbers from the evidence, or placeholders."""

from __future__ import annotations

import re
from typing import Final

from ..wire import PROTOCOL_VERSION
from .evidence import CONTAINER, Evidence
from .hosts import meant_region

_SHOW: Final = "az containerapp sessionpool show --name {pool} --resource-group {group} --query "
SHOW: Final = _SHOW + "properties.poolManagementEndpoint --output tsv"
SHOW_PORT: Final = _SHOW + "properties.customContainerTemplate.ingress.targetPort --output tsv"
SHOW_STATE: Final = _SHOW + "properties.templateUpdateStatus.activeTemplate"
LOGS: Final = "`azure-session-kernel logs --since 1h`"

_DIALECTS: Final = {
    "express": "Express",
    "flask": "Flask",
    "fastapi": "FastAPI",
    "go": "a Go program",
    "other-adapter": "another adapter",
    "piston-404": "Piston, or another Express program",
}


def filled(text: str, evidence: Evidence) -> str:
    """``text`` with its ``{names}`` replaced; a name nobody knows stays as it is."""
    values = fields(evidence)
    # Twice, for the commands hold names themselves. Not str.format: bodies have braces, too.
    for _ in range(2):
        text = re.sub(r"\{([a-z_]+)\}", lambda m: values.get(m[1], m[0]), text)
    return text.strip()


def fields(e: Evidence) -> dict[str, str]:
    return {**_names(e), **_pool(e), **_requests(e), **_here(e)}


def _names(e: Evidence) -> dict[str, str]:
    """The pool's name and resource group, as far as the endpoint or the caller tells."""
    match = re.search(r"/resourceGroups/([^/]+)/sessionPools/([^/]+)", e.endpoint.path, re.I)
    group, pool = match.groups() if match else ("RG", "POOL")
    if e.endpoint.kind == "custom":
        pool = e.endpoint.host.partition(".")[0]
    if e.pool is not None:
        pool, group = e.pool.name or pool, e.pool.resource_group or group
    meant = meant_region(e.endpoint.host)
    return {
        "pool": pool,
        "group": group,
        "show": SHOW,
        "show_port": SHOW_PORT,
        "show_state": SHOW_STATE,
        "logs": "`docker logs CONTAINER`" if e.direct else LOGS,
        "proxy": e.proxy or "in HTTPS_PROXY",
        "host": e.endpoint.host or "the host",
        "meant_region": f"Perhaps {meant} is meant." if meant else "",
        "path": e.endpoint.path or e.execute_path,
    }


def _pool(e: Evidence) -> dict[str, str]:
    p = e.pool
    return {
        "port": str((p and p.target_port) or "TARGET_PORT"),
        "active_port": str((p and p.active_port) or "?"),
        "image": (p and p.image) or "?",
        "active_image": (p and p.active_image) or "?",
        "provisioning": (p and p.provisioning_state) or "?",
        "container_type": (p and p.container_type) or "a Shell pool, perhaps",
        "pull_failures": str(p.pull_failures if p else 0),
    }


def _requests(e: Evidence) -> dict[str, str]:
    refusals = e.refusals()
    dialect = next((_DIALECTS[r.dialect] for r in refusals if r.dialect in _DIALECTS), "unknown")
    served = [
        r.path
        for r in e.replies
        if r.who == CONTAINER
        and r.method == "POST"
        and r.probe not in e.needed
        and r.status is not None
        and (r.ok or r.status in (400, 415, 422))
    ]
    versions = next(
        (
            r.headers["api-supported-versions"]
            for r in e.replies
            if r.status == 400 and r.headers.get("api-supported-versions")
        ),
        "none",
    )
    hello = e.hello
    return {
        "dialect": dialect,
        "served": f"It answers on {' and '.join(served)}." if served else "",
        "status": str(next((r.status for r in refusals if r.status), "no status")),
        "versions": versions,
        "protocols": f"{hello.protocol} there, {PROTOCOL_VERSION} here" if hello else "unknown",
        "adapter_version": (hello.adapter if hello else "") or "VERSION",
    }


def _here(e: Evidence) -> dict[str, str]:
    fault, token, tls = e.settings_fault, e.token, e.tls
    audience = token.audience if token else ""
    skew = e.clock_skew_s or 0.0
    return {
        "settings_what": fault.what if fault else "",
        "settings_cause": fault.cause if fault else "",
        "settings_fix": fault.fix if fault else "",
        "audience": f"this one is for {audience}" if audience else "this one names none",
        "token_failure": token.failure if token else "",
        "token_fix": (token.failure_fix if token else "") or "Run `az login`.",
        "issuer": (tls.issuer if tls else "") or "not known",
        "skew": f"{abs(skew):.0f} s" if abs(skew) < 600 else f"{abs(skew) / 60:.0f} minutes",
        **{
            f"failed_{check}": e.failed.get(check, "")
            for check in ("execution", "files", "interrupt", "stop")
        },
    }
