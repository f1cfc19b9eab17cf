"""``azure-session-kernel install``, written for real and read back the way Jupyter does."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from azure_session_kernel.cli.kernelspecs import environment_of, kernels_found
from azure_session_kernel.cli.main import main
from azure_session_kernel.cli.shipped import shipped
from azure_session_kernel.session.installed import set_what_pip_has_replaced

ENDPOINT = "https://pool.env.westeurope.azurecontainerapps.io"


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folder is a temporary one, and nothing is configured."""
    for name in list(os.environ):
        if name.startswith("AZURE_SESSION_") or name in {
            "JUPYTER_PATH",
            "POOL_MANAGEMENT_ENDPOINT",
        }:
            monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))


def install(*arguments: str, endpoint: str = ENDPOINT) -> int:
    return main(["install", "--endpoint", endpoint, *arguments])


def read_back(kernels: Path, name: str = "azure-session") -> KernelSpec:
    return KernelSpecManager(kernel_dirs=[str(kernels)]).get_kernel_spec(name)


def kernels_below(prefix: Path) -> Path:
    return prefix / "share" / "jupyter" / "kernels"


def test_the_spec_holds_the_endpoint_and_nothing_that_was_not_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install("--prefix", str(tmp_path)) == 0
    spec = read_back(kernels_below(tmp_path))
    assert spec.env == {"AZURE_SESSION_POOL_ENDPOINT": ENDPOINT}
    assert spec.argv == [sys.executable, "-m", "azure_session_kernel", "-f", "{connection_file}"]
    assert spec.interrupt_mode == "message"
    assert str(kernels_below(tmp_path) / "azure-session") in capsys.readouterr().out


def test_an_empty_prefix_is_refused_and_replaces_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = KernelSpecManager().get_kernel_spec("azure-session")
    with pytest.raises(SystemExit, match="2"):
        install("--prefix", "")
    assert "--prefix is empty" in capsys.readouterr().err
    assert KernelSpecManager().get_kernel_spec("azure-session").env == spec.env


def test_options_become_variables(tmp_path: Path) -> None:
    options = ["--executor", "adapter", "--credential", "default"]
    options += ["--scope", "kernel", "--on-shutdown", "keep", "--on-death", "die"]
    assert install("--prefix", str(tmp_path), *options) == 0
    assert read_back(kernels_below(tmp_path)).env == {
        "AZURE_SESSION_POOL_ENDPOINT": ENDPOINT,
        "AZURE_SESSION_EXECUTOR": "adapter",
        "AZURE_SESSION_CREDENTIAL": "default",
        "AZURE_SESSION_SCOPE": "kernel",
        "AZURE_SESSION_ON_SHUTDOWN": "keep",
        "AZURE_SESSION_ON_DEATH": "die",
    }


def test_several_pools_live_side_by_side_under_their_own_names(tmp_path: Path) -> None:
    for name, title in (("course-a", "Course A"), ("course-b", "Course B")):
        assert install("--prefix", str(tmp_path), "--name", name, "--display-name", title) == 0
    kernels = kernels_below(tmp_path)
    assert read_back(kernels, "course-a").display_name == "Course A"
    assert read_back(kernels, "course-b").display_name == "Course B"


def test_the_endpoint_is_written_in_its_normal_form(tmp_path: Path) -> None:
    assert install("--prefix", str(tmp_path), endpoint=f"{ENDPOINT}//?identifier=secret") == 0
    assert read_back(kernels_below(tmp_path)).env == {"AZURE_SESSION_POOL_ENDPOINT": ENDPOINT}


def test_local_means_the_local_pool(tmp_path: Path) -> None:
    assert install("--prefix", str(tmp_path), endpoint="Local") == 0
    assert read_back(kernels_below(tmp_path)).env == {"AZURE_SESSION_POOL_ENDPOINT": "local"}


def test_hosts_the_user_allowed_are_kept_with_the_endpoint_that_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://pools.example.org"
    with pytest.raises(SystemExit, match="2"):
        install("--prefix", str(tmp_path), endpoint=url)
    monkeypatch.setenv("AZURE_SESSION_ALLOWED_HOSTS", "pools.example.org")
    assert install("--prefix", str(tmp_path), endpoint=url) == 0
    assert read_back(kernels_below(tmp_path)).env == {
        "AZURE_SESSION_POOL_ENDPOINT": url,
        "AZURE_SESSION_ALLOWED_HOSTS": "pools.example.org",
    }


def test_user_writes_to_the_users_own_folder(tmp_path: Path) -> None:
    assert install("--user", "--name", "mine") == 0
    assert read_back(tmp_path / "data" / "kernels", "mine").env["AZURE_SESSION_POOL_ENDPOINT"]


