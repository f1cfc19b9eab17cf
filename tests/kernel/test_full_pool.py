"""A pool without a free session: who waits, what they see meanwhile, and what they are told."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from ..conftest import RunningPool, StartPool
from .conftest import StartKernel
from .live_kernel import JupyterMessage, wait_until

IN_THE_WAY = {"identifier": "in-the-way"}


@pytest.fixture
def pool(start_pool: StartPool) -> RunningPool:
    """One whose only session somebody else has."""
    pool = start_pool("--max-sessions", "1")
    occupy(pool)
    return pool


def occupy(pool: RunningPool) -> None:
    with pool.client() as client:
        assert client.get("/health", params=IN_THE_WAY).status_code == httpx.codes.OK


def make_room(pool: RunningPool) -> None:
    asked = {**IN_THE_WAY, "api-version": "2025-02-02-preview"}
    with pool.client() as client:
        answer = client.post("/.management/stopSession", params=asked)
        assert answer.status_code == httpx.codes.OK


def is_display(message: JupyterMessage) -> bool:
    return bool(message["msg_type"] == "display_data")


def text_of(message: JupyterMessage) -> str:
    text: Any = message["content"]["data"]["text/plain"]
    return str(text)


def test_a_persons_cell_says_that_it_waits_and_keeps_nothing_of_it(
    pool: RunningPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel(pool.env, ready=False)
    msg_id = kernel.execute("print('here')", allow_stdin=True)
    shown = kernel.wait_for(msg_id, is_display)
    assert text_of(shown).startswith("The session pool is full: 1 of 1 is in use.")
    assert re.search(r"since \d\d:\d\d:\d\d \(.*\), at most 5 min", text_of(shown))
    updated = kernel.wait_for(msg_id, lambda m: m["msg_type"] == "update_display_data")
    assert updated["content"]["transient"] == shown["content"]["transient"]

    make_room(pool)
    cell = kernel.finish(msg_id)
    types = [name for name in cell.output_types if name != "update_display_data"]
    assert types == ["display_data", "clear_output", "stream"]
    assert cell.text() == "here\n"


def test_an_interrupt_ends_the_wait_and_the_next_cell_waits_again(
    pool: RunningPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel(pool.env, ready=False)
    msg_id = kernel.execute("print('never')", allow_stdin=True)
    kernel.wait_for(msg_id, is_display)
    kernel.interrupt()
    cell = kernel.finish(msg_id)
    assert cell.error["ename"] == "KeyboardInterrupt"
    assert "has not run" in cell.error_text
    assert cell.output_types[-2:] == ["clear_output", "error"]

    msg_id = kernel.execute("print('now')", allow_stdin=True)
    kernel.wait_for(msg_id, is_display)
    make_room(pool)
    assert kernel.finish(msg_id).text() == "now\n"


def test_a_runners_cell_shows_nothing_and_the_log_says_it_in_one_line(
    pool: RunningPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel(pool.env, ready=False)
    msg_id = kernel.execute("print('here')")
    wait_until(lambda: "no free session" in kernel.logged())
    make_room(pool)
    cell = kernel.finish(msg_id)
    assert (cell.output_types, cell.text()) == (["stream"], "here\n")
    (line,) = [line for line in kernel.logged().splitlines() if "no free session" in line]
    assert "1 of 1 is in use" in line
    assert "1800 s (AZURE_SESSION_OPEN_TIMEOUT)" in line


def test_when_the_time_is_up_the_error_fits_the_pool_and_the_next_cell_tries_again(
    pool: RunningPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel({**pool.env, "AZURE_SESSION_OPEN_TIMEOUT": "0"}, ready=False)
    assert kernel.run("1").error["ename"] == "PoolFull"
    kernel.stop()

    kernel = start_kernel({**pool.env, "AZURE_SESSION_OPEN_TIMEOUT": "1"}, ready=False)
    error = kernel.run("print('never')")
    assert re.search(r"1 of 1 is in use\..* since \d\d:\d\d:\d\d, for 1 s", error.error_text)
    assert "azure-session-kernel pool --max-sessions" in error.error_text
    assert "AZURE_SESSION_OPEN_TIMEOUT" in error.error_text
    assert "az containerapp" not in error.error_text
    make_room(pool)
    assert kernel.run("print('now')").text() == "now\n"
