"""What Azure refuses is said with the cause and the command that helps."""

from __future__ import annotations

import pytest

from azure_session_kernel.azure_setup.arm import Arm
from azure_session_kernel.cli import setup
from azure_session_kernel.cli.main import main
from azure_session_kernel.common.errors import CredentialError
from azure_session_kernel.pool.credentials import AzureToken

from .conftest import WHERE, Typed, VirtualClock
from .played import SUBSCRIPTION, TENANT, PlayedArm, error

CAPS = pytest.CaptureFixture[str]
ISSUER = (
    "The access token is from the wrong issuer 'https://sts.windows.net/"
    f"{SUBSCRIPTION}/'. Please use the authority (URL) 'https://login.windows.net/{TENANT}'"
)


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "message", "says", "fix"),
    [
        (
            *("PUT", "/managedEnvironments/", 400, "MaxNumberOfRegionalEnvironmentsInSubExceeded"),
            "cannot have more than 1 environments in West Europe.",
            "may not have more of that: cannot have more than 1",
            "az containerapp list-usages --location westeurope",
        ),
        (
            *("PUT", "/registries/", 409, "AlreadyInUse", "The registry DNS name is in use."),
            "Somebody else in Azure has that name.",
            "--name course2",
        ),
        (
            *("PUT", "/resourceGroups/course$", 403, "AuthorizationFailed", "no right"),
            "refused to make the resource group course (403 AuthorizationFailed)",
            f'az role assignment create --role Contributor --assignee "YOUR ACCOUNT" --scope '
            f"/subscriptions/{SUBSCRIPTION}",
        ),
        (
            *("PUT", "/roleAssignments/", 403, "AuthorizationFailed", "no right"),
            "refused to make the right to pull the image",
            '"User Access Administrator"',
        ),
        (
            *("PUT", "/sessionPools/", 409, "MissingSubscriptionRegistration"),
            "not registered to use namespace 'Microsoft.App'",
            "not registered for Microsoft.App",
            "az provider register --wait --namespace Microsoft.App",
        ),
        (
            *("PUT", "/sessionPools/", 400, "LocationNotAvailableForResourceType", "x"),
            "That region does not have this service.",
            "az provider show --namespace Microsoft.App",
        ),
        (
            *("GET", "/subscriptions$", 401, "InvalidAuthenticationTokenTenant", ISSUER),
            "another tenant",
            f"az login --tenant {TENANT}",
        ),
        (
            *("PUT", "/workspaces/", 403, "RequestDisallowedByPolicy", "only Sweden"),
            "A policy of your organisation forbids it: only Sweden",
            "--region",
        ),
        (
            *("PUT", "/sessionPools/", 400, "SomethingNew", "with words of its own"),
            "Azure says: with words of its own",
            "https://aka.ms/arm-deployment-errors",
        ),
        (
            *("POST", "/scheduleRun", 400, "TasksOperationsNotAllowed", "not permitted"),
            "This subscription's registries build no images",
            "docker push sessions",
        ),
    ],
)
def test_each_refusal_says_what_to_do(
    method: str,
    path: str,
    status: int,
    code: str,
    message: str,
    says: str,
    fix: str,
    setup_typed: Typed,
    azure: PlayedArm,
    capsys: CAPS,
) -> None:
    azure.refuse(method, path, error(status, code, message))
    assert setup_typed("--apply") == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("SetupFailed: ")
    assert says in printed.err
    assert fix in printed.err.partition("What to do:")[2]
    if method == "PUT":
        assert printed.out.splitlines()[-1].endswith("FAILED")
    # What stood in the way is gone: the same command comes to its end.
    assert setup_typed("--apply") == 0


