"""A pool is made, step by step, whatever has been made before."""

from __future__ import annotations

import io
import json
import re
import shlex
import tarfile
from pathlib import Path

import pytest

from azure_session_kernel.cli import setup_kernel
from azure_session_kernel.cli.kernelspecs import kernels_found
from azure_session_kernel.cli.main import parsed
from azure_session_kernel.doctor.state import Options

from .conftest import HEALTHY, Typed, VirtualClock
from .played import ME, SIGNATURE, PlayedArm, error, token

POOL = "/sessionPools/sessions"
CAPS = pytest.CaptureFixture[str]


def kinds(azure: PlayedArm) -> list[str]:
    """Of what was made, in order."""
    puts = [one.split("/") for one in azure.changed if one.startswith("PUT") and "blob" not in one]
    return [parts[-2] for parts in puts]


def test_without_apply_it_shows_plan_cost_and_commands_and_changes_nothing(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    assert setup_typed() == 0
    said = capsys.readouterr().out
    assert azure.changed == [] and azure.things == {}
    for text in (
        "10 at most, 1 of them ready",
        "1 instance x 730 h a month = 730 instance-hours (11,680 core-hours)",
    ):
        assert text in said
    assert "https://azure.microsoft.com/pricing/details/container-apps/" in said
    assert said.count("to be made") == 10
    for begin in (
        "az provider register",
        "az group create",
        "az acr build",
        "az rest --method put",
    ):
        assert f"\n    {begin}" in said
    assert "Nothing was changed" in said


def test_the_command_that_it_ends_with_means_the_same_and_asks_nothing(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS, tmp_path: Path
) -> None:
    packages = tmp_path / "week 2.txt"
    packages.write_text("networkx\n")
    options = ("--max-sessions", "30", "--packages", str(packages), "--egress", "--user", "someone")
    assert setup_typed(*options, "--users-are", "Group", "--cooldown", "900") == 0
    [again] = [one for one in capsys.readouterr().out.splitlines() if one.endswith("--apply")]
    _, *words = shlex.split(again)
    args = parsed(words)
    assert (args.max_sessions, args.packages, args.egress) == (30, str(packages), True)
    assert (args.user, args.users_are, args.cooldown) == (["someone"], "Group", 900)


def test_it_makes_all_in_order_writes_the_kernelspec_and_ends_with_doctor(
    setup_typed: Typed, azure: PlayedArm, looked_at: list[str], capsys: CAPS
) -> None:
    assert setup_typed("--apply") == 0
    assert kinds(azure) == [
        "resourceGroups",
        "workspaces",
        "managedEnvironments",
        "registries",
        "userAssignedIdentities",
        "roleAssignments",
        "sessionPools",
        "roleAssignments",
    ]
    assert len(azure.registered) == 4
    pool = azure.named(POOL)["properties"]
    [container] = pool["customContainerTemplate"]["containers"]
    [run] = azure.runs.values()
    assert container["image"].endswith(run["asked"]["imageNames"][0])
    assert looked_at == [azure.endpoint]
    assert kernels_found()["azure-session"]["AZURE_SESSION_POOL_ENDPOINT"] == azure.endpoint
    said = capsys.readouterr().out
    assert f"The pool is at {azure.endpoint}" in said
    assert "azure-session-kernel setup --remove" in said
    users = azure.named(POOL)["id"].lower() + "/providers/microsoft.authorization"
    [mine] = [one for key, one in azure.things.items() if key.startswith(users)]
    assert mine["properties"]["principalId"] == ME


def test_run_again_it_changes_nothing(setup_typed: Typed, azure: PlayedArm, capsys: CAPS) -> None:
    assert setup_typed("--apply") == 0
    azure.changed.clear()
    capsys.readouterr()
    assert setup_typed("--apply") == 0
    assert azure.changed == []
    assert capsys.readouterr().out.count("is there") == 10


def test_interrupted_after_any_change_the_same_command_goes_on(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    """Cut where Azure has done it and the answer is lost, which tells nothing apart."""
    azure.polls = 1
    assert setup_typed("--apply") == 0
    changes, made = len(azure.changed), _settled(azure)
    assert changes > 15
    for after in range(1, changes):
        azure.forget()
        azure.cut_after = after
        assert setup_typed("--apply") == 1
        said = capsys.readouterr().err
        assert "What to do:" in said
        azure.cut_after = None
        assert setup_typed("--apply") == 0
        assert _settled(azure) == made
        assert len(azure.changed) <= changes + 5, azure.changed


def _settled(azure: PlayedArm) -> str:
    """All there is; which of the registry's runs has built the image is no matter."""
    return re.sub(r"cb\d+", "RUN", json.dumps(azure.things, sort_keys=True))


def test_a_build_that_was_interrupted_is_waited_for_and_not_begun_again(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    azure.refuse("GET", "/runs/", error(403, "AuthorizationFailed"))
    assert setup_typed("--apply") == 1
    [run] = azure.runs
    assert setup_typed("--apply") == 0
    assert list(azure.runs) == [run] and len(azure.uploads) == 1


def test_what_never_ends_is_given_up_and_taken_up_again(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    azure.polls = 10**6
    assert setup_typed("--apply") == 1
    said = capsys.readouterr().err
    assert "The registration of Microsoft.App is not ready after 15 minutes." in said
    assert "Run the same command again" in said


def test_changed_packages_make_a_new_image_and_change_the_pool_only(
    setup_typed: Typed, azure: PlayedArm, tmp_path: Path
) -> None:
    assert setup_typed("--apply") == 0
    before = azure.named(POOL)["properties"]["customContainerTemplate"]["containers"][0]["image"]
    azure.changed.clear()
    packages = tmp_path / "environment.yml"
    packages.write_text("dependencies: [networkx]\n")
    assert setup_typed("--apply", "--packages", str(packages)) == 0
    after = azure.named(POOL)["properties"]["customContainerTemplate"]["containers"][0]["image"]
    assert after != before
    assert kinds(azure) == ["sessionPools"]
    with tarfile.open(fileobj=io.BytesIO(azure.uploads[-1])) as tar:
        member = tar.extractfile("deploy/course/environment.yml")
        assert member is not None and member.read() == packages.read_bytes()
        assert "deploy/Dockerfile" in tar.getnames()


def test_another_size_changes_the_pool_only(setup_typed: Typed, azure: PlayedArm) -> None:
    assert setup_typed("--apply") == 0
    azure.changed.clear()
    assert setup_typed("--apply", "--max-sessions", "25") == 0
    assert kinds(azure) == ["sessionPools"]
    assert azure.named(POOL)["properties"]["scaleConfiguration"]["maxConcurrentSessions"] == 25


def test_a_built_in_pool_needs_three_things(setup_typed: Typed, azure: PlayedArm) -> None:
    assert setup_typed("--apply", "--kind", "builtin") == 0
    assert kinds(azure) == ["resourceGroups", "sessionPools", "roleAssignments"]
    assert azure.registered == {"Microsoft.App"}
    assert azure.named("/sessionPools/pythonlts")["properties"]["containerType"] == "PythonLTS"


def test_an_image_that_is_there_is_not_built(setup_typed: Typed, azure: PlayedArm) -> None:
    assert setup_typed("--apply", "--image-tag", "by-hand") == 0
    assert azure.runs == {} and azure.uploads == []
    template = azure.named(POOL)["properties"]["customContainerTemplate"]
    assert template["containers"][0]["image"].endswith(":by-hand")


@pytest.mark.parametrize("state", ["Failed", "Succeeded"])
def test_a_right_to_pull_that_is_not_effective_yet_is_waited_for(
    state: str, setup_typed: Typed, azure: PlayedArm, clock: VirtualClock, capsys: CAPS
) -> None:
    azure.pulls, azure.pull_state = 2, state
    assert setup_typed("--apply") == 0
    assert kinds(azure).count("sessionPools") == 3
    assert clock.slept_s.count(60.0) == 2
    assert "the right to pull the image is not effective yet" in capsys.readouterr().out


def test_an_image_that_cannot_be_pulled_ends_in_time_with_what_to_look_at(
    setup_typed: Typed, azure: PlayedArm, clock: VirtualClock, capsys: CAPS
) -> None:
    azure.pulls = 10**6
    assert setup_typed("--apply") == 1
    said = capsys.readouterr().err
    assert "The pool can't pull its image azure-session-kernel:s" in said
    assert "az acr repository show-tags --name sessions" in said
    assert clock.seconds < 3600


def test_containers_that_end_at_once_are_named(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS
) -> None:
    azure.crashes = 3
    assert setup_typed("--apply") == 1
    assert "azure-session-kernel logs --name sessions" in capsys.readouterr().err


def test_a_role_that_doctor_still_misses_is_waited_for(
    setup_typed: Typed, monkeypatch: pytest.MonkeyPatch, clock: VirtualClock, capsys: CAPS
) -> None:
    looks = 0

    async def examine(options: Options, environ: object) -> object:
        nonlocal looks
        looks += 1
        return HEALTHY if looks > 3 else _without_role()

    monkeypatch.setattr(setup_kernel, "examine", examine)
    assert setup_typed("--apply", "--kind", "builtin") == 0
    assert looks == 4 and clock.slept_s[-3:] == [30.0] * 3
    assert capsys.readouterr().out.count("not effective yet") == 3


def _without_role() -> object:
    class Finding:
        id = "missing-role"
        confidence = "high"

    from dataclasses import replace

    return replace(HEALTHY, findings=(Finding(),))  # type: ignore[arg-type]


def test_neither_token_nor_secrets_are_shown(
    setup_typed: Typed, azure: PlayedArm, capsys: CAPS, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    azure.run_status = "Failed"
    assert setup_typed("--apply") == 1
    printed = capsys.readouterr()
    shown = f"{printed.out}{printed.err}{caplog.text}"
    assert "no such package: nonesuch" in shown and "\x1b" not in printed.err
    for secret in (token(), SIGNATURE, "the-logs-secret"):
        assert secret not in shown
