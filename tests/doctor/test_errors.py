"""What a failing call shows is what the table says; and how doctor finds a pool by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from azure_session_kernel.causes.diagnosis import cause
from azure_session_kernel.causes.evidence import PoolFacts
from azure_session_kernel.cli.main import main
from azure_session_kernel.doctor import management_plane
from azure_session_kernel.doctor.checks import here
from azure_session_kernel.doctor.examination import examine
from azure_session_kernel.doctor.state import Options
from azure_session_kernel.pool.call import Call
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.pool.failures import answer_failure

ENDPOINT = parse_endpoint("https://my-pool.env.eastasia.azurecontainerapps.io")
CALL = Call(ENDPOINT, "POST", "/jupyter/hello", "ask-abcdefghijklmnopqrstuvwxyz", "a-token")
BY_NAME = Options(name="my-pool", group="my-group", subscription="s")


@pytest.mark.parametrize(
    ("status", "body", "cause_id"),
    [
        (404, b'{"message":"Not Found"}', "piston-owns-port"),
        (404, b"<title>Azure Container App - Unavailable</title>", "host-gone"),
        (404, b'{"detail":"Not Found"}', "route-missing"),
        (403, b"", "missing-role"),
        (429, b"", "pool-full"),
        (502, b"", "nothing-listens"),
    ],
)
def test_a_failing_call_is_explained_by_the_tables_row_and_points_to_doctor(
    status: int, body: bytes, cause_id: str
) -> None:
    error = answer_failure(CALL, status, {}, body)
    assert error.cause.startswith(cause(cause_id).explanation.partition("{")[0])
    assert error.fix.splitlines()[-1] == "azure-session-kernel doctor"
    assert "{" not in error.cause + error.fix


def test_an_error_that_is_the_adapters_own_does_not_send_anybody_to_doctor() -> None:
    body = {"error": {"code": "BootMismatch", "message": "No.", "source": "azure-session-kernel"}}
    error = answer_failure(CALL, 409, {}, json.dumps(body).encode())
    assert (error.cause, error.fix) == ("", "")


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch) -> Callable[[PoolFacts | Exception], None]:
    """Answers in place of the management plane, which needs Azure."""

    def answering(answer: PoolFacts | Exception) -> None:
        async def pool_at(self: Any, url: str) -> PoolFacts:
            assert url.endswith(
                "/resourceGroups/my-group/providers/Microsoft.App/sessionPools/my-pool"
            )
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(management_plane.ManagementPlane, "pool_at", pool_at)
        monkeypatch.setattr(here, "AzureToken", lambda *_: FixedToken("an-arm-token"))

    return answering


async def test_a_pool_is_examined_at_the_endpoint_that_its_resource_names(
    arm: Callable[[PoolFacts | Exception], None],
) -> None:
    arm(PoolFacts("my-pool", "my-group", endpoint="https://portal.azure.com/x"))
    report = await examine(BY_NAME, {})
    assert report.findings[0].id == "portal-url"


async def test_a_name_that_the_management_plane_does_not_know_is_the_cause(
    arm: Callable[[PoolFacts | Exception], None],
) -> None:
    arm(management_plane.NotReadable("the management plane answers 404", missing=True))
    report = await examine(BY_NAME, {})
    assert [(f.id, f.confidence) for f in report.findings] == [("wrong-pool-name", "high")]
    assert not report.healthy


@pytest.mark.parametrize("provisioning", ["InProgress", "Failed"])
async def test_a_pool_without_an_endpoint_is_not_healthy_but_not_provisioned(
    arm: Callable[[PoolFacts | Exception], None], provisioning: str
) -> None:
    arm(PoolFacts("my-pool", "my-group", provisioning_state=provisioning))
    report = await examine(BY_NAME, {})
    assert not report.healthy
    assert [(f.id, f.confidence) for f in report.findings] == [("pool-not-ready", "high")]
    assert provisioning in report.findings[0].explanation


async def test_a_pool_that_names_no_endpoint_is_never_healthy(
    arm: Callable[[PoolFacts | Exception], None],
) -> None:
    arm(PoolFacts("my-pool", "my-group", provisioning_state="Succeeded"))
    report = await examine(BY_NAME, {})
    assert not report.healthy
    assert [r.check for r in report.results if r.verdict == "problem"] == ["management"]


@pytest.mark.parametrize("why", ["the management plane answers 403", "it can't be reached"])
def test_doctor_could_not_run_where_the_name_can_not_be_looked_up(
    arm: Callable[[PoolFacts | Exception], None], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arm(management_plane.NotReadable(why))
    asked = ["--name", "my-pool", "--resource-group", "my-group", "--subscription", "s"]
    assert main(["doctor", *asked]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "--endpoint" in said
