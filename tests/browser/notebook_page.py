"""What a student sees and does on one notebook in JupyterLab.

The only module that knows JupyterLab's CSS classes. Locators are lazy, and `expect(locator)` waits.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Locator, Page, TimeoutError, expect

RUNNING = "[*]:"
COMPLETION_TRIES = 5
COMPLETION_LIMIT_S = 20
FINISHED = re.compile(r"^\[\d+\]:$")


REFRESH_KERNELSPECS = (
    "async () => { await window.jupyterapp.serviceManager.kernelspecs.refreshSpecs(); }"
)
# Nothing is returned: all of JupyterLab hangs on its objects, and would be sent here.
OPEN = "async what => { await window.jupyterapp.commands.execute('docmanager:open', what); }"
OPEN_KERNEL = "window.jupyterapp?.shell.currentWidget?.context?.sessionContext.session?.kernel"
CLOSE_ALL = (
    "() => { for (const open of [...window.jupyterapp.shell.widgets('main')]) open.dispose(); }"
)


def close_documents(page: Page) -> None:
    """Close what is open, without questions and without saving."""
    page.evaluate(CLOSE_ALL)


class NotebookPage:
    """One open notebook. Cells are counted from 0; `path` is its name in JupyterLab."""

    def __init__(self, page: Page, path: str, picture: Path, kernel_id: str = "") -> None:
        """:param kernel_id: a kernel that runs already; else the notebook gets one of its own."""
        self.page = page
        self._picture = picture
        page.wait_for_function("() => window.jupyterapp?.started.then(() => true)")
        close_documents(page)  # the launcher, at first
        page.evaluate(REFRESH_KERNELSPECS)
        page.evaluate(OPEN, {"path": path, "kernel": {"id": kernel_id} if kernel_id else None})
        self.wait_until_idle()
        self._wait_for_own_requests()

    # What is seen

    def cell(self, index: int) -> Locator:
        return self.code_cells.nth(index)

    def prompt(self, index: int) -> Locator:
        """`[ ]:` never run, `[*]:` running or queued, `[3]:` finished."""
        return self.cell(index).locator(".jp-InputPrompt")

    def output(self, index: int) -> Locator:
        """The whole output area of a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def outputs(self, index: int, mime_type: str) -> Locator:
        """The outputs of a cell that JupyterLab drew as `mime_type`."""
        return self.cell(index).locator(f'.jp-OutputArea-output[data-mime-type="{mime_type}"]')

    def error(self, index: int) -> Locator:
        """The traceback of a cell; JupyterLab draws it as it draws stderr."""
        return self.outputs(index, "application/vnd.jupyter.stderr")

    def input_box(self, index: int) -> Locator:
        """The box in which a cell awaits an answer."""
        return self.cell(index).locator(".jp-Stdin-input")

    @property
    def code_cells(self) -> Locator:
        return self.page.locator(".jp-Notebook .jp-CodeCell")

    @property
    def panel(self) -> Locator:
        """The notebook with its toolbar, without JupyterLab around it."""
        return self.page.locator(".jp-NotebookPanel")

    @property
    def completions(self) -> Locator:
        """The names offered by the completer's list."""
        return self.page.locator(".jp-Completer .jp-Completer-item")

    @property
    def tooltip(self) -> Locator:
        """The documentation shown by Shift+Tab."""
        return self.page.locator(".jp-Tooltip")

    @property
    def kernel_status(self) -> Locator:
        """`Python 3 | Idle` in the status bar.

        The circle beside the kernel's name says idle, too, before there is a kernel.
        """
        return self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r" \| [A-Z]"))

    def wait_until_idle(self) -> None:
        expect(self.kernel_status).to_have_text(re.compile("Idle$"))

    def _wait_for_own_requests(self) -> None:
        """Until what JupyterLab asks of a kernel when a notebook opens is answered.

        It asks for a subshell for widgets, and ends it; *idle* of that may be told after *busy* of
        a cell, and JupyterLab shows the last one of any channel.
        """
        self.page.wait_for_function(f"() => {OPEN_KERNEL}?._futures.size === 0")

    def wait_until_busy(self) -> None:
        expect(self.kernel_status).to_have_text(re.compile("Busy$"))

    # What is done

    def run(self, *indexes: int) -> None:
        """Press Shift+Enter in each of the cells, without waiting for any."""
        for index in indexes:
            self.click_into(index)
            self.page.keyboard.press("Shift+Enter")

    def run_to_end(self, *indexes: int) -> None:
        """Run the cells one after the other and wait for each one's execution count."""
        for index in indexes:
            self.run(index)
            expect(self.prompt(index)).to_have_text(FINISHED)

    def click_into(self, index: int) -> None:
        self.cell(index).locator(".cm-content").click()

    def type_into(self, index: int, text: str) -> None:
        """Type at the end of a cell."""
        self.click_into(index)
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def complete(self, index: int) -> None:
        """Press Tab at the end of a cell until the completer's list is there.

        Should another cell still have the completer: another one is visited between, as entering a
        cell gives it the completer.
        """
        for _ in range(COMPLETION_TRIES):
            self.press("Tab")
            with suppress(TimeoutError):
                return self.completions.first.wait_for(timeout=COMPLETION_LIMIT_S * 1000)
            self.click_into(0)
            self.type_into(index, "")
        text = self.cell(index).locator(".cm-content").inner_text()
        raise AssertionError(f"Tab showed no list, pressed {COMPLETION_TRIES} times after {text!r}")

    def answer(self, index: int, text: str) -> None:
        """Type into a cell's input box and press Enter."""
        self.input_box(index).fill(text)
        self.input_box(index).press("Enter")

    def interrupt(self) -> None:
        """Click the stop button of the notebook's toolbar."""
        self._toolbar_button("interrupt").click()

    def restart(self) -> None:
        """Click the restart button of the notebook's toolbar and confirm."""
        self._toolbar_button("restart").click()
        self.confirm_dialog()

    def confirm_dialog(self) -> None:
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def choose(self, menu: str, item: str) -> None:
        """Pick an item of the menu bar."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=menu).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()

    def save(self) -> None:
        self.page.keyboard.press("Control+s")
        expect(self.page.locator(".lm-DockPanel-tabBar .jp-mod-dirty")).to_have_count(0)

    def fill_the_window(self, width: int, height: int) -> None:
        """Hide the list of files, and give the window this size in pixels."""
        self.page.keyboard.press("Control+b")
        self.page.set_viewport_size({"width": width, "height": height})

    def reload(self) -> None:
        self.page.reload()

    def picture(self, moment: str) -> None:
        """Save what is on the screen at a moment that the test's last picture won't show."""
        self.page.screenshot(path=self._picture.with_stem(f"{self._picture.stem}-{moment}"))

    def _toolbar_button(self, name: str) -> Locator:
        return self.panel.locator(f'.jp-Toolbar-item[data-jp-item-name="{name}"] jp-button')
