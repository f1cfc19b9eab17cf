"""An interpreter executor on a real local pool, without a kernel process around it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from azure_session_kernel.common.errors import SessionKernelError
from azure_session_kernel.executors.base import ExecutorContext
from azure_session_kernel.executors.builtin.executor import InterpreterExecutor
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.wire import BootEnded, Gap, Hello, Message, Oversized

from ..conftest import RunningPool

LIMIT_S = 100.0


class FixedToken:
    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self, refresh: bool = False) -> str:
        return self._token


def new_identifier() -> str:
    return "ask-" + uuid.uuid4().hex


def request(msg_type: str, content: dict[str, Any], channel: str = "shell") -> Message:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": msg_type, "session": "s", "username": ""}
    return Message(channel, {**header, "date": "2026-01-01T00:00:00Z", "version": "5.4"}, content)


def cell(code: str, *, allow_stdin: bool = True) -> Message:
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    more = {"allow_stdin": allow_stdin, "stop_on_error": False}
    return request("execute_request", {**content, **more})


def texts(messages: list[Message], name: str = "stdout") -> str:
    streams = [m.content for m in messages if m.msg_type == "stream"]
    return "".join(content["text"] for content in streams if content["name"] == name)


@dataclass
class LiveSession:
    """The executor, and everything that it reported."""

    executor: InterpreterExecutor = field(init=False)
    hello: Hello = field(init=False)
    messages: list[Message] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    oversized: list[Oversized] = field(default_factory=list)
    ended: list[BootEnded] = field(default_factory=list)
    failures: list[SessionKernelError] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    # -- ExecutorEvents ---------------------------------------------------------------------------

    def on_message(self, message: Message) -> None:
        self.messages.append(message)
        self._news.set()

    async def drained(self) -> None: ...

    def on_gap(self, gap: Gap | Oversized) -> None:
        if isinstance(gap, Gap):
            self.gaps.append(gap)
        else:
            self.oversized.append(gap)

    def on_boot_ended(self, boot: str, ended: BootEnded) -> None:
        self.ended.append(ended)
        self._news.set()

    def on_failure(self, boot: str, error: SessionKernelError) -> None:
        self.failures.append(error)
        self._news.set()

    # -- what tests do ----------------------------------------------------------------------------

    async def start(self) -> Hello:
        self.hello = await self.executor.start(LIMIT_S)
        return self.hello

    async def send(self, message: Message) -> Message:
        await self.executor.send(self.hello.boot, [message], LIMIT_S)
        return message

    async def send_cell(self, code: str) -> Message:
        return await self.send(cell(code))

    async def send_within(self, budget_s: float, code: str) -> None:
        """:param budget_s: for what may be tried again."""
        await self.executor.send(self.hello.boot, [cell(code)], budget_s)

    async def run(self, code: str, **options: Any) -> list[Message]:
        """Everything a cell sent, when it is over."""
        return await self.over(await self.send(cell(code, **options)))

    async def over(self, asked: Message) -> list[Message]:
        await self.until(lambda: any(_is_idle(m) for m in self.of(asked)))
        return self.of(asked)

    def of(self, asked: Message) -> list[Message]:
        return [m for m in self.messages if m.parent_id == asked.msg_id]

    async def until(self, condition: Callable[[], Any]) -> None:
        async def wait() -> None:
            while not condition():
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), LIMIT_S)

    async def interrupt(self, asked: Message) -> str:
        return await self.executor.interrupt(self.hello.boot, asked.msg_id, LIMIT_S)


def _is_idle(message: Message) -> bool:
    return message.msg_type == "status" and message.content["execution_state"] == "idle"


@asynccontextmanager
async def live_session(
    pool: RunningPool,
    identifier: str = "",
    *,
    env: dict[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    outage_s: float = 20.0,
    start: bool = True,
) -> AsyncIterator[LiveSession]:
    """A session on ``pool``; stopped at the end unless its identifier is given."""
    client = PoolClient(
        parse_endpoint(pool.url),
        FixedToken(pool.token),
        identifier or new_identifier(),
        transport=transport,
    )
    live = LiveSession()
    executor = live.executor = InterpreterExecutor(
        client, ExecutorContext(live, lambda: True, outage_s, env or {})
    )
    try:
        if start:
            await live.start()
        yield live
        if not identifier:
            await executor.stop(10)
    finally:
        await executor.aclose()


def result(messages: list[Message]) -> str:
    """The text of a cell's value."""
    shown = [m.content["data"]["text/plain"] for m in messages if m.msg_type == "execute_result"]
    errors = [m.content for m in messages if m.msg_type == "error"]
    assert not errors, errors
    return str(shown[0])


def error_of(messages: list[Message]) -> dict[str, Any]:
    (error,) = [m.content for m in messages if m.msg_type == "error"]
    (reply,) = [m.content for m in messages if m.msg_type == "execute_reply"]
    for key in ("ename", "evalue", "traceback"):
        assert error[key] == reply[key]
    return dict(error)
