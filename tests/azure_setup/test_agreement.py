"""Setup makes what the templates in ``deploy/`` make, by the same names, from the same source."""

from __future__ import annotations

import hashlib
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.azure_setup import bodies, refusals
from azure_session_kernel.azure_setup import image as image_step
from azure_session_kernel.azure_setup.names import MADE, VERSIONS, read_names
from azure_session_kernel.azure_setup.plan import KINDS, Plan, assignment_id
from azure_session_kernel.azure_setup.source import DOCKERFILE, read_source, tag_of

from ..deploy import DEPLOY, NAMES, ROOT
from ..deploy.dockerfile import context
from ..deploy.templates import LATER, Bodies, bicep

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
NAMED = read_names(DEPLOY)
ANY_VALUE = ("location", "LATER")


def plan(kind: str) -> Plan:
    sizes = (NAMED.max_sessions, NAMED.ready_sessions, NAMED.cooldown_s)
    name = NAMED.base if kind == "custom" else NAMED.builtin_pool
    return Plan(NAMED, SUBSCRIPTION, "course", "westeurope", kind, name, *sizes)


def _agree(ours: Any, template: Any, where: str = "") -> None:
    """Value by value; what a template only knows when it is deployed is not compared."""
    if template is LATER:
        return
    if isinstance(template, dict):
        assert len(ours) == len(template), where
        for key, value in template.items():
            if key not in ANY_VALUE:
                _agree(ours[key], value, f"{where}.{key}")
    elif isinstance(template, list):
        for one, other in zip(ours, template, strict=True):
            _agree(one, other, f"{where}[]")
    else:
        assert ours == template, where


def _made(kind: str) -> Bodies:
    wanted = plan(kind)
    if kind == "builtin":
        return {"pool": bodies.pool(wanted)}
    return {
        "logs": bodies.workspace(wanted),
        "environment": bodies.environment(wanted, "customer", "key"),
        "registry": bodies.registry(wanted),
        "puller": bodies.puller(wanted),
        "pulls": bodies.assignment(wanted.role(NAMED.pull_role), "id", "ServicePrincipal"),
        "pool": bodies.pool(wanted, "registry.azurecr.io", "latest"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_is_what_the_bicep_template_sends(kind: str) -> None:
    template = bicep("main" if kind == "custom" else "pythonlts")
    for name, body in _made(kind).items():
        of_type, _, version = template[name]["type"].partition("@")
        assert VERSIONS[of_type] == version, name
        theirs = {k: v for k, v in template[name].items() if k not in ("type", "name")}
        ours = {k: v for k, v in body.items() if k != "tags"}
        _agree(ours, theirs, name)
        assert name == "pulls" or body["tags"] == MADE


def test_names_are_those_of_the_templates() -> None:
    for kind, template in (("custom", "main"), ("builtin", "pythonlts")):
        assert plan(kind).name == bicep(template)["pool"]["name"]
    wanted, made = plan("custom"), bicep("main")
    ids = (wanted.workspace_id, wanted.environment_id, wanted.puller_id)
    for resource_id, name in zip(ids, ("logs", "environment", "puller"), strict=True):
        assert resource_id.rpartition("/")[2] == made[name]["name"]
    assert wanted.registry.startswith(NAMES["baseName"]) and wanted.registry.isalnum()
    assert wanted.role(NAMED.executor_role).endswith(NAMES["sessionExecutorRole"])


def test_terraform_finds_the_same_registry_and_role_assignments() -> None:
    """``sha1`` and ``uuidv5("url", …)`` of the same texts; computed here by other means."""
    text = (DEPLOY / "terraform/main.tf").read_text()
    wanted = plan("custom")
    assert "${local.names.baseName}${substr(sha1(local.group), 0, 13)}" in text
    assert wanted.registry == "sessions" + hashlib.sha1(wanted.group_id.encode()).hexdigest()[:13]
    assert 'uuidv5("url", "${azapi_resource.registry.id}/${azapi_resource.puller.id}")' in text
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{wanted.registry_id}/{wanted.puller_id}")
    assert assignment_id(wanted.registry_id, wanted.puller_id).endswith(str(name))


def test_the_page_names_refusals_that_setup_explains() -> None:
    page = (
        (ROOT / "docs/deploy.md").read_text().partition("### If it stops")[2].partition("\n## ")[0]
    )
    named = re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", page)
    assert len(named) > 5
    explained = [re.compile(row.pattern) for row in refusals._TABLE]
    image = Path(image_step.__file__).read_text()
    for code in named:
        assert code in image or any(one.fullmatch(code) for one in explained), code


def test_a_build_gets_what_az_acr_build_would_send(tmp_path: Path) -> None:
    files = read_source(ROOT, None)
    assert files.keys() == {path.as_posix() for path in context()} | {DOCKERFILE}
    packages = tmp_path / "week1.txt"
    packages.write_text("networkx\n")
    with_packages = read_source(ROOT, packages)
    assert with_packages["deploy/course/requirements.txt"] == b"networkx\n"
    assert tag_of(with_packages) != tag_of(files) == tag_of(dict(reversed(files.items())))
