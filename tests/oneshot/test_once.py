"""A cell is sent once; what a pool keeps is noticed when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from typing import Any

import pytest

from azure_session_kernel.common.errors import SessionLost
from azure_session_kernel.executors.base import ExecutorContext
from azure_session_kernel.executors.oneshot import executor as oneshot
from azure_session_kernel.executors.oneshot.executor import OneShotExecutor
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.wire import Message

from ..kernel.fake_front import Answer, FakeFront
from .test_discovery import IDENTIFIER, Nobody, Token


class KeepingPool:
    """Keeps variables between cells, and answers a cell that says BREAK with half an answer."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.cells: list[str] = []

    def respond(self, path: str, body: bytes) -> Answer:
        if path != "/python/execute":
            return Answer(200)
        code = json.loads(body)["properties"]["code"]
        if "ask-probe" not in code:
            self.cells.append(code)
        if "BREAK" in code:
            return Answer(200, b'{"half', {"content-length": "1000"})
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, self.variables)
        answer = {"stdout": printed.getvalue(), "stderr": "", "exitCode": 0}
        return Answer(200, json.dumps({"properties": answer}).encode())


class Heard(Nobody):
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.over = asyncio.Event()

    def on_message(self, message: Message) -> None:
        self.messages.append(message)
        if message.content.get("execution_state") == "idle":
            self.over.set()

    def content(self, msg_type: str) -> dict[str, Any]:
        return next(dict(m.content) for m in reversed(self.messages) if m.msg_type == msg_type)


async def _run(executor: OneShotExecutor, heard: Heard, boot: str, code: str) -> None:
    heard.over.clear()
    header = {"msg_id": code, "msg_type": "execute_request"}
    await executor.send(boot, [Message("shell", header, {"code": code})], 60.0)
    await heard.over.wait()


async def test_a_cell_whose_answer_breaks_off_is_never_sent_again_and_a_loss_is_seen() -> None:
    pool, heard = KeepingPool(), Heard()
    with FakeFront(pool.respond) as front:
        client = PoolClient(parse_endpoint(front.url), Token(), IDENTIFIER)
        executor = OneShotExecutor(client, ExecutorContext(heard, lambda: False, 2.0))
        try:
            hello = await executor.start(5.0)
            assert dict(executor.session_rows())["variables"] == "kept between cells"

            await _run(executor, heard, hello.boot, "kept = 41")
            await _run(executor, heard, hello.boot, "kept + 1")
            assert heard.content("execute_result")["data"] == {"text/plain": "42"}

            await _run(executor, heard, hello.boot, "BREAK")
            assert heard.content("execute_reply")["ename"] == "ExecutionUnknown"
            assert len([code for code in pool.cells if "BREAK" in code]) == 1

            pool.variables.clear()  # the session was replaced, without a word
            sent = len(pool.cells)
            with pytest.raises(SessionLost):
                await _run(executor, heard, hello.boot, "kept")
            assert len(pool.cells) == sent
            assert (await executor.start(5.0)).execution_count == 0
        finally:
            await executor.aclose()


async def test_after_a_pause_a_pool_is_probed_before_the_cell_that_can_be_sent_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, heard = KeepingPool(), Heard()
    paths: list[str] = []

    def respond(path: str, body: bytes) -> Answer:
        pool.variables.clear()  # it keeps nothing
        paths.append("probe" if b"ask-probe" in body else path)
        return pool.respond(path, body)

    with FakeFront(respond) as front:
        client = PoolClient(parse_endpoint(front.url), Token(), IDENTIFIER)
        executor = OneShotExecutor(client, ExecutorContext(heard, lambda: False, 2.0))
        try:
            hello = await executor.start(5.0)
            del paths[:]
            await _run(executor, heard, hello.boot, "1")
            assert paths == ["/python/execute"]

            monkeypatch.setattr(oneshot, "QUIET_S", 0.0)
            del paths[:]
            await _run(executor, heard, hello.boot, "2")
            assert paths == ["probe", "/python/execute"]
        finally:
            await executor.aclose()
