"""What comes back of a session, look by look, without a kernel around it."""

from __future__ import annotations

from pathlib import Path

from azure_session_kernel.executors.session_files import NOT_REGULAR
from azure_session_kernel.transfer.bring_back import BringBack

from .session_in_memory import SessionInMemory


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_each_look_brings_what_is_new_and_tells_what_can_not_come(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"input")
    (tmp_path / "session-files").mkdir()
    session = SessionInMemory(**{"in.csv": b"input", "r.csv": b"1", "R.csv": b"2", "con": b"3"})
    session.unfit = {"pipe": NOT_REGULAR}
    session.content["d/named.csv"] = b"named"
    back = BringBack(tmp_path, ["*", "none/*.csv", "absent.csv", "./d/named.csv"])
    await back.look(session)
    assert back.name == "session-files-2"
    assert names_in(tmp_path / back.name) == ["d", "r.csv"]
    assert (tmp_path / back.name / "d" / "named.csv").read_bytes() == b"named"
    assert sorted(back.left) == ["R.csv", "con", "pipe"]
    session.content["r.csv"] = b"new content"
    await back.look(session)
    assert (tmp_path / back.name / "r.csv").read_bytes() == b"new content"
    assert names_in(tmp_path) == ["in.csv", "session-files", "session-files-2"]


async def test_what_is_being_written_comes_with_a_later_look(tmp_path: Path) -> None:
    session = SessionInMemory(**{"log": b"first line", "done": b"1"})

    def grow() -> None:
        session.content["log"] += b"more"

    session.on_piece = grow
    back = BringBack(tmp_path, ["*"])
    await back.look(session)
    assert names_in(tmp_path / "session-files") == ["done"]
    assert list(back.left) == ["log"]
    session.on_piece = lambda: None
    await back.look(session)
    assert (tmp_path / "session-files" / "log").read_bytes() == session.content["log"]
    assert back.left == {}
