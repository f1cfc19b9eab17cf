"""The line about ``%upload``: looked up beside the event loop, and everything in its order."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.common.errors import SessionKernelError, SessionLost
from azure_session_kernel.kernel import file_hints as hinted
from azure_session_kernel.kernel.file_hints import HintedMessages
from azure_session_kernel.kernel.requests import Request, RequestTable
from azure_session_kernel.transfer import local_lookup
from azure_session_kernel.transfer.local_lookup import pattern_of
from azure_session_kernel.wire import Message

LIMIT_S = 60
EVALUE = "[Errno 2] No such file or directory: 'a.csv'"


class Shown:
    """What has been passed on: message types, with a + where a line was added."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.came = asyncio.Event()

    def on_message(self, message: Message) -> None:
        added = len(message.content.get("traceback", ())) > 1
        self.types.append(message.msg_type + "+" * added)
        self.came.set()

    def on_hello(self, hello: Any) -> None:
        self.types.append("hello")

    def on_gap(self, gap: Any) -> None:
        self.types.append("gap")

    async def drained(self) -> None:
        """Nothing waits here."""

    def on_boot_over(self, boot: str, error: SessionKernelError, *, complete: bool) -> bool:
        self.types.append("over")
        return True

    async def until(self, *types: str) -> None:
        while tuple(self.types) != types:
            await asyncio.wait_for(self.came.wait(), LIMIT_S)
            self.came.clear()


class FarAway:
    """Files that nobody gets to see before the gate opens."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "a.csv").touch()
        self.gate, self.asked = threading.Event(), threading.Event()

        def look(folder: Path, name: str) -> str:
            self.asked.set()
            assert self.gate.wait(LIMIT_S)
            return pattern_of(folder, name)

        monkeypatch.setattr(local_lookup, "pattern_of", look)
        requests = RequestTable()
        requests.add(Request(message("execute_request", ""), [], "shell"))
        self.shown = Shown()
        self.messages = HintedMessages(self.shown, requests, folder, lambda: True)

    def send(self) -> None:
        for msg_type in ("stream", "error", "execute_reply", "status"):
            self.messages.on_message(message(msg_type, "1"))
        self.messages.on_gap(None)  # type: ignore[arg-type]


def message(msg_type: str, parent: str) -> Message:
    content: dict[str, Any] = {}
    if msg_type in ("error", "execute_reply"):
        content = {"ename": "FileNotFoundError", "evalue": EVALUE, "traceback": ["..."]}
    header = {"msg_id": "" if parent else "1", "msg_type": msg_type}
    return Message("iopub", header, content, parent_header={"msg_id": parent})


@pytest.fixture
async def far_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FarAway:
    return FarAway(tmp_path, monkeypatch)


async def test_what_comes_while_files_are_looked_at_waits_and_keeps_its_order(
    far_away: FarAway,
) -> None:
    far_away.send()  # returns, although nobody can see the files yet
    await asyncio.to_thread(far_away.asked.wait, LIMIT_S)
    assert far_away.shown.types == ["stream"]
    far_away.gate.set()
    await far_away.shown.until("stream", "error+", "execute_reply+", "status", "gap")


async def test_a_look_that_takes_too_long_is_given_up_for_the_reply_too(
    far_away: FarAway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hinted, "LOOK_S", 0.01)
    far_away.send()
    await far_away.shown.until("stream", "error", "execute_reply", "status", "gap")
    far_away.gate.set()


async def test_a_look_that_fails_holds_nothing_up(
    far_away: FarAway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(folder: Path, name: str) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(local_lookup, "pattern_of", fail)
    far_away.send()
    await far_away.shown.until("stream", "error", "execute_reply", "status", "gap")
    assert "looking for what a cell misses failed" in caplog.text


async def test_the_end_of_a_boot_waits_for_no_look(far_away: FarAway) -> None:
    far_away.send()
    assert far_away.messages.on_boot_over("b-1", SessionLost("It is gone."), complete=True)
    far_away.gate.set()
    assert far_away.shown.types == ["stream", "error", "execute_reply", "status", "gap", "over"]
