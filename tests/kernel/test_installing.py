"""What a cell installs in a session of the local pool."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import StartKernel
from .live_kernel import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="installs on the machine there")


def _wheel(directory: Path, name: str) -> Path:
    info = f"{name}-1.dist-info"
    files = {
        f"{name}.py": "answer = 42\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    path = directory / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in files.items():
            wheel.writestr(member, text)
    return path


def test_what_a_cell_installs_goes_into_its_session_and_with_it(
    start_kernel: StartKernel, tmp_path: Path
) -> None:
    kernel = start_kernel()
    names = {"%pip": "tiny_by_magic", "!pip": "tiny_by_shell"}
    for command, name in names.items():
        installed = kernel.run(f"{command} install --no-index -q {_wheel(tmp_path, name)}")
        assert installed.status == "ok", installed.text()
    look = f"import sys, {', '.join(names.values())}\nprint(tiny_by_shell.__file__)"
    found = Path(kernel.run(look).text().strip())
    assert found.exists()
    kernel.restart()
    assert Path(kernel.run(look).text().strip()) == found
    assert kernel.run("import pip, ipykernel; print(1)").text() == "1\n"
    for name in names.values():
        here = [sys.executable, "-c", f"import {name}"]
        assert subprocess.run(here, capture_output=True, cwd="/").returncode == 1
    kernel.stop()
    wait_until(lambda: not found.exists())
