"""The whole way, with a real pool where Azure's would be, and the real doctor."""

from __future__ import annotations

import pytest

from azure_session_kernel.cli.kernelspecs import kernels_found
from azure_session_kernel.cli.main import main

from ..conftest import RunningPool
from .conftest import GROUP, WHERE
from .played import SUBSCRIPTION, PlayedArm


def test_from_nothing_to_a_healthy_pool_and_back(
    azure: PlayedArm,
    local_pool: RunningPool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    azure.endpoint = local_pool.url
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("JUPYTER_DATA_DIR", local_pool.env["JUPYTER_DATA_DIR"])
    monkeypatch.delenv("AZURE_SESSION_ON_DEATH", raising=False)
    made = ["setup", *WHERE, "--kind", "custom", "--image-tag", "there", "--kernel", "whole"]
    assert main([*made, "--apply"]) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert "Execution    print came back" in said and "Healthy (adapter" in said
    assert "whole" in kernels_found()
    what = ["--subscription", SUBSCRIPTION, "--resource-group", GROUP]
    assert main(["setup", "--remove", *what, "--apply"]) == 0
    assert azure.things == {} and "whole" not in kernels_found()
