"""Widgets in JupyterLab: what a student moves, and what then happens in the session."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .notebook_page import RUNNING, NotebookPage
from .test_jupyterlab import Gate

KIND = "container"
SLIDER = (
    "import ipywidgets as widgets\n"
    "slider = widgets.IntSlider(value=3, max=10, description='apples')\n"
    "label = widgets.Label('3 apples')\n"
    "def tell(change):\n    label.value = f'{change.new} apples'\n"
    "slider.observe(tell, 'value')\n"
    "display(slider, label)"
)


def _move(notebook: NotebookPage, index: int, times: int) -> None:
    """Press the right arrow key on a cell's first slider."""
    handle = notebook.output(index).locator(".noUi-handle").first
    for _ in range(times):
        handle.press("ArrowRight")


def _label(notebook: NotebookPage, index: int) -> Locator:
    """A Label, not the words beside a slider."""
    return notebook.output(index).locator(".widget-label:not(.widget-inline-hbox *)")


@pytest.mark.usefixtures("shared_kernel")
def test_a_slider_moved_after_its_cell_runs_the_handler_in_the_session(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook(SLIDER, "slider.value", "slider.value = 9")
    notebook.run_to_end(0)
    expect(_label(notebook, 0)).to_have_text("3 apples")

    _move(notebook, 0, 2)
    expect(_label(notebook, 0)).to_have_text("5 apples")
    notebook.run_to_end(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("5")

    notebook.run_to_end(2)
    expect(notebook.output(0).locator(".widget-readout")).to_have_text("9")
    expect(_label(notebook, 0)).to_have_text("9 apples")


@pytest.mark.usefixtures("shared_kernel")
def test_a_slider_is_answered_while_a_cell_runs(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    waits = gate.code.replace("time.sleep", "await asyncio.sleep")
    notebook = open_notebook(SLIDER, f"import asyncio\n{waits}\nprint('had', slider.value)")
    notebook.run_to_end(0)
    notebook.run(1)
    expect(notebook.prompt(1)).to_have_text(RUNNING)

    _move(notebook, 0, 1)
    expect(_label(notebook, 0)).to_have_text("4 apples")
    notebook.wait_until_busy()
    # The echo of a move makes later ones the subshell's, whose idle JupyterLab shows.
    _move(notebook, 0, 3)
    expect(_label(notebook, 0)).to_have_text("7 apples")
    assert notebook.prompt(1).inner_text() == RUNNING
    notebook.picture("running")

    gate.open()
    expect(notebook.output(1)).to_have_text("had 7\n")
    notebook.wait_until_idle()


@pytest.mark.usefixtures("shared_kernel")
def test_a_progress_bar_moves_while_its_cell_runs(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    notebook = open_notebook(
        "import ipywidgets as widgets\n"
        "bar = widgets.FloatProgress(max=100, description='baking')\ndisplay(bar)\n"
        f"bar.value = 40\n{gate.code}\nbar.value = 100\nbar.bar_style = 'success'",
        "from tqdm.notebook import tqdm\nfor page in tqdm(range(30), desc='reading'):\n    pass",
    )
    notebook.run(0)
    bar = notebook.output(0).locator(".progress-bar")
    expect(bar).to_have_attribute("style", re.compile("width: 40%"))
    assert notebook.prompt(0).inner_text() == RUNNING
    notebook.picture("running")

    gate.open()
    expect(bar).to_have_attribute("style", re.compile("width: 100%"))
    expect(notebook.output(0).locator(".progress-bar-success")).to_be_visible()

    notebook.run_to_end(1)
    expect(notebook.output(1)).to_contain_text("30/30")


@pytest.mark.usefixtures("shared_kernel")
def test_interact_replaces_what_the_function_printed(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "import ipywidgets as widgets\n"
        "@widgets.interact(width=(1, 9))\ndef draw(width=4):\n    print('*' * width)"
    )
    notebook.run_to_end(0)
    printed = notebook.output(0).locator("pre")
    expect(printed).to_have_text("****\n")
    _move(notebook, 0, 3)
    expect(printed).to_have_text("*******\n")


@pytest.mark.usefixtures("shared_kernel")
def test_a_button_prints_into_an_output_box(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "import ipywidgets as widgets\n"
        "box, button = widgets.Output(), widgets.Button(description='Say hello')\n"
        "@button.on_click\ndef hello(_):\n    with box:\n        print('hello')\n"
        "display(button, box)"
    )
    notebook.run_to_end(0)
    notebook.output(0).locator("button", has_text="Say hello").click()
    expect(notebook.output(0).locator("pre")).to_have_text("hello\n")
