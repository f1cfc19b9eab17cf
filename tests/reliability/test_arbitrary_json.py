r"""Arbitrary JSON in place of what a session or its pool says: at most an error comes of it.

Short and the same each time in the suite. This looks longer, and elsewhere each time::

    ARBITRARY_JSON_EXAMPLES=20000 python -m pytest -n0 --timeout 0 \
        tests/reliability/test_arbitrary_json.py
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jupyter_client.session import Session as JupyterSession

from azure_session_kernel import wire
from azure_session_kernel.common.errors import SessionKernelError
from azure_session_kernel.doctor.programs import is_execution, is_hello, is_run
from azure_session_kernel.executors.adapter.executor import AdapterExecutor
from azure_session_kernel.executors.adapter.files import AdapterFiles
from azure_session_kernel.executors.base import ExecutorContext
from azure_session_kernel.executors.builtin.azure import BuiltinPool
from azure_session_kernel.executors.builtin.code import said
from azure_session_kernel.executors.builtin.files import MailboxFiles
from azure_session_kernel.executors.builtin.folder import Where
from azure_session_kernel.executors.builtin.opening import _find_hello
from azure_session_kernel.executors.builtin.plain_cells import plain_result
from azure_session_kernel.executors.oneshot.answer import read_answer
from azure_session_kernel.executors.session_files import (
    Fingerprint,
    Listing,
    SessionFile,
    SessionFiles,
    SmallFile,
    Unfit,
    is_size,
    is_time,
)
from azure_session_kernel.kernel.endings import Endings
from azure_session_kernel.kernel.execution_counts import Counts
from azure_session_kernel.kernel.file_hints import HintedMessages
from azure_session_kernel.kernel.lanes import Lanes
from azure_session_kernel.kernel.requests import Request, RequestTable
from azure_session_kernel.kernel.session_messages import SessionMessages
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.wire import Message, WireError
from azure_session_kernel.wire.kernel_info import kernel_info

from ..kernel.fake_front import HELLO as SHORT_HELLO

_EXAMPLES = int(os.environ.get("ARBITRARY_JSON_EXAMPLES", "0"))
arbitrarily = settings(
    max_examples=_EXAMPLES or 20,
    derandomize=not _EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

#: Names and values that somebody looks for, so that examples get beyond the first check.
NAMES = re.findall(
    r"\S+",
    """
    n event channel header parent_header metadata content buffers missing_chars limit_bytes reason
    cause msg_id msg_type execution_state execution_count status name text data protocol adapter
    boot state next first info features running limits language_info version mimetype file_extension
    codemirror_mode help_links url banner protocol_version supported_features reader base chunk
    oldest value size sha256 executable mtime_ns type error code message directory sizeInBytes
    lastModifiedAt truncated properties result stdout stderr executionResult id nextLink run signal
    output exit_code ename evalue traceback password prompt wait outcome reaction filename $id
    officepy_result base64_data accepted received comm_id
    """,
)
TEXTS = re.findall(
    r"\S+",
    """
    ended gap keepalive end_of_read superseded iopub shell control stdin status stream error
    execute_reply execute_input execute_result display_data input_request clear_output comm_msg busy
    idle ok cell python 5.3 text/plain directory eA== r-1 b-0123456789abcdef Succeeded Failed image
    NotAFile ../x a/b .py
    """,
)
texts = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=()), max_size=8)
numbers = (
    st.sampled_from([-1, 0, 1, 2, 2**31, 2**53, 2**63, 2**64, -(2**70), 10**400]) | st.integers()
)
plain = st.none() | st.booleans() | numbers | st.floats() | texts
names = st.sampled_from(NAMES) | texts
values: st.SearchStrategy[Any] = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=8),
    max_leaves=10,
)
objects = st.dictionaries(names, values, max_size=8)
Json: TypeAlias = Any


@st.composite
def changed(draw: st.DrawFn, value: Json) -> Json:
    """``value`` with something else in some places, or without it, or with more."""
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    if isinstance(value, dict):
        found = {key: draw(changed(item)) for key, item in value.items()}
        for key in draw(st.lists(st.sampled_from(sorted(found) or [""]), max_size=1)):
            found.pop(key, None)
        return {**found, **draw(st.dictionaries(names, values, max_size=1))}
    if isinstance(value, list):
        return [draw(changed(item)) for item in value]
    return value


def as_bytes(value: Json) -> bytes:
    return json.dumps(value).encode()


def given_bytes(*usual: Json) -> st.SearchStrategy[bytes]:
    near = st.one_of([changed(one) for one in usual]) if usual else values
    return st.one_of(near.map(as_bytes), near.map(as_bytes), values.map(as_bytes), st.binary())


MESSAGE = {
    "n": 1,
    "channel": "iopub",
    "header": {"msg_id": "m", "msg_type": "stream"},
    "parent_header": {"msg_id": "cell", "msg_type": "execute_request"},
    "metadata": {},
    "content": {"name": "stdout", "text": "1", "execution_state": "idle", "execution_count": 1},
    "buffers": ["eA=="],
}
ENDED = {"n": 1, "event": "ended", "reason": "exited", "cause": ""}
GAP = {"n": 1, "event": "gap", "parent_header": {}, "name": "stdout", "missing_chars": 1}
OVERSIZED = {**GAP, "channel": "shell", "limit_bytes": 2}


@st.composite
def with_parts(draw: st.DrawFn) -> bytes:
    """A message whose headers and parts are something else in places, and perhaps its sizes."""
    given = draw(changed({name: MESSAGE[name] for name in ("channel", "header", "parent_header")}))
    parts = [as_bytes(draw(changed(MESSAGE[name]))) for name in ("metadata", "content")]
    parts += draw(st.lists(st.binary(max_size=8), max_size=2))
    sizes = [len(part) + draw(st.sampled_from([0] * 20 + [-1, 1])) for part in parts]
    head = as_bytes(given).removeprefix(b"{")
    beginning = f'{{"n":{draw(numbers)},"sizes":{sizes},'.replace(" ", "").encode()
    return b"%b%b\n%b" % (beginning, head, b"".join(parts))


LINES = given_bytes(MESSAGE, ENDED, GAP, OVERSIZED) | with_parts()


# -- the log


@arbitrarily
@given(LINES)
def test_a_line_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(WireError):
        line = wire.decode_line(data)
        assert wire.encode_line(line).endswith(b"\n")


class Front:
    """Takes what a front end is sent."""

    def publish(self, msg_type: str, content: dict[str, Any], parent: Any) -> None: ...

    def pass_on(self, message: Message, header: Any) -> None: ...

    def reply(self, request: Request, reply: Any) -> None: ...

    def busy(self, request: Request) -> None: ...

    idle = busy

    def ask(self, request: Request, content: dict[str, Any]) -> None: ...

    async def drained(self) -> None: ...


TYPES = st.sampled_from(
    sorted((channel, name) for channel, found in wire.RECEIVABLE.items() for name in found)
)


async def _never(request: Request) -> None:
    raise AssertionError


async def _publish(messages: list[tuple[tuple[str, str], Json, str]]) -> None:
    requests, counts, front = RequestTable(), Counts(), Front()
    cell = Message("shell", {"msg_id": "cell", "msg_type": "execute_request"}, {"code": ""})
    request = Request(cell, [], "shell")
    requests.add(request)
    ends = Endings(front, requests, Lanes(_never), counts, lambda: None)  # type: ignore[arg-type]
    nobody: Any = SimpleNamespace(answer_input=lambda message: None)
    shown = SessionMessages(front, requests, counts, ends, nobody, nobody)  # type: ignore[arg-type]
    hinted = HintedMessages(shown, requests, Path("nowhere"), lambda: False)
    cells = {"msg_type": "execute_request"}
    for (channel, msg_type), content, parent in messages:
        header = {"msg_id": "m", "msg_type": msg_type}
        hinted.on_message(Message(channel, header, content, {**cells, "msg_id": parent}))
        assert isinstance(shown.counts.next, int)
    assert all(cell.messages is not None for cell in shown.last.cells(10))


@arbitrarily
@given(st.lists(st.tuples(TYPES, objects, st.sampled_from(["cell", "other", ""])), max_size=6))
def test_any_content_of_a_message_is_passed_on(
    messages: list[tuple[tuple[str, str], Json, str]],
) -> None:
    """What it means is the front end's matter; what is looked at here may be anything."""
    asyncio.run(_publish(messages))


