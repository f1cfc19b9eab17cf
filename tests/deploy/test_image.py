"""The image's definition: linted, pinned, and in agreement with the names and the adapter.

What it makes is proven by ``python -m tests.deploy.prove``.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from starlette.routing import Route

from azure_session_kernel.container.app import create_app
from azure_session_kernel.container.data_folder import DATA

from . import DEPLOY, NAMES, ROOT
from .dockerfile import Layer, arguments, context, layers, value_of

LOCKS = sorted((DEPLOY / "packages").glob("*.lock"))


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    command = [str(hadolint), "--no-color", str(DEPLOY / "Dockerfile")]
    linted = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_the_entry_point_runs_the_adapter_with_the_two_pythons() -> None:
    shell, _, command = Layer("", value_of("ENTRYPOINT")).words
    python, *rest = shlex.split(command.removeprefix("exec "))
    assert (shell, python) == ("/bin/sh", f"{NAMES['adapterFolder']}/bin/python")
    # -I: nothing in the working folder or in PYTHONPATH takes the place of the adapter's modules.
    assert rest[:3] == ["-I", "-m", "azure_session_kernel.container"]
    assert dict(zip(rest[3::2], rest[4::2], strict=True)) == {
        "--host": "0.0.0.0",
        "--port": "$TARGET_PORT",
        "--workdir": NAMES["workingFolder"],
        "--python": f"{NAMES['pythonFolder']}/bin/python",
    }


def test_image_and_adapter_have_the_names() -> None:
    assert arguments()["TARGET_PORT"] == str(NAMES["targetPort"])
    assert value_of("USER") == str(NAMES["userId"])
    assert value_of("WORKDIR") == NAMES["workingFolder"] == str(DATA)
    assert f"{NAMES['healthPath']}'" in value_of("HEALTHCHECK")
    assert NAMES["image"] == NAMES["image"].lower()


def test_probes_ask_for_what_the_adapter_serves(tmp_path: Path) -> None:
    routes = [route for route in create_app(tmp_path).routes if isinstance(route, Route)]
    [health] = [route for route in routes if route.path == NAMES["healthPath"]]
    assert health.methods is not None and "GET" in health.methods


def test_the_last_layers_belong_to_the_user_and_the_adapters_to_root() -> None:
    users = ["0"]
    for layer in layers():
        users += [layer.value] if layer.name == "USER" else []
        if layer.name == "RUN" and f"--python {NAMES['adapterFolder']} " in layer.value:
            assert users[-1] == "0"
        if layer.name == "RUN" and f"--python {NAMES['pythonFolder']} " in layer.value:
            assert users[-1] == str(NAMES["userId"])


def _named(path: Path) -> set[str]:
    text = path.read_text()
    return {name.lower().replace("_", "-") for name in re.findall(r"^[\w.-]+", text, re.M)} - {"-r"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    entries = re.split(r"\n(?=\w)", lock.read_text())
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert pinned
    for entry in pinned:
        assert re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry, entry[:80]
    assert _named(lock.with_suffix(".in")) <= _named(lock)


def test_the_adapter_gets_the_packages_that_the_project_asks_for() -> None:
    asked = (ROOT / "pyproject.toml").read_text()
    for line in (DEPLOY / "packages/adapter.in").read_text().splitlines():
        assert line.startswith("#") or f'"{line}' in asked, line


def test_a_build_is_given_what_it_needs_and_nothing_else() -> None:
    given = {str(path) for path in context()}
    tops = {path.split("/")[0] for path in given}
    assert tops == {
        "azure_session_kernel",
        "deploy",
        "kernelspec",
        "notebooks",
        "LICENSE",
        "README.md",
        "pyproject.toml",
    }
    assert "deploy/course/requirements.txt" in given
    assert not [path for path in given if "__pycache__" in path or path.startswith("deploy/bicep")]


def _course(folder: Path, environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "environment.yml").write_text(f"name: course\ndependencies:\n{environment}")
    command = [sys.executable, str(DEPLOY / "packages/course.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_an_environment_of_conda_is_installed_from_pypi(tmp_path: Path) -> None:
    have = ".".join(map(str, sys.version_info[:2]))
    packages = ["conda-forge::numpy=1.26", "pandas>=2,<3", "pytorch", "rich=13.7.1=py_0", "pip"]
    given = "".join(f"  - {one}\n" for one in (f"python={have}", *packages))
    made = _course(tmp_path, f"{given}  - pip:\n    - nbgrader==0.9\n")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.splitlines() == [
        "numpy==1.26.*",
        "pandas>=2,<3",
        "torch",
        "rich==13.7.1.*",
        "nbgrader==0.9",
    ]


def test_an_environment_for_another_python_is_refused(tmp_path: Path) -> None:
    made = _course(tmp_path, "  - python=2.7\n")
    assert made.returncode == 1 and "environment.yml asks for python=2.7" in made.stderr
