"""What JupyterLab shows of a kernel while a cell runs: the same of ipykernel and of this kernel.

JupyterLab takes the last status for the kernel's, and a kernel's shell channel keeps its order.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from playwright.sync_api import Page, expect

from .conftest import EXPECT_LIMIT_S, KERNEL, OpenNotebook
from .lab_server import LabServer
from .notebook_page import OPEN_KERNEL, RUNNING
from .test_jupyterlab import NEVER_RUN, Gate

KIND = "container"
DEBUG_INFO = "{type: 'request', command: 'debugInfo', seq: 0}"


@pytest.mark.usefixtures("own_tab")
@pytest.mark.parametrize("kernel", ["python3", KERNEL])
def test_the_status_while_others_ask_and_after_a_reload(
    open_notebook: OpenNotebook, jupyterlab: LabServer, tmp_path: Path, kernel: str
) -> None:
    gate = Gate(tmp_path)
    notebook = open_notebook(
        f"print('before')\n{gate.code}\nprint('after')\nanswer = 42", "answer", kernel=kernel
    )
    notebook.run(0)
    expect(notebook.output(0)).to_have_text("before\n")
    _let_debugger_ask(notebook.page)
    expect(notebook.kernel_status).to_have_text(re.compile("Busy$"))

    _ask_for_usage(jupyterlab.connection_file(_kernel_id(notebook.page)))
    notebook.wait_until_idle()
    assert notebook.prompt(0).inner_text() == RUNNING

    notebook.save()
    notebook.reload()
    _let_debugger_ask(notebook.page)
    expect(notebook.kernel_status).to_have_text(re.compile("Unknown$"))
    expect(notebook.prompt(0)).to_have_text(NEVER_RUN)

    gate.open()
    notebook.wait_until_idle()
    notebook.run_to_end(1)
    expect(notebook.outputs(1, "text/plain")).to_have_text("42")
    # JupyterLab shows only output of cells that this page has sent.
    expect(notebook.output(0)).to_have_text("before\n")


def _kernel_id(page: Page) -> str:
    return str(page.evaluate(f"() => {OPEN_KERNEL}.id"))


def _let_debugger_ask(page: Page) -> None:
    """As JupyterLab does when a notebook comes to the front; ends with the answer."""
    page.wait_for_function(f"() => !!{OPEN_KERNEL}")
    page.evaluate(f"() => {OPEN_KERNEL}.requestDebug({DEBUG_INFO}).done.then(() => {{}})")


def _ask_for_usage(connection_file: Path) -> None:
    """As extensions do that show a kernel's memory; ends with the reply."""
    with zmq.Context() as context:
        client = BlockingKernelClient(context=context)
        client.load_connection_file(str(connection_file))
        client.start_channels(shell=False, iopub=False, stdin=False, hb=False)
        client.control_channel.send(client.session.msg("usage_request", {}))
        assert client.get_control_msg(timeout=EXPECT_LIMIT_S)["msg_type"] == "usage_reply"
        client.stop_channels()