# -- hello

INFO = {
    "protocol_version": "5.3",
    "language_info": {
        "name": "python",
        "version": "3.12.1",
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "codemirror_mode": {"name": "ipython", "version": 3},
    },
    "banner": "Python",
    "help_links": [{"text": "Python", "url": "https://docs.python.org"}],
    "supported_features": ["debugger"],
}
HELLO = {**SHORT_HELLO, "features": ["debugger"], "running": ["m"], "info": INFO}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


SESSION = JupyterSession()


def can_be_used(info: dict[str, Any]) -> None:
    """As ``KernelClient._handle_kernel_info_reply`` and JupyterLab do."""
    assert int(info["protocol_version"].split(".")[0]) == 5
    language = info["language_info"]
    for key in ("name", "version", "mimetype", "file_extension"):
        assert _is_text(language[key])
    mode = language.get("codemirror_mode", "")
    assert _is_text(mode) or _is_text(mode["name"])
    assert _is_text(info["banner"])
    assert all(_is_text(link["text"]) and link["url"][:4] == "http" for link in info["help_links"])
    assert all(map(_is_text, info["supported_features"]))
    assert json.loads(SESSION.pack(info)) == info


@arbitrarily
@given(given_bytes(HELLO))
def test_a_hello_is_refused_or_front_ends_can_do_with_it(data: bytes) -> None:
    is_hello(data)
    is_execution(data)
    is_run(data)
    with contextlib.suppress(WireError):
        hello = wire.hello_from_json(wire.load(data))
        can_be_used(kernel_info(hello))
        assert 1 <= hello.first <= hello.next < 2**53
        assert wire.hello_from_json(wire.load(wire.dump(hello.as_json()))) == hello


