"""A scenario seen through a kernel: its failing cell names the cause, as the table has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from azure_session_kernel.causes.diagnosis import cause
from azure_session_laboratory.scenarios import SCENARIOS

from ..conftest import StartPool
from ..kernel.live_kernel import LiveKernel


def first_sentence(text: str) -> str:
    """Up to the first name that is filled in."""
    return text.partition("{")[0].partition(". ")[0]


@pytest.mark.parametrize("name", ["piston-owns-port", "doubled-path", "egress-dependent-start"])
def test_a_failing_cell_names_the_cause_and_points_to_doctor(
    start_pool: StartPool, tmp_path: Path, name: str
) -> None:
    pool = start_pool("--fault-scenario", name)
    scenario = SCENARIOS[name]
    kernel = LiveKernel({**pool.env, **scenario.environment(pool.url)}, tmp_path / "kernel.log")
    try:
        cell = kernel.wait_until_heard().run("1 + 1")
        assert first_sentence(cause(scenario.cause).explanation) in cell.error_text
        assert first_sentence(cause(scenario.cause).fix) in cell.error_text
        assert "azure-session-kernel doctor" in cell.error_text
        assert pool.token not in cell.error_text + kernel.logged()
    finally:
        kernel.stop()