@pytest.mark.parametrize("prefer_environment", [True, False])
def test_without_a_place_it_is_written_where_jupyter_looks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefer_environment: bool
) -> None:
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", str(int(prefer_environment)))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    assert install("--name", "mine") == 0
    environment = kernels_below(tmp_path / "environment") / "mine"
    assert environment.is_dir() == prefer_environment
    assert (tmp_path / "data" / "kernels" / "mine").is_dir() != prefer_environment


def test_it_says_when_jupyter_finds_another_kernel_of_that_name_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install("--prefix", str(tmp_path / "first")) == 0
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "first" / "share" / "jupyter"))
    capsys.readouterr()
    assert install("--user") == 0
    first = kernels_below(tmp_path / "first") / "azure-session"
    _, last = capsys.readouterr().out.split("NOT IN USE: ")
    assert f"finds first:\n    {first}\n" in last
    assert "--name" in last
    assert "Next" not in last


def test_it_says_when_jupyter_does_not_look_in_that_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install("--prefix", str(tmp_path), "--name", "elsewhere") == 0
    assert f"JUPYTER_PATH={tmp_path / 'share' / 'jupyter'}" in capsys.readouterr().out


def test_writing_again_replaces_the_earlier_spec(tmp_path: Path) -> None:
    assert install("--prefix", str(tmp_path), "--scope", "kernel") == 0
    assert install("--prefix", str(tmp_path), endpoint="local") == 0
    assert read_back(kernels_below(tmp_path)).env == {"AZURE_SESSION_POOL_ENDPOINT": "local"}


def test_a_different_kernel_of_that_name_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = kernels_below(tmp_path) / "python3" / "kernel.json"
    other.parent.mkdir(parents=True)
    other.write_text('{"argv": ["python", "-m", "ipykernel_launcher"]}')
    with pytest.raises(SystemExit, match="2"):
        install("--prefix", str(tmp_path), "--name", "Python3")
    assert "holds a different kernel" in capsys.readouterr().err
    assert "ipykernel_launcher" in other.read_text()


@pytest.mark.parametrize("name", ["two words", "../up", "..", ".", "", "é"])
def test_a_name_jupyter_would_not_accept_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        install("--prefix", str(tmp_path), "--name", name)
    assert not list(tmp_path.rglob("kernel.json"))


@pytest.mark.parametrize(
    ("options", "endpoint", "said"),
    [
        ([], "http://pool.env.westeurope.azurecontainerapps.io", "https://"),
        ([], "https://portal.azure.com/#@x", "Azure portal"),
        ([], "nonsense", "az containerapp sessionpool show"),
        (["--scope", "world"], ENDPOINT, "--scope: invalid choice: 'world'"),
        (["--on-shutdown", "maybe"], ENDPOINT, "--on-shutdown: invalid choice"),
    ],
)
def test_a_wrong_value_is_explained_and_nothing_is_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    endpoint: str,
    said: str,
) -> None:
    with pytest.raises(SystemExit, match="2"):
        install("--prefix", str(tmp_path), *options, endpoint=endpoint)
    assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("kernel.json"))


def test_a_place_that_can_not_be_written_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert install("--prefix", str(blocked)) == 1
    assert "can't be written" in capsys.readouterr().err
    assert blocked.read_text() == "not a folder"


def test_one_place_only(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        install("--user", "--prefix", str(tmp_path))


@pytest.mark.parametrize("installed", [True, False])
def test_a_command_is_named_only_where_it_is_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    installed: bool,
) -> None:
    monkeypatch.setattr("azure_session_kernel.cli.install.find_spec", lambda _: installed or None)
    assert install("--prefix", str(tmp_path), "--name", "mine") == 0
    assert ("jupyter execute" in capsys.readouterr().out) == installed


def test_a_later_pip_install_loses_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replaces ``kernel.json`` by the one that comes with the package."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert install("--sys-prefix", "--scope", "kernel") == 0
    spec = kernels_below(tmp_path) / "azure-session" / "kernel.json"
    shutil.copy(shipped("kernelspec") / "kernel.json", spec)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    expected = {"AZURE_SESSION_POOL_ENDPOINT": ENDPOINT, "AZURE_SESSION_SCOPE": "kernel"}
    assert kernels_found()["azure-session"] == expected
    with environment_of({}):
        set_what_pip_has_replaced()
        assert expected.items() <= os.environ.items()
    with environment_of({"AZURE_SESSION_POOL_ENDPOINT": "local"}):  # another kernelspec's
        set_what_pip_has_replaced()
        assert "AZURE_SESSION_SCOPE" not in os.environ
