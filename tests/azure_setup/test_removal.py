"""What setup has made is taken away again, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from azure_session_kernel.cli.kernelspecs import kernels_found
from azure_session_kernel.cli.main import main
from azure_session_kernel.session.settings import ENDPOINT

from .conftest import GROUP, Typed
from .played import SUBSCRIPTION, PlayedArm

CAPS = pytest.CaptureFixture[str]
WHAT = ("setup", "--remove", "--subscription", SUBSCRIPTION, "--resource-group", GROUP)


@pytest.fixture
def made(setup_typed: Typed, azure: PlayedArm, capsys: CAPS) -> PlayedArm:
    assert setup_typed("--apply") == 0
    azure.changed.clear()
    capsys.readouterr()
    return azure


def someone_elses(azure: PlayedArm) -> dict[str, Any]:
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    path += "/providers/Microsoft.Storage/storageAccounts/theirs"
    thing: dict[str, Any] = {"id": path, "name": "theirs", "tags": None}
    azure.things[path.lower()] = thing
    return thing


def test_it_shows_what_would_go_and_removes_nothing(made: PlayedArm, capsys: CAPS) -> None:
    assert main([*WHAT]) == 0
    said = capsys.readouterr().out
    for text in ("session pool sessions", "environment sessions-e", "resource group course"):
        assert f"    {text}" in said
    assert "the kernel 'azure-session' on this machine" in said
    assert f"az group delete --name {GROUP} --subscription {SUBSCRIPTION}" in said
    assert f"azure-session-kernel {' '.join(WHAT)} --apply" in said
    assert made.changed == [] and ENDPOINT in kernels_found()["azure-session"]


def test_a_group_of_its_own_goes_whole_and_the_kernel_with_it(
    made: PlayedArm, capsys: CAPS
) -> None:
    assert main([*WHAT, "--apply"]) == 0
    assert made.things == {}
    assert [one.split()[0] for one in made.changed] == ["DELETE"]
    assert not [env for env in kernels_found().values() if ENDPOINT in env]
    made.changed.clear()
    capsys.readouterr()
    assert main([*WHAT, "--apply"]) == 0
    assert f"There is no resource group {GROUP}." in capsys.readouterr().out
    assert made.changed == []


def test_what_others_have_there_stays_and_so_does_the_group(made: PlayedArm, capsys: CAPS) -> None:
    someone_elses(made)
    assert main([*WHAT, "--apply"]) == 0
    left = {key.rpartition("/")[2] for key in made.things}
    assert left == {GROUP, "theirs"}
    assert "stays, and so does the group: storageAccounts theirs" in capsys.readouterr().out
    kinds = [one.split("/")[-2] for one in made.changed]
    assert kinds[:2] == ["sessionPools", "managedEnvironments"] and len(kinds) == 5


def test_a_group_that_was_there_before_stays(made: PlayedArm, capsys: CAPS) -> None:
    made.named(f"/resourceGroups/{GROUP}")["tags"] = {}
    assert main([*WHAT, "--apply"]) == 0
    assert list(made.things) == [f"/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}"]
    assert main([*WHAT, "--apply"]) == 0
    assert "Nothing in the resource group course was made by setup." in capsys.readouterr().out


def test_interrupted_it_goes_on(made: PlayedArm, capsys: CAPS) -> None:
    someone_elses(made)
    made.cut_after = 2
    assert main([*WHAT, "--apply"]) == 1
    made.cut_after = None
    assert main([*WHAT, "--apply"]) == 0
    assert {key.rpartition("/")[2] for key in made.things} == {GROUP, "theirs"}


def test_another_pools_kernel_stays(made: PlayedArm, capsys: CAPS) -> None:
    other = "https://other.env.westeurope.azurecontainerapps.io"
    assert main(["install", "--endpoint", other, "--name", "other"]) == 0
    assert main([*WHAT, "--apply"]) == 0
    assert [name for name, env in kernels_found().items() if ENDPOINT in env] == ["other"]


def test_it_can_be_made_again_afterwards(made: PlayedArm, setup_typed: Typed, capsys: CAPS) -> None:
    assert main([*WHAT, "--apply"]) == 0
    assert setup_typed("--apply") == 0
    assert made.named("/sessionPools/sessions")["properties"]["provisioningState"] == "Succeeded"