# -- over HTTP

STAT = {"value": [{"name": "a", "size": 1, "sha256": "ab", "executable": True, "mtime_ns": 1}]}
LISTED = {"name": "a", "type": "file", "sizeInBytes": 1, "directory": "", "lastModifiedAt": "2026"}
LIST = {"value": [LISTED], "truncated": False}
DATA = {"data": "eA=="}
MAILBOX = {
    "reader": "r-1",
    "base": 0,
    "chunk": 1,
    "n": 2,
    "oldest": [1, 1],
    "execution_count": 1,
    "info": INFO,
}
RAN = {"status": "Succeeded", "result": {"stdout": "1", "stderr": "", "executionResult": "2"}}
ANSWERS = given_bytes(STAT, LIST, DATA, MAILBOX, RAN)


def _client(*answers: bytes) -> PoolClient:
    waiting = list(answers)

    def respond(request: httpx.Request) -> httpx.Response:
        body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return httpx.Response(200, content=body)

    return PoolClient(
        parse_endpoint("https://pool.x.azurecontainerapps.io"),
        FixedToken("token"),
        "identifier",
        transport=httpx.MockTransport(respond),
    )


async def _or_error(work: Callable[[], Awaitable[Any]]) -> Any:
    """None: an error that says what is wrong."""
    with contextlib.suppress(SessionKernelError, WireError):
        return await work()
    return None


def _is_checked(found: Any) -> None:
    if isinstance(found, Listing):
        assert all(isinstance(entry, SessionFile) for entry in found.entries)
        assert all(is_size(entry.size_bytes) for entry in found.entries)
        assert all(_is_text(entry.name) and _is_text(entry.modified) for entry in found.entries)
    elif isinstance(found, dict):
        for one in found.values():
            assert isinstance(one, Fingerprint | Unfit)
            if isinstance(one, Fingerprint):
                assert is_size(one.size_bytes)
                assert _is_text(one.sha256)
                assert one.mtime_ns is None or is_time(one.mtime_ns)


EMPTY = SmallFile("a", b"", Fingerprint(0, hashlib.sha256(b"").hexdigest()))


