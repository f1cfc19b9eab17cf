"""A student's work in JupyterLab: each test is something they do and what they then see."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from ..conftest import RunningPool
from .conftest import KERNEL, README_SCREENSHOT, OpenDocument, OpenNotebook
from .lab_server import LabServer
from .notebook_page import RUNNING

KIND = "container"
NEVER_RUN = "[ ]:"
ENDPOINT = "AZURE_SESSION_POOL_ENDPOINT"
QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


class Gate:
    """Holds a running cell at `code` until the test opens it."""

    def __init__(self, directory: Path) -> None:
        self._flag = directory / "open"
        self.code = (
            f"import os, time\nwhile not os.path.exists({str(self._flag)!r}):\n    time.sleep(0.02)"
        )

    def open(self) -> None:
        self._flag.touch()


def test_cells_show_results_and_execution_counts(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("apples = 20\nprint('counting')", "apples + 1", "apples * 'x'")
    notebook.run_to_end(0, 1, 2)

    expect(notebook.outputs(0, "application/vnd.jupyter.stdout")).to_have_text("counting\n")
    expect(notebook.outputs(1, "text/plain")).to_have_text("21")
    expect(notebook.outputs(2, "text/plain")).to_have_text(repr("x" * 20))
    for index, count in enumerate(("[1]:", "[2]:", "[3]:")):
        expect(notebook.prompt(index)).to_have_text(count)

    notebook.run(1)
    expect(notebook.prompt(1)).to_have_text("[4]:")


def test_output_appears_while_the_cell_still_runs(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    notebook = open_notebook(f"print('first line')\n{gate.code}\nprint('last line')", "'queued'")
    notebook.run(0, 1)

    expect(notebook.output(0)).to_have_text("first line\n")
    assert notebook.prompt(0).inner_text() == RUNNING
    assert notebook.prompt(1).inner_text() == RUNNING
    notebook.wait_until_busy()
    notebook.picture("running")

    gate.open()
    expect(notebook.output(0)).to_have_text("first line\nlast line\n")
    expect(notebook.prompt(0)).to_have_text("[1]:")
    expect(notebook.outputs(1, "text/plain")).to_have_text("'queued'")
    notebook.wait_until_idle()


def test_input_and_getpass_are_answered_in_the_cell(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "name = input('What is your name? ')\nprint('Hello,', name)",
        "from getpass import getpass\nsecret = getpass('Password: ')",
        "name, len(secret)",
    )
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("What is your name?")
    assert notebook.prompt(0).inner_text() == RUNNING
    notebook.picture("awaiting-input")
    notebook.answer(0, "Zoë 🐢")
    expect(notebook.output(0)).to_contain_text("Hello, Zoë 🐢")

    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("Password:")
    expect(notebook.input_box(1)).to_have_attribute("type", "password")
    notebook.answer(1, "open sesame")
    expect(notebook.prompt(1)).to_have_text("[2]:")
    expect(notebook.output(1)).not_to_contain_text("sesame")

    notebook.run_to_end(2)
    expect(notebook.outputs(2, "text/plain")).to_have_text("('Zoë 🐢', 11)")


@pytest.mark.usefixtures("shared_kernel")
def test_tab_completes_a_name_from_an_earlier_cell(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("apple_colour = 'red'\napple_count = 7", "")
    notebook.run_to_end(0)

    notebook.type_into(1, "apple_c")
    notebook.complete(1)
    expect(notebook.completions.filter(has_text="apple_colour")).to_be_visible()
    expect(notebook.completions.filter(has_text="apple_count")).to_be_visible()
    notebook.picture("completer")

    notebook.page.keyboard.type("oun")
    expect(notebook.completions).to_have_count(1)
    notebook.press("Enter")
    notebook.run_to_end(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("7")


@pytest.mark.usefixtures("shared_kernel")
def test_shift_tab_shows_a_docstring(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        'def bake(cake, minutes=45):\n    """Bake a cake until it is brown."""', ""
    )
    notebook.run_to_end(0)

    notebook.type_into(1, "bake")
    notebook.press("Shift+Tab")
    expect(notebook.tooltip).to_contain_text("bake(cake, minutes=45)")
    expect(notebook.tooltip).to_contain_text("Bake a cake until it is brown.")


def test_the_stop_button_interrupts_a_loop_and_keeps_variables(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "import time\nrounds = 0\nprint('looping')\n"
        "while True:\n    rounds += 1\n    time.sleep(0.01)",
        "rounds > 0",
    )
    notebook.run(0)
    expect(notebook.output(0)).to_have_text("looping\n")
    notebook.interrupt()

    expect(notebook.error(0)).to_contain_text("KeyboardInterrupt")
    expect(notebook.prompt(0)).to_have_text("[1]:")
    notebook.run_to_end(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("True")


def test_a_cell_that_catches_the_stop_button_goes_on_each_time(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "import time\nkept = 'kept'\nprint('training')\nfor epoch in range(3):\n"
        "    try:\n        time.sleep(600)\n"
        "    except KeyboardInterrupt:\n        print('skipped', epoch)",
        "kept, epoch",
    )
    notebook.run(0)
    shown = "training\n"
    expect(notebook.output(0)).to_have_text(shown)
    for epoch in range(3):
        notebook.interrupt()
        shown += f"skipped {epoch}\n"
        expect(notebook.output(0)).to_have_text(shown)

    expect(notebook.prompt(0)).to_have_text("[1]:")
    notebook.run_to_end(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("('kept', 2)")


def test_restarting_the_kernel_empties_the_namespace(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("kept = 1", "kept", "'kept' in globals()")
    notebook.run_to_end(0, 1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("1")

    notebook.restart()
    notebook.run(2)
    expect(notebook.outputs(2, "text/plain")).to_have_text("False")
    expect(notebook.prompt(2)).to_have_text("[1]:")

    notebook.run(1)
    expect(notebook.error(1)).to_contain_text("NameError")
    expect(notebook.prompt(1)).to_have_text("[2]:")
    notebook.wait_until_idle()


def test_a_restart_ends_a_cell_that_is_running(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("print('stuck')\nwhile True: pass", "'works again'")
    notebook.run(0)
    expect(notebook.output(0)).to_have_text("stuck\n")

    notebook.restart()
    notebook.run(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("'works again'")
    expect(notebook.prompt(1)).to_have_text("[1]:")
    expect(notebook.prompt(0)).to_have_text(NEVER_RUN)


@pytest.mark.usefixtures("shared_kernel")
def test_a_traceback_is_shown_in_colour(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("def share(cake, guests):\n    return cake / guests\n\nshare(1, 0)")
    notebook.run_to_end(0)

    expect(notebook.error(0)).to_contain_text("return cake / guests")
    expect(notebook.error(0)).not_to_contain_text("\x1b")
    name = notebook.error(0).locator("span", has_text="ZeroDivisionError").first
    red, green, blue = _colour(name.evaluate("element => getComputedStyle(element).color"))
    assert red > 2 * green and red > 2 * blue


@pytest.mark.usefixtures("shared_kernel")
def test_a_matplotlib_plot_is_shown_as_an_image(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 4, 9, 16]);"
    )
    notebook.run_to_end(0)

    plot = notebook.outputs(0, "image/png").locator("img")
    assert plot.evaluate("image => image.decode().then(() => image.naturalWidth)") > 200


@pytest.mark.usefixtures("shared_kernel")
def test_a_progress_bar_ends_as_one_line(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(
        "from tqdm import tqdm\nfor piece in tqdm(range(300), mininterval=0):\n    pass",
        "for percent in range(0, 101, 5):\n    print(f'\\rbaking {percent} %', end='')",
    )
    notebook.run_to_end(0, 1)

    bar = notebook.outputs(0, "application/vnd.jupyter.stderr")
    expect(bar).to_contain_text("300/300")
    assert len(bar.inner_text().strip().splitlines()) == 1
    expect(notebook.output(1)).to_have_text("baking 100 %")


@pytest.mark.usefixtures("own_tab")
def test_reloading_the_page_finds_the_running_kernel_again(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    notebook = open_notebook(f"print('working')\n{gate.code}\nanswer = 42", "answer")
    notebook.run(0)
    expect(notebook.output(0)).to_have_text("working\n")
    notebook.save()
    notebook.reload()

    expect(notebook.output(0)).to_have_text("working\n")
    # Unknown: a kernel that answers kernel_info only between cells has not told the new page yet.
    expect(notebook.kernel_status).to_have_text(re.compile("(Busy|Unknown)$"))
    notebook.picture("after-reload")
    gate.open()
    notebook.wait_until_idle()

    notebook.run_to_end(1)
    expect(notebook.prompt(1)).to_have_text("[2]:")
    expect(notebook.outputs(1, "text/plain")).to_have_text("42")


def test_a_kernel_without_an_endpoint_says_in_the_cell_what_to_set(
    open_notebook: OpenNotebook, jupyterlab: LabServer
) -> None:
    spec = jupyterlab.kernelspec(KERNEL)
    jupyterlab.install_kernelspec("no-endpoint", {**spec, "env": {ENDPOINT: ""}})
    notebook = open_notebook("print('must not run')", "1 + 1", kernel="no-endpoint")
    notebook.run(0, 1)

    for index in (0, 1):
        expect(notebook.error(index)).to_contain_text(ENDPOINT)
        expect(notebook.error(index)).to_contain_text("azure-session-kernel")
        expect(notebook.output(index).locator(".jp-OutputArea-output")).to_have_count(1)
    notebook.wait_until_idle()


def test_shutting_down_the_kernel_stops_its_session(
    open_notebook: OpenNotebook, pool: RunningPool
) -> None:
    before = _sessions(pool)
    notebook = open_notebook("apples = 1")
    notebook.run_to_end(0)
    (opened,) = _sessions(pool) - before

    notebook.choose("Kernel", "Shut Down Kernel")
    expect(notebook.kernel_status).to_have_text(re.compile("^No Kernel"))
    # The kernel stops its session before it ends, and JupyterLab waits for its end.
    assert opened not in _sessions(pool)


def test_the_quickstart_notebook_runs_from_top_to_bottom(
    open_document: OpenDocument, pytestconfig: pytest.Config
) -> None:
    document = nbformat.read(QUICKSTART, as_version=4)  # type: ignore[no-untyped-call]
    notebook = open_document(document, "quickstart")
    notebook.choose("Run", "Run All Cells")

    count = notebook.code_cells.count()
    for index in range(count):
        expect(notebook.prompt(index)).to_have_text(f"[{index + 1}]:")
    expect(notebook.panel.locator(".jp-OutputArea-output img")).to_have_count(1)
    if pytestconfig.getoption("--update-readme-screenshot", default=False):
        notebook.fill_the_window(960, 1040)
        # From the variable that outlived an error down to the plot.
        notebook.cell(6).evaluate("cell => cell.scrollIntoView()")
        notebook.page.screenshot(path=README_SCREENSHOT)


def _sessions(pool: RunningPool) -> set[str]:
    """The identifiers of all sessions of the pool, asked as Azure is asked."""
    query = {"api-version": "2025-02-02-preview"}
    with pool.client() as client:
        if "/sessionPools/" in pool.url:  # a built-in pool
            page = client.get("/listSessions", params=query).raise_for_status().json()
            return {session["identifier"] for session in page["sessions"]}
        page = client.post("/.management/listSessions", params=query).raise_for_status().json()
    return {session["identifier"] for session in page["value"]}


def _colour(css: str) -> tuple[int, ...]:
    """`rgb(1, 2, 3)` as numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", css)[:3])


def test_a_file_from_beside_the_notebook_is_uploaded_and_read_with_pandas(
    open_notebook: OpenNotebook, jupyterlab: LabServer
) -> None:
    (jupyterlab.root_dir / "fruits.csv").write_text("name,number\napple,3\nbanana,4\n")
    read = "import pandas as pd\ntable = pd.read_csv('fruits.csv')\nint(table['number'].sum())"
    notebook = open_notebook(read, "%upload fruits.csv", read)
    notebook.run_to_end(0, 1, 2)

    expect(notebook.output(0)).to_contain_text("%upload fruits.csv")
    expect(notebook.output(1)).to_contain_text("fruits.csv")
    expect(notebook.outputs(2, "text/plain")).to_have_text("7")
    notebook.picture("uploaded")
