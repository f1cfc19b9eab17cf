"""The kernelspec that ``pip install`` registers."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from azure_session_kernel.cli.kernelspecs import is_ours, runs_this_kernel, write_spec
from azure_session_kernel.cli.shipped import shipped
from azure_session_kernel.common.our_kernelspec import DEFAULT_NAME
from azure_session_kernel.wire.kernel_info import kernel_info


@pytest.fixture
def source() -> Path:
    return shipped("kernelspec")


def test_it_runs_this_kernel_and_interrupts_by_message(source: Path) -> None:
    spec = KernelSpec.from_resource_dir(str(source))
    assert spec.argv == ["python", "-m", "azure_session_kernel", "-f", "{connection_file}"]
    assert spec.display_name == "Python (Azure session pool)"
    assert spec.language == "python"
    assert spec.interrupt_mode == "message"
    assert is_ours(source)


def test_it_names_no_pool_so_that_nothing_runs_before_one_is_chosen(source: Path) -> None:
    assert "env" not in json.loads((source / "kernel.json").read_text())


def test_it_names_the_protocol_that_the_kernel_says_it_speaks(source: Path) -> None:
    spec = json.loads((source / "kernel.json").read_text())
    assert spec["kernel_protocol_version"] == kernel_info(None)["protocol_version"]


@pytest.mark.parametrize("size", [32, 64])
def test_its_logos_have_the_sizes_their_names_say(source: Path, size: int) -> None:
    data = (source / f"logo-{size}x{size}.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (size, size)


def test_its_svg_logo_is_a_drawing_without_script_or_links(source: Path) -> None:
    root = ElementTree.fromstring((source / "logo-svg.svg").read_text())
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert root.attrib["viewBox"] == "0 0 64 64"
    assert names <= {"svg", "title", "g", "path", "circle"}


def test_installing_the_package_registers_it() -> None:
    folder = Path(sys.prefix, "share", "jupyter", "kernels", DEFAULT_NAME)
    manager = KernelSpecManager(kernel_dirs=[str(folder.parent)])
    assert Path(manager.find_kernel_specs()[DEFAULT_NAME]).samefile(folder)
    assert is_ours(folder)


def test_a_written_spec_runs_this_very_python_with_the_given_variables(tmp_path: Path) -> None:
    write_spec(tmp_path / "spec", {"A": "1"}, "A name")
    spec = KernelSpec.from_resource_dir(str(tmp_path / "spec"))
    assert spec.argv[0] == sys.executable
    assert spec.env == {"A": "1"}
    assert spec.display_name == "A name"
    assert (tmp_path / "spec" / "logo-64x64.png").exists()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"argv": 3}', '{"argv": ["python", "-m", "ipykernel_launcher"]}']
)
def test_another_kernel_or_a_broken_one_is_not_ours(tmp_path: Path, content: str) -> None:
    (tmp_path / "kernel.json").write_text(content)
    assert not is_ours(tmp_path)
    assert not is_ours(tmp_path / "missing")


def test_any_python_may_run_this_kernel() -> None:
    assert runs_this_kernel(["/opt/python", "-m", "azure_session_kernel", "-f", "x"])
    assert not runs_this_kernel(["python", "-c", "azure_session_kernel"])