def test_a_region_without_pools_is_found_before_anything_is_made(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    azure.regions = ("East US", "North Europe")
    assert setup_typed("--apply") == 1
    said = capsys.readouterr().err
    assert "The region westeurope has no session pools." in said
    assert "eastus, northeurope" in said
    assert azure.changed == []


def test_what_somebody_else_has_made_is_left_alone(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    assert setup_typed("--apply") == 0
    pool = azure.named("/sessionPools/sessions")
    pool["tags"] = {"owner": "somebody"}
    azure.changed.clear()
    assert setup_typed("--apply", "--max-sessions", "50") == 1
    said = capsys.readouterr().err
    assert "There is a session pool sessions already that setup did not make" in said
    assert "az tag update --operation merge --tags azure-session-kernel=setup" in said
    assert azure.changed == []


def test_a_group_of_somebody_else_is_used(setup_typed: Typed, azure: PlayedArm) -> None:
    assert setup_typed("--apply") == 0
    azure.named("/resourceGroups/course")["tags"] = {}
    azure.changed.clear()
    assert setup_typed("--apply") == 0
    assert azure.changed == []


def test_an_account_without_a_subscription_is_told_so(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    azure.subscriptions = []
    assert setup_typed() == 1
    assert "Your account sees no Azure subscription." in capsys.readouterr().err


def test_a_subscription_of_another_tenant_is_told_so(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    azure.subscriptions = [{"subscriptionId": "another"}]
    assert setup_typed() == 1
    said = capsys.readouterr().err
    assert f"does not see the subscription {SUBSCRIPTION}" in said
    assert "az login --tenant TENANT" in said


def test_who_is_not_signed_in_is_told_how(
    azure: PlayedArm, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, capsys: CAPS
) -> None:
    class Nobody:
        def get_token(self, *scopes: str) -> object:
            raise CredentialError(
                "No token for the session pool: Please run 'az login'.",
                fix="Run `az login`, then run the cell again.",
            )

    tokens = AzureToken("cli", "https://management.azure.com/.default", factory=Nobody)
    monkeypatch.setattr(setup, "connect", lambda: Arm(tokens, clock, azure.origin))
    assert main(["setup", *WHERE, "--kind", "builtin"]) == 1
    said = capsys.readouterr().err
    assert "No token for Azure" in said and "az login" in said
    assert "cell" not in said
    assert azure.asked == []


def test_a_failure_that_passes_is_tried_again(
    setup_typed: Typed, azure: PlayedArm, clock: VirtualClock
) -> None:
    busy = (429, {"error": {"code": "TooManyRequests"}}, {"retry-after": "17"})
    azure.refuse("PUT", "/workspaces/", busy, error(503, "ServiceUnavailable"))
    azure.refuse("GET", "/registries/", error(401, "ExpiredAuthenticationToken"))
    assert setup_typed("--apply") == 0
    assert 17.0 in clock.slept_s


def test_what_was_refused_as_too_much_is_posted_again(setup_typed: Typed, azure: PlayedArm) -> None:
    azure.refuse("POST", "/scheduleRun", error(429, "TooManyRequests"))
    assert setup_typed("--apply") == 0
    assert len(azure.runs) == 1


def test_what_is_posted_is_not_sent_twice(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    azure.refuse("POST", "/scheduleRun", error(503, "ServiceUnavailable"))
    assert setup_typed("--apply") == 1
    assert len([one for one in azure.asked if one.endswith("/scheduleRun")]) == 1


def test_the_token_goes_nowhere_else_even_if_azure_says_so(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    elsewhere = {"azure-asyncoperation": azure.origin.replace("127.0.0.1", "localhost") + "/x"}
    azure.refuse("PUT", "/managedEnvironments/", (201, {}, elsewhere))
    assert setup_typed("--apply") == 1
    assert "an address to go on with that is not its own" in capsys.readouterr().err
    assert not [one for one in azure.asked if one == "GET /x"]


def test_an_environment_that_fails_says_why(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    where = f"{azure.origin}/operationStatuses/never"
    azure.refuse("PUT", "/managedEnvironments/", (201, {}, {"azure-asyncoperation": where}))
    failed = {"status": "Failed", "error": {"code": "QuotaExceeded", "message": "no cores left"}}
    azure.refuse("GET", "/operationStatuses/", (200, failed, {}))
    assert setup_typed("--apply") == 1
    said = capsys.readouterr().err
    assert "refused to make the environment sessions-environment" in said
    assert "may not have more of that: no cores left" in said


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--max-sessions", "0", "--max-sessions: 0 is not from 1 to 600"),
        ("--ready-sessions", "10", "--ready-sessions: 10 is not 1 or more, and less than"),
        ("--cooldown", "60", "--cooldown: 60 s is not from 300 to 3600"),
        ("--name", "My-Pool", "--name: 'My-Pool' has to be 3 to 20 lower-case"),
        ("--packages", "nowhere.txt", "--packages: there is no file nowhere.txt"),
    ],
)
def test_what_azure_would_not_take_is_refused_at_once(
    option: str, value: str, says: str, setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    with pytest.raises(SystemExit, match="2"):
        setup_typed(option, value)
    assert says in capsys.readouterr().err
    assert azure.changed == []
