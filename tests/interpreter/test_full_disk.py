"""A session whose disk is full: its memory stays the user's, and what is missing is named."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from azure_session_kernel.wire import Message

from ..conftest import RunningPool
from .live_session import LiveSession, cell, error_of, live_session, result, texts

#: In the session: as if the disk had no room for the mailbox's output.
DISK = """
import sys
place = sys.modules["_azure_session_mailbox.place"].Place
backlog = get_ipython().kernel.session.send.__self__.log.backlog
log = get_ipython().kernel.session.send.__self__.log
whole = place.write_all

def full(self, files):
    if any(name.startswith("out-") for name in files):
        raise OSError(28, "No space left on device")
    whole(self, files)

def written():
    sys.stdout.flush()
    log.flush()

def sizes():
    return sum(len(line.body) for line in backlog._lines)
"""


@pytest.fixture
async def disk(pool: RunningPool) -> AsyncIterator[LiveSession]:
    async with live_session(pool) as session:
        await session.run(DISK)
        yield session
        assert not session.failures


async def test_what_a_full_disk_did_not_take_is_counted_and_the_cell_ends(
    disk: LiveSession,
) -> None:
    asked = await disk.send(
        cell(
            "print('before', flush=True)\nplace.write_all = full\n"
            "for i in range(40):\n"
            "    print('x' * 1_000_000)\n"
            "    display({'text/plain': 'y' * 1_000_000}, raw=True)\n"
            "    written()\n"
            "held = sizes()\nplace.write_all = whole\nprint('after')\nheld"
        )
    )
    seen = await disk.over(asked)
    assert int(result(seen)) <= 8 * 1024 * 1024 + 10_000
    gaps = [gap for gap in disk.gaps if gap.parent_header["msg_id"] == asked.msg_id]
    missing = sum(gap.missing_chars for gap in gaps if gap.name == "stdout")
    shown = texts(seen)
    assert shown.startswith("before\n")
    assert shown.endswith("after\n")
    assert missing + len(shown) == len("before\nafter\n") + 40 * 1_000_001
    displays = sum(gap.missing_chars for gap in gaps if gap.name == "display_data")
    assert displays > 30_000_000
    assert [m.content["status"] for m in seen if m.channel == "shell"] == ["ok"]


async def test_a_cell_that_ends_on_a_full_disk_says_so_and_the_next_one_makes_room(
    disk: LiveSession,
) -> None:
    asked = await disk.send(cell("print('seen', flush=True); written()\nplace.write_all = full; 1"))
    error = error_of(await disk.over(asked))
    assert error["ename"] == "SessionDiskFull"
    assert "No space left on device" in error["evalue"]
    assert texts(disk.of(asked)) == "seen\n"
    assert result(await disk.run("place.write_all = whole; 2")) == "2"
    (kept,) = [m for m in disk.of(asked) if m.msg_type == "execute_result"]
    assert kept.content["data"]["text/plain"] == "1"


async def test_displays_that_nobody_reads_are_counted_too(disk: LiveSession) -> None:
    limit = "sys.modules['_azure_session_mailbox.backlog'].UNREAD_BYTES = "
    asked = await disk.send(
        cell(
            f"{limit}2_000_000\n"
            "for i in range(20): display({'text/plain': 'y' * 900_000}, raw=True); written()\n"
            f"{limit}1024 ** 3"
        )
    )
    seen = await disk.over(asked)
    assert [m.msg_type for m in seen].count("display_data") < 20
    (gap,) = disk.gaps
    assert gap.parent_header["msg_id"] == asked.msg_id
    assert gap.name == "display_data"


async def test_what_was_kept_comes_when_there_is_room_again(disk: LiveSession) -> None:
    """Without anything new to be written."""
    code = (
        "import threading; go = threading.Event()\n"
        "def later():\n"
        "    go.wait(100); place.write_all = full; print('late', flush=True); written()\n"
        "    held.append(sizes()); place.write_all = whole\n"
        "held = []; threading.Thread(target=later).start()"
    )
    asked = await disk.send(cell(code))
    await disk.over(asked)
    await disk.run("go.set()")
    await disk.until(lambda: "late" in _all(disk.messages))
    assert int(result(await disk.run("held[0]"))) > 0


def _all(messages: list[Message]) -> str:
    return "".join(texts([m]) for m in messages)