async def _gets(files: SessionFiles) -> None:
    async for file in files.download_batch(["a", "b"]):
        assert file.name in ("a", "b")
        assert file.fingerprint.size_bytes == len(file.data)


async def _adapter(answer: Json, data: bytes) -> None:
    async def call(name: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        assert isinstance(answer, dict)
        return answer

    async def download() -> None:
        arrived = 0
        async for piece in files.download("a", 3):
            arrived += len(piece)
        assert arrived <= 3 + wire.PART_BYTES

    if isinstance(answer, dict):
        files = AdapterFiles(call, 0.0)
        _is_checked(await _or_error(lambda: files.list("")))
        _is_checked(await _or_error(lambda: files.fingerprints(["a", "b"])))
        await _or_error(download)
        many = AdapterFiles(call, 0.0, batches=True)
        _is_checked(await _or_error(lambda: many.fingerprints(["a", "b"])))
        await _or_error(lambda: many.upload_batch([EMPTY], lambda _: None))
        await _or_error(lambda: _gets(many))
    nobody: Any = None
    executor = AdapterExecutor(_client(data), ExecutorContext(nobody, lambda: False, 0.0))
    cell = Message("shell", {"msg_id": "cell", "msg_type": "execute_request"}, {"code": ""})
    assert isinstance(await _or_error(lambda: executor.interrupt("b", "cell", 1)), str | None)
    assert isinstance(await _or_error(lambda: executor.reaction("b", "cell", 1)), str | None)
    await _or_error(lambda: executor.restart("b", "restart", 1))
    await _or_error(lambda: executor.send("b", [cell], 0.0))
    await _or_error(executor.session_record)
    await executor.aclose()


@arbitrarily
@given(st.one_of(*map(changed, (STAT, LIST, DATA)), objects), ANSWERS)
def test_any_answer_of_an_adapter_is_read_or_named(answer: Json, data: bytes) -> None:
    asyncio.run(_adapter(json.loads(as_bytes(answer)), data))


async def _builtin(data: bytes, stat: Json) -> None:
    client = _client(data)
    pool = BuiltinPool(client)

    async def found(do: str, what: Any) -> dict[str, Any]:
        return stat if isinstance(stat, dict) else {}

    files = MailboxFiles(pool, 0.0, found, lambda: False)
    _is_checked(await _or_error(lambda: files.fingerprints(["a", "b"])))
    _is_checked(await _or_error(lambda: files.list("", recursive=False)))
    await _or_error(lambda: files.upload_batch([EMPTY], lambda _: None))
    await _or_error(lambda: _gets(files))
    execution = await _or_error(lambda: pool.execute("1", 0))
    if execution is not None:
        assert _is_text(execution.excerpt)
        assert _is_text(plain_result(execution).stdout)
        said(execution.stdout)
    await _or_error(pool.session_record)
    await _or_error(client.list_sessions)
    where = Where("b-0123456789abcdef", "r-1", 0, "folder")
    opened = await _or_error(lambda: _find_hello(pool, where))
    if opened is not None and opened[0] is not None:
        can_be_used(kernel_info(opened[0].hello))
    await client.aclose()


@arbitrarily
@given(ANSWERS, changed({"a": [1, "ab", True, 1], "b": "directory"}))
def test_any_answer_of_a_builtin_pool_is_read_or_named(data: bytes, stat: Json) -> None:
    asyncio.run(_builtin(data, json.loads(as_bytes(stat))))


@arbitrarily
@given(st.one_of(changed(RAN), changed({"run": {"stdout": "", "code": 1, "signal": ""}}), values))
def test_any_answer_of_a_oneshot_pool_is_read_or_named(answer: Json) -> None:
    with contextlib.suppress(SessionKernelError):
        read_answer(json.loads(as_bytes(answer)))


@arbitrarily
@given(st.lists(changed({"id": "p", "index": 0, "count": 2, "data": "eA=="}), max_size=4))
def test_any_part_is_taken_or_refused(parts: list[Json]) -> None:
    assembler = wire.PartAssembler()
    for part in parts:
        with contextlib.suppress(WireError):
            assembler.add(part)
