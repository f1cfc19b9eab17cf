"""A session that was lost: why, which uploaded files went with it, and how they come back."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from azure_session_kernel.executors.log_reader import MAY_HAVE_ENDED
from azure_session_kernel.session.loss_reasons import _why

from ..conftest import RunningPool
from .conftest import StartKernel
from .live_kernel import Cell

SHOW = "import pathlib\nfor name in names: print(name, pathlib.Path(name).read_text())"


def stop_session(pool: RunningPool, identifier: str) -> None:
    asked = {"identifier": identifier, "api-version": "2025-02-02-preview"}
    with pool.client() as client:
        answer = client.post("/.management/stopSession", params=asked)
        assert answer.status_code == httpx.codes.OK


def text_of(cell: Cell) -> str:
    """What its display, which is updated in place, shows in the end."""
    displays = [output for output in cell.outputs if "display_data" in output["msg_type"]]
    return str(displays[-1]["content"]["data"]["text/plain"])


def test_a_lost_sessions_uploads_are_named_and_come_back(
    local_pool: RunningPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    folder = tmp_path / "notebook"
    folder.mkdir()
    for name in ("kept.csv", "changed.csv", "gone.csv", "written.csv"):
        (folder / name).write_text(name)
    kernel = start_kernel(cwd=str(folder))
    assert kernel.run("%upload kept.csv --to data").status == "ok"
    assert kernel.run("%upload changed.csv gone.csv written.csv").status == "ok"
    stop_session(local_pool, kernel.identifier)
    (folder / "changed.csv").write_text("new")
    (folder / "gone.csv").unlink()

    error = kernel.run("1 + 1")
    assert error.error["ename"] == "SessionLost"
    assert "It was idle for " in error.error_text
    assert "this pool's cooldown is 5 min" in error.error_text
    assert "'data/kept.csv', 'changed.csv', 'gone.csv', 'written.csv'" in error.error_text
    assert error.error_text.rstrip().endswith("%session restore")

    assert kernel.run("open('written.csv', 'w').write('by a cell')").result == "9"
    cell = kernel.run(
        "%session restore\nnames = ['data/kept.csv', 'changed.csv', 'written.csv']\n" + SHOW
    )
    assert cell.text().splitlines() == [
        "data/kept.csv kept.csv",
        "changed.csv new",
        "written.csv by a cell",
    ]
    shown = text_of(cell)
    assert "kept.csv, changed.csv restored, written.csv unchanged" in shown
    assert "Changed here since: changed.csv." in shown
    assert "Left out: gone.csv (There is no 'gone.csv' beside the notebook)" in shown
    again = text_of(kernel.run("%session restore"))
    assert again.startswith("Done: kept.csv, changed.csv, written.csv unchanged.")


@pytest.mark.parametrize(
    ("idle_s", "cooldown_s", "said"),
    [
        (370, 300, "It was idle for 6 min 10 s, and this pool ends a session after 5 min "),
        (299, 300, "It was idle for 4 min 59 s, and this pool ends a session after 5 min "),
        (40, 300, "its container has failed, or somebody has stopped it"),
        (40, None, MAY_HAVE_ENDED + " It was idle for 40 s."),
    ],
)
def test_the_cause_is_the_cooldown_only_where_the_session_was_idle_for_so_long(
    idle_s: float, cooldown_s: float | None, said: str
) -> None:
    assert said in _why(idle_s, cooldown_s)
