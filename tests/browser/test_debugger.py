"""JupyterLab's debugger: a breakpoint in a cell, and what a student sees and does there."""

from __future__ import annotations

import re
from contextlib import suppress

from playwright.sync_api import Locator, Page, expect

from .conftest import OpenNotebook
from .notebook_page import RUNNING, NotebookPage

KIND = "container"
TURN_ON_TRIES = 5
TURN_ON_LIMIT_S = 40
CODE = (
    "def half(x):\n    y = x // 2\n    return y\n\n"
    "total = half(10) + half(4)\nprint('total', total)"
)


class DebuggerPanel:
    """The panel at the right, and the marks in the cells. Lines are counted from 1."""

    def __init__(self, notebook: NotebookPage) -> None:
        self._notebook = notebook
        self._page: Page = notebook.page

    @property
    def frames(self) -> Locator:
        return self._page.locator(".jp-DebuggerCallstackFrame")

    @property
    def variables(self) -> Locator:
        return self._page.locator(".jp-DebuggerVariables-body:not(.lm-mod-hidden)")

    @property
    def breakpoints(self) -> Locator:
        return self._page.locator(".jp-DebuggerBreakpoint")

    def highlighted(self, index: int) -> Locator:
        """The line at which a cell has stopped."""
        return self._notebook.cell(index).locator(".jp-DebuggerEditor-highlight")

    def turn_on(self) -> None:
        """Click the bug until it is pressed.

        A new notebook's debugger state is asked for twice by JupyterLab, and the second answer
        undoes a click that came before it.
        """
        bug = self._notebook.panel.locator(".jp-DebuggerBugButton")
        for _ in range(TURN_ON_TRIES):
            bug.click()
            with suppress(AssertionError):
                return expect(bug).to_have_attribute(
                    "aria-pressed", "true", timeout=TURN_ON_LIMIT_S * 1000
                )
        raise AssertionError(f"The debugger is off after {TURN_ON_TRIES} clicks")

    def set_breakpoint(self, index: int, line: int) -> None:
        """Click beside the line's number."""
        cell = self._notebook.cell(index)
        gutter = cell.locator("div.cm-breakpoint-gutter")
        expect(gutter).to_be_visible()
        across, down = gutter.bounding_box(), cell.locator(".cm-line").nth(line - 1).bounding_box()
        assert across is not None and down is not None
        self._page.mouse.click(across["x"] + across["width"] / 2, down["y"] + down["height"] / 2)

    def press(self, command: str) -> None:
        """A button of the call stack: `continue`, `next`, `stepIn`, `stepOut`."""
        self._page.locator(f'[data-command="debugger:{command}"]').click()


def test_a_cell_stops_at_a_breakpoint_shows_variables_steps_and_continues(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook(CODE, "total")
    debugger = DebuggerPanel(notebook)
    debugger.turn_on()
    debugger.set_breakpoint(0, 2)
    expect(debugger.breakpoints).to_have_count(1)

    notebook.run(0)
    expect(debugger.highlighted(0)).to_contain_text("y = x // 2")
    expect(debugger.frames.first).to_contain_text("half")
    expect(debugger.variables).to_contain_text(re.compile(r"x\s*10"))
    assert notebook.prompt(0).inner_text() == RUNNING
    notebook.picture("stopped")

    debugger.press("next")
    expect(debugger.highlighted(0)).to_contain_text("return y")
    expect(debugger.variables).to_contain_text(re.compile(r"y\s*5"))
    notebook.picture("stepped")

    debugger.press("continue")
    expect(debugger.highlighted(0)).to_contain_text("y = x // 2")
    expect(debugger.variables).to_contain_text(re.compile(r"x\s*4"))
    debugger.press("continue")
    expect(notebook.output(0)).to_have_text("total 7\n")
    expect(debugger.frames).to_have_count(0)
    notebook.run_to_end(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("7")
