"""The example notebook about files, executed as a person would run it: twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from ..conftest import PoolOfKind
from .live_kernel import PATIENT

KIND = "container"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "files.ipynb"


async def run(folder: Path) -> dict[str, Any]:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, kernel_name="azure-session", resources=resources, **PATIENT)
    await client.async_execute()
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


def text(output: Any) -> str:
    return str(output["data"]["text/plain"]) if "data" in output else str(output["text"])


async def test_the_files_notebook_carries_a_file_there_and_back(
    request: pytest.FixtureRequest,
    pool_of_kind: PoolOfKind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in pool_of_kind(request.module.KIND).env.items():
        monkeypatch.setenv(name, value)
    for downloaded in ("downloaded", "unchanged"):
        cells = await run(tmp_path)
        assert "temperatures.csv" in text(cells["list"][0])
        assert text(cells["download"][0]) == f"Done: temperatures.csv {downloaded}."
        assert text(cells["upload"][0]) == "Done: temperatures.csv uploaded."
        assert text(cells["read"][0]) == "3 days, 21 degrees on average\n"
        assert text(cells["again"][0]) == "Done: temperatures.csv unchanged."
        assert text(cells["again"][1]) == "ready: day,celsius\n"
        assert "%download PATTERN" in text(cells["help"][0])
    assert os.listdir(tmp_path) == ["temperatures.csv"]  # noqa: PTH208
    assert (tmp_path / "temperatures.csv").read_text().startswith("day,celsius")
