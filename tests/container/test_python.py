"""The interpreter runs with another Python than the adapter, where packages of a course are."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from .adapter_process import COMMAND, Kernel, running_adapter


def _other_python(folder: Path, *packages: str) -> Path:
    """Of an environment that has what is in the folders ``packages``, and a package of our name."""
    venv.create(folder, symlinks=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    (Path(site.strip()) / "packages.pth").write_text("\n".join(packages))
    (Path(site.strip()) / "azure_session_kernel.py").write_text("raise ImportError('not ours')")
    return python


def test_cells_run_with_the_given_python_and_our_part_is_the_adapters_own(tmp_path: Path) -> None:
    python = _other_python(tmp_path, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    # A kernelspec of the user's changes nothing, nor does the adapter need one.
    spec = tmp_path / "data/kernels/python3/kernel.json"
    spec.parent.mkdir(parents=True)
    provisioner = {"kernel_provisioner": {"provisioner_name": "of-the-user"}}
    spec.write_text(json.dumps({"argv": ["x"], "display_name": "x", "metadata": provisioner}))
    env = {"JUPYTER_DATA_DIR": str(tmp_path / "data")}
    with running_adapter("--python", str(python), env=env) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        assert kernel.run("import sys; print(sys.prefix)") == f"{tmp_path}\n"
        assert kernel.run("import azure_session_kernel as a; print(a.__file__)").endswith(
            "__init__.py\n"
        )


def test_without_ipykernel_the_adapter_answers_and_says_what_is_missing(tmp_path: Path) -> None:
    with running_adapter("--python", str(_other_python(tmp_path))) as adapter:
        assert adapter.client.get("/health").status_code == 200
        answer = adapter.post("hello", {"reader": "r-1", "wait_s": 30})
        assert answer.status_code == 500
        assert "No module named" in answer.json()["error"]["message"]


def test_a_python_that_does_not_exist_is_refused_at_the_start(tmp_path: Path) -> None:
    command = [*COMMAND, "--python", str(tmp_path / "python")]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert told.returncode == 2
    assert f"--python {tmp_path / 'python'}: there is no such program" in told.stderr
