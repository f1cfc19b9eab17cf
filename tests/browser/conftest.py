"""JupyterLab on the local pool, and the system's Chromium to look at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import nbformat
import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from ..conftest import PoolOfKind, RunningPool
from .lab_server import LabServer, running_lab
from .notebook_page import NotebookPage, close_documents

KERNEL = "azure-session"
SCREENSHOTS = Path(__file__).with_name("screenshots")

# The size of a small laptop's window.
VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# A page load with a kernel start on two busy cores; a condition that holds is seen at once.
EXPECT_LIMIT_S = 100

OpenDocument = Callable[..., NotebookPage]
OpenNotebook = Callable[..., NotebookPage]
README_SCREENSHOT = Path(__file__).parents[2] / "docs" / "screenshot.png"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-readme-screenshot",
        action="store_true",
        help=f"let the quickstart's test replace docs/{README_SCREENSHOT.name}",
    )


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium; Playwright's own is never downloaded."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    reason = (
        f"none of {', '.join(CHROMIUM_NAMES)} is on the PATH; install one, "
        "for instance with `apt-get install chromium`"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def pool(request: pytest.FixtureRequest, pool_of_kind: PoolOfKind) -> RunningPool:
    """The local pool of the kind that the module names with ``KIND``."""
    return pool_of_kind(request.module.KIND)


@pytest.fixture(scope="package")
def jupyterlab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """One JupyterLab for all these tests, as far as they run in one process."""
    with running_lab(tmp_path_factory.mktemp("lab"), os.environ) as server:
        yield server


@pytest.fixture(scope="module")
def on_the_pool(jupyterlab: LabServer, pool: RunningPool) -> None:
    """Lets JupyterLab's kernels have their sessions in the module's pool."""
    spec = jupyterlab.kernelspec(KERNEL)
    jupyterlab.install_kernelspec(KERNEL, {**spec, "env": pool.env})


@pytest.fixture(scope="module")
def shared_kernel(jupyterlab: LabServer, on_the_pool: None) -> Iterator[str]:
    """The id of a kernel for tests that don't mind what others have run in it."""
    yield jupyterlab.start_shared_kernel(KERNEL)
    jupyterlab.shut_down_shared_kernels()


# Playwright's event loop runs in this thread while it is open, and pytest-asyncio's tests could
# not start theirs: it closes with the package.
@pytest.fixture(scope="package")
def browser_context(chromium: str) -> Iterator[BrowserContext]:
    """One student's browser: its cache and cookies last from notebook to notebook."""
    expect.set_options(timeout=EXPECT_LIMIT_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        context = browser.new_context(viewport=VIEWPORT)
        context.set_default_timeout(EXPECT_LIMIT_S * 1000)
        yield context
        browser.close()


@pytest.fixture(scope="package")
def lab_tab(browser_context: BrowserContext, jupyterlab: LabServer) -> Page:
    """JupyterLab in a tab that stays open: loading it takes longer than most tests do."""
    page = browser_context.new_page()
    page.goto(jupyterlab.page_url("shared"))
    return page


@pytest.fixture
def own_tab(browser_context: BrowserContext, jupyterlab: LabServer) -> Iterator[Page]:
    """Another tab, for a test after which JupyterLab remembers what was open in it."""
    page = browser_context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?" on a reload
    page.goto(jupyterlab.page_url(f"own-{uuid4().hex}"))
    yield page
    page.close()


@pytest.fixture
def open_document(
    lab_tab: Page, jupyterlab: LabServer, on_the_pool: None, request: pytest.FixtureRequest
) -> Iterator[OpenDocument]:
    """Opens a notebook. What the tab shows at the end is saved as a picture.

    What JupyterLab writes to the browser's console is shown with a failed test.
    """
    test = request.node.name.removeprefix("test_")
    picture = SCREENSHOTS / request.module.KIND / f"{test}.png"
    tab: Page = lab_tab
    if "own_tab" in request.fixturenames:
        tab = request.getfixturevalue("own_tab")
    kernel_id = ""
    if "shared_kernel" in request.fixturenames:
        kernel_id = request.getfixturevalue("shared_kernel")
    tab.on("console", _show_console)

    def open_it(document: nbformat.NotebookNode, name: str = test) -> NotebookPage:
        jupyterlab.write_notebook(f"{name}.ipynb", document)
        return NotebookPage(tab, f"{name}.ipynb", picture, kernel_id)

    yield open_it
    tab.screenshot(path=picture)
    close_documents(tab)
    tab.remove_listener("console", _show_console)
    jupyterlab.shut_down_kernels()


def _show_console(message: ConsoleMessage) -> None:
    print(f"console {message.type}: {message.text}")


@pytest.fixture
def open_notebook(open_document: OpenDocument) -> OpenNotebook:
    """Opens a new notebook of these code cells: `open_notebook("a = 1", "a")`."""

    def open_it(*cells: str, kernel: str = KERNEL) -> NotebookPage:
        v4 = nbformat.v4
        document = v4.new_notebook(  # type: ignore[no-untyped-call]
            cells=[v4.new_code_cell(cell) for cell in cells],  # type: ignore[no-untyped-call]
            metadata={"kernelspec": {"name": kernel, "display_name": kernel}},
        )
        return open_document(document)

    return open_it
