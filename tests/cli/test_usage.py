"""What the command line says to somebody who has mistyped something."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from azure_session_kernel.cli.main import COMMANDS, main
from azure_session_kernel.session.settings import ALLOWED

POOL = "https://pool.env.westeurope.azurecontainerapps.io"


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_SESSION_POOL_ENDPOINT", "POOL_MANAGEMENT_ENDPOINT", "JUPYTER_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("line", "begins", "says"),
    [
        ("instal", "", "invalid choice: 'instal'"),
        ("install", "install", "--endpoint"),
        ("install --endpoint pool", "install", "--endpoint is not a pool management endpoint"),
        ("install --endpoint=", "install", "--endpoint is empty"),
        (f"install --endpoint {POOL} --scope no", "install", "--scope: invalid choice: 'no'"),
        (f"install --endpoint {POOL} --nam", "install", "--name: expected one argument"),
        ("logs --endpoint http://pool.example", "logs", "--endpoint is not a pool"),
        ("logs --endpoint=", "logs", "--endpoint is empty"),
        ("logs --name pool --since soon", "logs", "--since soon is not a time"),
        ("logs --unknown", "logs", "unrecognized arguments: --unknown"),
        ("doctor --wait long", "doctor", "--wait: long is not a number of seconds"),
        ("pool --port x", "pool", "--port: x is not a number"),
        ("sessions", "sessions", "VERB"),
        ("try missing.ipynb", "try", "missing.ipynb"),
    ],
)
def test_an_error_stands_first_and_names_what_was_typed(
    line: str, begins: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(line.split())
    printed = capsys.readouterr()
    first, *others = printed.err.splitlines()
    assert first.startswith(f"azure-session-kernel {begins}".strip() + ": ")
    assert says in first
    assert others[0].startswith(("  What to do: ", "    az "))
    assert "usage:" not in printed.err
    assert "AZURE_SESSION_" not in printed.err, "a variable that nobody has set"
    assert printed.out == ""


def test_doctor_names_what_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--endpoint", "pool"]) == 1
    said = capsys.readouterr().out
    assert "--endpoint is not a pool management endpoint" in said
    assert "AZURE_SESSION_POOL_ENDPOINT" not in said


@pytest.mark.parametrize("variable", ["AZURE_SESSION_POOL_ENDPOINT", "POOL_MANAGEMENT_ENDPOINT"])
def test_a_variable_is_named_where_it_is_the_one_that_is_set(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "pool")
    with pytest.raises(SystemExit, match="2"):
        main(["logs"])
    assert f"{variable} is not a pool management endpoint" in capsys.readouterr().err


def test_without_a_command_the_commands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    said = capsys.readouterr().err
    assert all(re.search(rf"^    {name} ", said, re.M) for name in COMMANDS)


def test_help_shows_choices_and_defaults(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit, match="0"):
        main(["install", "--help"])
    said = capsys.readouterr().out
    for variable, values in ALLOWED.items():
        assert re.search(
            rf"{{{','.join(values)}}}\s+sets {variable} \(default: {values[0]}\)", said
        )
    assert "the kernel's name (default: azure-session)" in said
    with pytest.raises(SystemExit, match="0"):
        main(["pool", "--help"])
    said = capsys.readouterr().out
    assert "at a time (default: 10)" in said
    assert "after which a session ends (default: 300)" in said
    assert "(default: False)" not in said


@pytest.mark.parametrize("line", ["sessions list", "doctor --endpoint pool", "try --list"])
def test_who_stops_reading_is_left_in_peace(line: str) -> None:
    """As ``head`` does."""
    code = "from azure_session_kernel.cli.main import main; raise SystemExit(main())"
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-c", code, *line.split()]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert done.stderr == b""
    assert done.returncode != 0
