"""A student's work in JupyterLab on a one-shot pool: what it can do, and says of the rest."""

from __future__ import annotations

from playwright.sync_api import expect

from .conftest import OpenNotebook
from .test_jupyterlab import (  # noqa: F401 - pytest collects them here, too
    test_shutting_down_the_kernel_stops_its_session,
)

KIND = "oneshot"


def test_cells_show_what_they_print_and_results(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("print('counting')\n20 + 1", "1 / 0")
    notebook.run_to_end(0, 1)
    expect(notebook.outputs(0, "application/vnd.jupyter.stdout")).to_have_text("counting\n")
    expect(notebook.outputs(0, "text/plain")).to_have_text("21")
    expect(notebook.error(1)).to_contain_text("ZeroDivisionError: division by zero")


def test_input_is_asked_for_before_the_cell_runs(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("name = input('What is your name? ')\nprint('Hello,', name)")
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("What is your name?")
    notebook.answer(0, "Zoë")
    expect(notebook.output(0)).to_contain_text("Hello, Zoë")


def test_a_variable_that_is_gone_a_plot_and_a_widget_are_explained(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook(
        "kept = 1",
        "kept",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "import ipywidgets\nipywidgets.IntSlider()",
    )
    notebook.run_to_end(0, 1, 2, 3)
    for index, sentence in (
        (1, "This pool keeps no variables between cells"),
        (2, "so the plot that this cell drew can't be shown"),
        (3, "This cell was not run"),
    ):
        expect(notebook.error(index)).to_contain_text(sentence)


def test_the_stop_button_ends_a_cell(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("while True: pass", "'works again'")
    notebook.run(0)
    notebook.wait_until_busy()
    notebook.interrupt()
    expect(notebook.error(0)).to_contain_text("KeyboardInterrupt")
    notebook.run_to_end(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("'works again'")
