"""Commands that look at "the kernel's pool", after ``install`` has said which that is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from azure_session_kernel.cli.main import main
from azure_session_kernel.session.identity import Scope
from azure_session_kernel.session.lease import Lease, LeaseStore

POOL = "https://{}.env.westeurope.azurecontainerapps.io"


@pytest.fixture(autouse=True)
def jupyter_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Kernels are installed in a folder of this test's own, and no variable names a pool."""
    for name in list(os.environ):
        if name.startswith("AZURE_SESSION_") or name == "POOL_MANAGEMENT_ENDPOINT":
            monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def install(prefix: Path, pool: str, *arguments: str) -> None:
    assert (
        main(["install", "--endpoint", POOL.format(pool), "--prefix", str(prefix), *arguments]) == 0
    )


def logs(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    capsys.readouterr()
    assert main(["logs", *arguments]) == 0
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_the_only_configured_kernel_is_meant(
    jupyter_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(jupyter_path, "course", "--name", "course")
    out, err = logs(capsys)
    assert '"course"' in out
    assert "the kernel 'course'" in err


def test_of_several_one_must_be_named_and_they_are_listed(
    jupyter_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(jupyter_path, "pool-a", "--name", "course-a")
    install(jupyter_path, "pool-b", "--name", "course-b")
    for command in ("logs", "doctor"):
        capsys.readouterr()
        with pytest.raises(SystemExit, match="2"):
            main([command])
        said = capsys.readouterr().err
        assert "--kernel NAME" in said
        assert f"course-a  {POOL.format('pool-a')}" in said
        assert f"course-b  {POOL.format('pool-b')}" in said
    assert '"pool-b"' in logs(capsys, "--kernel", "Course-B")[0]


def test_what_is_typed_wins_then_the_environment(
    jupyter_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(jupyter_path, "installed", "--name", "course")
    monkeypatch.setenv("AZURE_SESSION_POOL_ENDPOINT", POOL.format("environment"))
    out, err = logs(capsys)
    assert '"environment"' in out
    assert "AZURE_SESSION_POOL_ENDPOINT" in err
    assert '"installed"' in logs(capsys, "--kernel", "course")[0]
    assert '"typed"' in logs(capsys, "--endpoint", POOL.format("typed"))[0]
    both = ("--kernel", "course", "--endpoint", POOL.format("typed"))
    assert '"typed"' in logs(capsys, *both)[0]


def test_a_name_that_is_no_kernel_of_ours_is_refused_with_those_that_are(
    jupyter_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(jupyter_path, "course", "--name", "course")
    with pytest.raises(SystemExit, match="2"):
        main(["doctor", "--kernel", "python3"])
    said = capsys.readouterr().err
    assert "--kernel python3" in said
    assert f"course         {POOL.format('course')}" in said
    assert "azure-session  no pool" in said


def test_doctor_sees_the_whole_environment_of_the_kernel(
    jupyter_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(jupyter_path, "course", "--name", "course")
    spec = jupyter_path / "share" / "jupyter" / "kernels" / "course" / "kernel.json"
    written = json.loads(spec.read_text())
    # As somebody would by hand: a proxy, made of another variable, where nobody listens.
    written["env"] |= {"HTTPS_PROXY": "http://${PROXY_HOST}:9"}
    spec.write_text(json.dumps(written))
    monkeypatch.setenv("PROXY_HOST", "127.0.0.1")
    before = dict(os.environ)
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 1
    checks = {check["id"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert "the kernel 'course'" in checks["settings"]["text"]
    assert checks["tcp"]["text"] == "The proxy refuses the connection"
    assert os.environ == before


def test_a_session_is_stopped_with_what_its_kernel_was_configured_with(
    jupyter_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its host is one that only the kernelspec allows."""
    url = "https://pools.invalid"
    monkeypatch.setenv("AZURE_SESSION_ALLOWED_HOSTS", "pools.invalid")
    options = ("--name", "course", "--credential", "environment")
    prefix = ("--prefix", str(jupyter_path))
    assert main(["install", "--endpoint", url, *prefix, *options]) == 0
    monkeypatch.delenv("AZURE_SESSION_ALLOWED_HOSTS")
    lease = Lease.new("ask-abcdefgh", url, Scope("kernel", "key"))
    LeaseStore().acquire(lease).release(remove=False)
    assert main(["sessions", "stop", "--all"]) == 1
    assert "no token may be sent to" not in capsys.readouterr().err
