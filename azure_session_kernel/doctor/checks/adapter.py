"""Checks of a session that runs our adapter: version, execution, streaming, files, interrupt."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

from ... import __version__
from ...causes.dialects import OUR_SOURCE
from ...causes.evidence import StreamFacts
from ...common.errors import PoolError
from ...wire import (
    JUPYTER_PROTOCOL,
    PROTOCOL_VERSION,
    BootEnded,
    EndOfRead,
    LineSplitter,
    LogMessage,
    Message,
    WireError,
    decode_line,
    dump,
    load,
    message_as_json,
)
from ..programs import printing
from ..report.result import OK, PROBLEM, UNDONE, WARNING
from ..requests import ask, probes
from ..state import State

#: A read of this length has its first byte at once, unless somebody holds it back.
STREAM_S: Final = 1.5


def protocol(state: State) -> bool:
    """False when nothing else can be asked of that version."""
    hello = state.evidence.hello
    if hello is None:
        return False
    text = f"protocol {hello.protocol}, azure-session-kernel {hello.adapter} in the image"
    if hello.protocol != PROTOCOL_VERSION:
        state.notes.add("protocol", PROBLEM, f"{text}; this kernel speaks {PROTOCOL_VERSION}")
        return False
    same = hello.adapter == __version__
    text = text if same else f"{text}, {__version__} here"
    state.notes.add("protocol", OK if same else WARNING, text)
    return True


async def run(state: State) -> None:
    """All that needs code to run. Each failure is a fact, none is raised but CredentialError."""
    session = _Session(state, str(state.hello["boot"]), int(state.hello["next"]) - 1)
    await _execution(session)
    if "execution" in state.evidence.failed:
        return
    await asyncio.gather(_same_session(session), _files(session))
    await _interrupt(session)


@dataclass
class _Session:
    """One boot's log as doctor reads it."""

    state: State
    boot: str
    after: int
    messages: list[Message] = field(default_factory=list)

    async def call(self, path: str, **fields: Any) -> dict[str, Any]:
        """:raises PoolError: :raises WireError: not an object."""
        body = dump({"boot": self.boot, "reader": self.state.reader, **fields})
        stall_s = self.state.stall_s
        answer = await self.state.pool.request(
            "POST", f"/jupyter/{path}", body=body, timeout_s=stall_s
        )
        value = load(answer.body)
        if not isinstance(value, dict):
            raise WireError("the answer is not an object")
        return value

    async def send(self, code: str) -> str:
        """Deliver a cell; its ``msg_id``."""
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "session": self.state.reader,
            "username": "doctor",
            "date": datetime.now(timezone.utc).isoformat(),
            "version": JUPYTER_PROTOCOL,
        }
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = Message("shell", header, content)
        answer = await self.call("send", messages=[message_as_json(message)])
        repeated = answer.get("repeated")
        if isinstance(repeated, list) and header["msg_id"] in repeated:
            self.state.learn(repeated=True)
        return header["msg_id"]

    async def read(self, wait_s: float, *, once: bool) -> tuple[float, float]:
        """One read; when its first byte came, and when it ended, in seconds."""
        begun, first = time.monotonic(), 0.0
        body = {"boot": self.boot, "reader": self.state.reader, "after": self.after}
        splitter = LineSplitter()
        async with self.state.pool.stream(
            "/jupyter/read",
            body=dump({**body, "wait_s": wait_s, "once": once}),
            idle_timeout_s=wait_s + self.state.stall_s,
        ) as chunks:
            async for chunk in chunks:
                first = first or time.monotonic() - begun
                for line in splitter.feed(chunk):
                    if self._take(line):
                        return first, time.monotonic() - begun
        return first, time.monotonic() - begun

    def _take(self, data: bytes) -> bool:
        line = decode_line(data)
        if isinstance(line, LogMessage) and line.n > self.after:
            self.after = line.n
            self.messages.append(line.message)
        if isinstance(line, BootEnded):
            raise WireError("the interpreter ended")
        return isinstance(line, EndOfRead)

    async def until_over(self, msg_id: str) -> dict[str, Any]:
        """Read until the cell's reply has come; its content."""
        within_s = self.state.stall_s
        deadline = time.monotonic() + within_s
        while (reply := self._reply(msg_id)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WireError(f"no reply within {within_s:.0f} s")
            await self.read(max(0.1, left), once=True)
        return dict(reply.content)

    def _reply(self, msg_id: str) -> Message | None:
        return next(
            (m for m in self.messages if m.msg_type == "execute_reply" and m.parent_id == msg_id),
            None,
        )

    def stdout(self, msg_id: str) -> str:
        return "".join(
            str(m.content.get("text", ""))
            for m in self.messages
            if m.msg_type == "stream" and m.parent_id == msg_id
        )


async def _execution(session: _Session) -> None:
    """A program's way there and back, and whether its output flows."""
    state, program = session.state, printing()
    begun = time.monotonic()
    try:
        reading = asyncio.create_task(session.read(STREAM_S, once=False))
        try:
            msg_id = await session.send(program.code)
            first_s, whole_s = await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        reply = await session.until_over(msg_id)
    except (PoolError, WireError) as error:
        return _fail(state, "execution", error)
    stream = StreamFacts(STREAM_S, first_s, whole_s)
    state.learn(stream=stream)
    if reply.get("status") != "ok" or not program.printed(session.stdout(msg_id)):
        return _fail(state, "execution", WireError("its output was not what was printed"))
    state.notes.add("execution", OK, f"print came back, {time.monotonic() - begun:.1f} s")
    text = f"first byte after {first_s:.2f} s of a read of {whole_s:.1f} s"
    state.notes.add("streaming", PROBLEM if stream.held_back else OK, text)
    if state.evidence.repeated:
        state.notes.add("execution", PROBLEM, "a message that was sent once arrived twice")
    return None


async def _same_session(session: _Session) -> None:
    """A second hello meets the same interpreter."""
    state = session.state
    hello = probes("/", state.reader, builtin=False)["hello"]
    _, answer = await ask(state.pool, hello, state.stall_s)
    boot = ""
    with contextlib.suppress(WireError, AttributeError):
        boot = str(load(answer.body).get("boot")) if answer is not None else ""
    if state.evidence.same_session is False:
        return  # a call about files has met another one
    if not boot:
        state.notes.add("session", UNDONE, "the second request got no answer that tells")
    elif boot == session.boot:
        state.learn(same_session=True)
        state.notes.add("session", OK, "two requests met the same interpreter")
    else:
        _met_another(state)


def _met_another(state: State) -> None:
    state.learn(same_session=False)
    state.notes.add("session", PROBLEM, "another interpreter answered")


async def _files(session: _Session) -> None:
    """A small file there and back. A container without a pool keeps its files, so it is removed."""
    state, data = session.state, secrets.token_bytes(64)
    name = {"id": secrets.token_hex(8), "name": f"doctor-{secrets.token_hex(4)}.bin"}
    try:
        encoded = base64.b64encode(data).decode("ascii")
        await session.call("files/write", **name, offset=0, data=encoded)
        digest = hashlib.sha256(data).hexdigest()
        await session.call("files/commit", **name, size=len(data), sha256=digest)
        back = await session.call("files/read", name=name["name"], offset=0, length=1024)
        if back.get("data") != encoded:
            raise WireError("what was read is not what was written")
        removed = await session.send(f"import os; os.remove({name['name']!r})")
        await session.until_over(removed)
    except (PoolError, WireError) as error:
        _fail(state, "files", error)
        return
    state.notes.add("files", OK, "a file was written and read back")


async def _interrupt(session: _Session) -> None:
    """SIGINT ends a cell that sleeps."""
    state = session.state
    begun = time.monotonic()
    try:
        msg_id = await session.send("import time; time.sleep(60)")
        await session.call("interrupt", msg_id=msg_id)
        reply = await session.until_over(msg_id)
        if reply.get("ename") != "KeyboardInterrupt":
            raise WireError(f"the cell ended otherwise ({str(reply.get('status'))[:40]})")
    except (PoolError, WireError) as error:
        _fail(state, "interrupt", error)
        return
    took_s = time.monotonic() - begun
    state.notes.add("interrupt", OK, f"a sleeping cell was interrupted, {took_s:.1f} s")


def _fail(state: State, check: str, error: Exception) -> None:
    why = str(error)
    if isinstance(error, PoolError):
        why = error.what
        if (error.source, error.code) == (OUR_SOURCE, "BootMismatch"):
            _met_another(state)
    state.notes.add(check, PROBLEM, state.failed(check, why))
