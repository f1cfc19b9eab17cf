"""What a kernel is started with, and what configuration files say."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.application import BaseIPythonApplication

from azure_session_kernel.kernel.app import AzureSessionKernelApp
from azure_session_kernel.kernel.arguments import sorted_out
from azure_session_kernel.kernel.command_line import is_plain
from azure_session_kernel.kernel.connection import IPKernelApp

NBCLIENTS = "--HistoryManager.hist_file=:memory:"


@pytest.fixture
def ipython_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "profile_default").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "plain"),
    [
        ([], True),
        (["-f", "/a b/kernel.json", NBCLIENTS], True),
        ([NBCLIENTS, "--log-level=INFO", "--f=kernel.json"], True),
        (["-f"], False),
        (["-f", "--matplotlib"], False),
        (["-f", "kernel.json", "--matplotlib=inline"], False),
        (["--help"], False),
        (["--IPKernelApp.ip=0.0.0.0"], False),
    ],
)
def test_only_the_usual_is_read_without_ipython(
    ipython_dir: Path, argv: list[str], plain: bool
) -> None:
    assert is_plain(argv) == plain


@pytest.mark.parametrize("argv", [[], ["--log-level=INFO", "--f=a.json", NBCLIENTS]])
def test_ipykernels_application_reads_the_usual_in_the_same_way(
    ipython_dir: Path, argv: list[str]
) -> None:
    plain, whole = AzureSessionKernelApp(), AzureSessionKernelApp()
    plain._configure(argv)
    whole._configure([*argv, "--debug"] if not argv else [*argv, "--ip=127.0.0.1"])
    names = ["connection_file", *(["log_level"] if argv else [])]
    assert [getattr(plain, name) for name in names] == [getattr(whole, name) for name in names]
    assert sorted_out(plain.cli_config) == sorted_out(whole.cli_config)


@pytest.mark.parametrize("name", ["ipython_config", "azure_session_kernel_config"])
def test_a_configuration_file_of_ipythons_has_effect(
    ipython_dir: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = {
        "IPKernelApp": {"shell_port": 4321, "exec_lines": ["not for this process"]},
        "AzureSessionKernelApp": {"log_level": "ERROR"},
        "Session": {"username": "somebody"},
    }
    (ipython_dir / "profile_default" / f"{name}.json").write_text(json.dumps(said))
    app = AzureSessionKernelApp()
    with caplog.at_level(logging.WARNING):
        app._configure(["-f", "kernel.json"])
    seen = (app.shell_port, app.log_level, app.session.username, app.connection_file)
    assert seen == (4321, logging.ERROR, "somebody", "kernel.json")
    assert caplog.text == ""


def test_what_ipykernels_application_is_told_is_not_for_a_session() -> None:
    of_the_process = {
        *BaseIPythonApplication.class_traits(config=True),
        *IPKernelApp.class_traits(config=True),
    }
    arguments, _ = sorted_out({"IPKernelApp": dict.fromkeys(of_the_process, "x")})
    assert arguments == []


@pytest.mark.parametrize(
    ("argument", "code", "said"),
    [("--help-all", 0, "--IPKernelApp.connection_file"), ("--log-level=LOUD", 1, "log_level")],
)
def test_help_and_what_is_wrong_are_said_before_anything_is_done(
    ipython_dir: Path, argument: str, code: int, said: str
) -> None:
    env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(ipython_dir / "runtime")}
    command = [sys.executable, "-m", "azure_session_kernel", argument]
    ended = subprocess.run(command, capture_output=True, text=True, env=env, timeout=100)
    assert ended.returncode == code
    assert said in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (ipython_dir / "runtime").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use stays there")
def test_a_folder_that_is_gone_is_said_in_one_line(tmp_path: Path) -> None:
    gone = f"import os; os.rmdir({str(tmp_path)!r})"
    code = f"{gone}\nfrom azure_session_kernel.__main__ import main\nmain()"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=100
    )
    assert ended.returncode == 1
    assert ended.stderr.endswith("Current working directory doesn't exist.\n")
    assert "Traceback" not in ended.stderr
