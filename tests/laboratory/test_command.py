"""``pool --fault-scenario`` and ``doctor``, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from azure_session_kernel.cli.main import main
from azure_session_laboratory.scenarios import SCENARIOS

from ..conftest import POOL_COMMAND, StartPool

ROOT = Path(__file__).parents[2]
DOCTOR = (*POOL_COMMAND[:-1], "doctor")


def test_a_scenario_runs_as_a_pool_that_says_what_it_plays(start_pool: StartPool) -> None:
    pool = start_pool("--fault-scenario", "piston-owns-port")
    with pool.client() as client:
        answer = client.post("/jupyter/hello", params={"identifier": "someone"}, json={})
    assert (answer.status_code, answer.text) == (404, '{"message":"Not Found"}')
    assert pool.token not in pool.printed


def test_the_list_has_a_line_for_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pool", "--list-scenarios"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(SCENARIOS)
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


def test_a_mistyped_name_is_met_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pool", "--fault-scenario", "piston-own-port"])
    assert ended.value.code == 2
    assert "did you mean piston-owns-port?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--tls"], "--tls"),
        (["--kind", "oneshot", "--max-sessions", "3"], "--kind and --max-sessions"),
        (["--habit", "decode-names"], "--habit"),
    ],
)
def test_what_a_scenario_sets_itself_is_refused(
    given: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pool", "--port", "0", *given, "--fault-scenario", "missing-role"])
    assert ended.value.code == 2
    assert f"leave out {named}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--fault-scenario", "missing-role"], ["--list-scenarios"], ["--faults", "f.json"]],
)
def test_an_installation_without_the_laboratory_says_where_it_is(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("azure_session_laboratory")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if Path(place) != ROOT])
    try:
        code = main(["pool", *arguments])
    except SystemExit as ended:  # as argparse ends
        code = 2
        assert ended.code == 2
    said = capsys.readouterr().err
    assert code > 0
    assert "the package azure_session_laboratory, which is not part of an installation" in said
    assert said.count("install -e '.[local]'") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize(("name", "code"), [("piston-owns-port", 1), ("healthy-oneshot", 0)])
def test_the_doctor_command_says_by_its_exit_code_whether_a_pool_is_healthy(
    start_pool: StartPool, name: str, code: int
) -> None:
    pool = start_pool("--fault-scenario", name)
    env = {**os.environ, **pool.env, **SCENARIOS[name].environment(pool.url)}
    done = subprocess.run([*DOCTOR, "--json"], env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    report = json.loads(done.stdout)
    assert report["healthy"] is (code == 0)
    assert [c["id"] for c in report["causes"][:1]] == ([SCENARIOS[name].cause] if code else [])
    assert done.stderr == ""
    assert pool.token not in done.stdout
    assert pool.session_processes() == []


def test_the_doctor_command_ends_with_the_one_fix(start_pool: StartPool) -> None:
    pool = start_pool("--fault-scenario", "missing-role")
    done = subprocess.run(DOCTOR, env={**os.environ, **pool.env}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Azure ContainerApps Session Executor" in done.stdout
    assert "\x1b[" not in done.stdout  # not a terminal
    assert pool.token not in done.stdout + done.stderr
