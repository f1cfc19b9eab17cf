"""Looking for files that arrive costs the user's interpreter little, however many there were."""

from __future__ import annotations

from pathlib import Path

import pytest

from azure_session_kernel.executors.builtin import inbox
from azure_session_kernel.interpreter import place
from azure_session_kernel.interpreter.place import Place

from ..conftest import RunningPool
from .live_session import live_session, result


def test_names_that_were_taken_are_no_longer_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "STAYS_S", -1.0)
    monkeypatch.setattr(place, "REMEMBERED", 5)
    files = Place(tmp_path, "folder", "b")
    for number in range(20):
        files.write(f"beside-{number:02}", b"{}")
        assert files.names("beside-") == [f"beside-{number:02}"]
        assert files.take(f"beside-{number:02}") == {}
    assert files.names("beside-") == []
    assert list(files.folder.iterdir()) == []
    assert (len(files._leaving), len(files._taken)) == (0, 5)
    files.write("beside-19", b"{}")  # sent again
    assert files.names("beside-") == []


async def test_files_that_were_read_are_removed_while_a_cell_runs(
    pool: RunningPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little is in them."""
    monkeypatch.setattr(inbox, "ACKNOWLEDGE_FILES", 3)
    code = (
        "import glob, time\nlog = get_ipython().kernel.session.send.__self__.log\n"
        "for i in range(9): print(i, flush=True); log.flush()\n"
        "while len(glob.glob('.ask/*/out-*')) > 5: time.sleep(0.01)\n'removed'"
    )
    async with live_session(pool) as session:
        assert result(await session.run(code)) == "'removed'"
