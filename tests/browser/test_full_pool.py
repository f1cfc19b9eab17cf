"""What a person sees while a cell waits for a session of a full pool."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from ..conftest import RunningPool, _jupyter_dirs, _running_pool
from .conftest import OpenNotebook
from .notebook_page import RUNNING

KIND = "container"
IN_THE_WAY = {"identifier": "in-the-way"}
STOP = {**IN_THE_WAY, "api-version": "2025-02-02-preview"}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPool]:
    """One with a single session."""
    options = ("--max-sessions", "1", "--ready-sessions", "0")
    with _running_pool(options, _jupyter_dirs(tmp_path_factory.mktemp("pool"))) as pool:
        yield pool


def test_a_cell_shows_that_it_waits_and_then_only_what_it_prints(
    open_notebook: OpenNotebook, pool: RunningPool
) -> None:
    with pool.client() as client:
        assert client.get("/health", params=IN_THE_WAY).status_code == httpx.codes.OK
        notebook = open_notebook("print('here')")
        notebook.run(0)
        expect(notebook.output(0)).to_contain_text("The session pool is full: 1 of 1 is in use.")
        expect(notebook.output(0)).to_contain_text(re.compile(r"\(\d+ s\), at most 5 min"))
        assert notebook.prompt(0).inner_text() == RUNNING
        notebook.picture("waiting")

        assert client.post("/.management/stopSession", params=STOP).status_code == httpx.codes.OK
        expect(notebook.output(0)).to_have_text("here\n")
