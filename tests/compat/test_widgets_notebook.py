"""The widgets notebook, executed by nbclient on both kernels: what it stores is the same."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from azure_session_kernel.batch import SessionKernelManager
from azure_session_kernel.cli.try_.runner import AttentiveClient

from ..conftest import PoolOfKind
from ..kernel.live_kernel import PATIENT
from .case import difference_between
from .normal import Normal

KIND = "container"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "widgets.ipynb"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
#: How long something took, which tqdm tells.
_TIMING = re.compile(r"\[\d\d:\d\d&lt;\d\d:\d\d,[^\]]*\]")


async def _executed(kernel_name: str, **options: Any) -> Any:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client = AttentiveClient(notebook, kernel_name=kernel_name, **options, **PATIENT)
    await client.async_execute()
    return notebook


async def _executed_on_all() -> tuple[Any, Any, Any]:
    there, here, within = await asyncio.gather(
        _executed("python3"),
        _executed("azure-session"),
        _executed("azure-session", kernel_manager_class=SessionKernelManager),
    )
    return there, here, within


@pytest.fixture(scope="module")
def executed(request: pytest.FixtureRequest, pool_of_kind: PoolOfKind) -> tuple[Any, Any, Any]:
    """On ipykernel, and on this kernel: as a process, and as a part of this one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pool_of_kind(request.module.KIND).env.items():
            patch.setenv(name, value)
        return asyncio.run(_executed_on_all())


def test_the_notebook_stores_the_same_outputs_and_widget_state_as_on_ipykernel(
    executed: tuple[Any, Any, Any],
) -> None:
    there, *both = (_stored(notebook) for notebook in executed)
    for here in both:
        assert here == there, difference_between(there, here)


def test_the_stored_state_shows_the_widgets_as_they_ended(executed: tuple[Any, Any, Any]) -> None:
    state = executed[1].metadata.widgets[WIDGET_STATE]["state"].values()
    models = [(one["model_name"], one["state"]) for one in state]
    by_label = {values.get("description"): values for _, values in models}
    assert by_label["apples"]["value"] == 3
    assert (by_label["baking"]["value"], by_label["baking"]["bar_style"]) == (20.0, "success")
    assert by_label["counting"]["value"] == 40
    (box,) = [
        v for name, v in models if name == "OutputModel" and "in the box" in str(v["outputs"])
    ]
    assert box["outputs"][0]["text"] == "This line is in the box\n"


def test_it_is_a_notebook_without_outputs_for_this_kernel() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "azure-session"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


def _stored(notebook: Any) -> Any:
    """Outputs, then models in the order in which they were made."""
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    widgets = notebook.metadata.widgets[WIDGET_STATE]
    return _without_timing(Normal()([outputs, widgets]))


def _without_timing(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_timing(item) for key, item in value.items()}
        case list():
            return [_without_timing(item) for item in value]
        case str():
            return _TIMING.sub("[timing]", value)
        case _:
            return value
