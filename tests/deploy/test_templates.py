"""The templates against Azure's published shapes, against each other, and against the names."""

from __future__ import annotations

from typing import Any

import pytest

from .. import azure_facts
from . import NAMES
from .templates import LATER, Bodies, bicep, faults, terraform

TEMPLATES = {"main.bicep": bicep("main"), "main.tf": terraform(), "pythonlts": bicep("pythonlts")}
POOLS = {name: bodies["pool"]["properties"] for name, bodies in TEMPLATES.items()}
CUSTOM = pytest.mark.parametrize("name", ["main.bicep", "main.tf"])


@pytest.mark.parametrize("name", TEMPLATES)
def test_azure_knows_every_property_and_takes_every_value(name: str) -> None:
    shapes = azure_facts.facts("arm_shapes")
    assert not [fault for body in TEMPLATES[name].values() for fault in faults(shapes, body)]


def test_what_azure_does_not_take_is_found() -> None:
    shapes = azure_facts.facts("arm_shapes")
    wrong: dict[str, Any] = {
        "type": "Microsoft.App/sessionPools@2026-07-01",
        "name": "x",
        "properties": {
            "containerType": "Custom",
            "scaleConfiguration": {"maxConcurrentSessions": "10"},
            "customContainerTemplate": {"containers": [{"probes": [{"path": "/"}]}]},
        },
    }
    assert len(faults(shapes, wrong)) == 3


def test_bicep_and_terraform_make_the_same() -> None:
    first, second = (_without_names(TEMPLATES[name]) for name in ("main.bicep", "main.tf"))
    assert first == second


def _without_names(bodies: Bodies) -> Bodies:
    """A registry's name has to be unique, which the two see to in ways of their own."""
    return {n: {k: v for k, v in body.items() if k != "name"} for n, body in bodies.items()}


@CUSTOM
def test_the_pool_sends_requests_and_probes_to_the_adapter(name: str) -> None:
    template = POOLS[name]["customContainerTemplate"]
    assert template["ingress"] == {"targetPort": NAMES["targetPort"]}
    [container] = template["containers"]
    assert [probe["type"] for probe in container["probes"]] == ["Startup", "Liveness"]
    for probe in container["probes"]:
        assert probe["httpGet"] == {"path": NAMES["healthPath"], "port": NAMES["targetPort"]}


@pytest.mark.parametrize("name", POOLS)
def test_sessions_have_no_way_out_unless_asked_for(name: str) -> None:
    assert POOLS[name]["sessionNetworkConfiguration"] == {"status": "EgressDisabled"}


@CUSTOM
def test_code_in_a_session_cannot_use_the_identity_that_pulls_the_image(name: str) -> None:
    [setting] = POOLS[name]["managedIdentitySettings"]
    assert setting["lifecycle"] == "None"
    assert TEMPLATES[name]["registry"]["properties"] == {"adminUserEnabled": False}
    assert "secrets" not in POOLS[name]


@CUSTOM
def test_the_environment_has_a_workload_profile_and_logs(name: str) -> None:
    properties = TEMPLATES[name]["environment"]["properties"]
    assert [p["name"] for p in properties["workloadProfiles"]] == [NAMES["workloadProfile"]]
    assert properties["appLogsConfiguration"]["destination"] == "log-analytics"
    assert properties["appLogsConfiguration"]["logAnalyticsConfiguration"]["sharedKey"] is LATER


@pytest.mark.parametrize("name", POOLS)
def test_sizes_are_within_azures_limits(name: str) -> None:
    """As documented and reported (docs/azure.md 3.2)."""
    scale = POOLS[name]["scaleConfiguration"]
    assert 1 <= scale.get("readySessionInstances", 1) < scale["maxConcurrentSessions"] <= 600
    lifecycle = POOLS[name]["dynamicPoolConfiguration"]["lifecycleConfiguration"]
    assert lifecycle["lifecycleType"] == "Timed"
    assert 300 <= lifecycle["cooldownPeriodInSeconds"] <= 3600
