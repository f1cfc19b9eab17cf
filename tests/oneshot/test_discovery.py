"""Which executor ``auto`` becomes, on real pools of each kind and for answers of all sorts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from azure_session_kernel.common.errors import (
    PoolError,
    PoolFull,
    PoolRouteNotFound,
    UnexpectedAnswer,
)
from azure_session_kernel.executors.base import ExecutorContext
from azure_session_kernel.executors.discovery.discovery import DiscoveringExecutor
from azure_session_kernel.executors.discovery.known_kinds import Known, KnownKinds
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.endpoints import parse_endpoint
from azure_session_kernel.wire import BootEnded, Gap, Message, Oversized

from ..conftest import RunningPool, StartPool
from ..kernel.fake_front import TOKEN, Answer, FakeFront, FakeSession
from ..kernel.live_kernel import wait_until

IDENTIFIER = "ask-discovery-of-the-kind-0123456789abcdefgh"


class Token:
    def __init__(self, value: str = "t") -> None:
        self._value = value

    async def token(self, *, refresh: bool = False) -> str:
        return self._value


class Nobody:
    def on_message(self, message: Message) -> None: ...
    async def drained(self) -> None: ...

    def on_gap(self, gap: Gap | Oversized) -> None: ...
    def on_boot_ended(self, boot: str, ended: BootEnded) -> None: ...
    def on_failure(self, boot: str, error: Exception) -> None: ...


Make = Callable[..., DiscoveringExecutor]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def discovering(url: str, token: str = "t") -> DiscoveringExecutor:
        client = PoolClient(parse_endpoint(url), Token(token), IDENTIFIER)
        known = KnownKinds(tmp_path / "kinds.json")
        context = ExecutorContext(Nobody(), lambda: False, 2.0)
        return DiscoveringExecutor(client, context, known=known)

    return discovering


async def _found(executor: DiscoveringExecutor, budget_s: float = 30.0) -> tuple[str, str]:
    try:
        await executor.start(budget_s)
        return executor.name, executor.reason
    finally:
        await executor.stop(5.0)
        await executor.aclose()


async def test_our_adapter_is_found_by_its_hello(local_pool: RunningPool, make: Make) -> None:
    name, reason = await _found(make(local_pool.url, local_pool.token))
    assert name == "adapter"
    assert "/jupyter/hello" in reason


async def test_a_one_shot_pool_is_found_and_remembered(
    oneshot_pool: RunningPool, make: Make
) -> None:
    name, reason = await _found(make(oneshot_pool.url, oneshot_pool.token))
    assert (name, "POST /python/execute answers" in reason) == ("oneshot", True)
    name, reason = await _found(make(oneshot_pool.url, oneshot_pool.token))
    assert (name, "earlier start" in reason) == ("oneshot", True)


@pytest.mark.parametrize(
    ("program", "route"), [("piston", "GET /api/v2/runtimes"), ("sample", "POST /execute")]
)
async def test_other_programs_are_found_at_their_own_paths(
    start_pool: StartPool, make: Make, program: str, route: str
) -> None:
    pool = start_pool("--kind", "oneshot", "--program", program)
    name, reason = await _found(make(pool.url, pool.token))
    assert name == "oneshot"
    assert f"{route} answers" in reason


async def test_a_built_in_pool_is_known_by_its_endpoint(start_pool: StartPool, make: Make) -> None:
    pool = start_pool("--kind", "interpreter")
    name, reason = await _found(make(pool.url, pool.token))
    assert name == "interpreter"
    assert "endpoint" in reason


async def test_an_adapter_is_asked_nothing_else(make: Make) -> None:
    session = FakeSession(lambda msg_id: [])
    with FakeFront(session.respond) as front:
        try:
            assert (await _found(make(front.url)))[0] == "adapter"
            assert front.paths[0] == "/jupyter/hello"
            assert not {"/python/execute", "/executions", "/execute"} & set(front.paths)
        finally:
            session.close()


async def test_a_wrong_memory_is_put_right(make: Make, tmp_path: Path) -> None:
    session = FakeSession(lambda msg_id: [])

    def respond(path: str, body: bytes) -> Answer:
        return Answer(404) if path == "/python/execute" else session.respond(path, body)

    with FakeFront(respond) as front:
        try:
            known = KnownKinds(tmp_path / "kinds.json")
            known.put(parse_endpoint(front.url).url, Known("oneshot", "/python/execute"))
            assert (await _found(make(front.url)))[0] == "adapter"
            assert known.get(parse_endpoint(front.url).url) is None
        finally:
            session.close()


async def test_an_adapter_that_came_later_is_noticed_and_used_at_the_next_start(
    local_pool: RunningPool, make: Make, tmp_path: Path
) -> None:
    """Our adapter answers the one-shot route as well, so the memory seems to be right."""
    url = parse_endpoint(local_pool.url).url
    known = KnownKinds(tmp_path / "kinds.json")
    known.put(url, Known("oneshot", "/python/execute"))
    executor = make(local_pool.url, local_pool.token)
    try:
        await executor.start(30.0)
        assert executor.name == "oneshot"
        await asyncio.to_thread(wait_until, lambda: "a restart of the kernel" in executor.reason)
        assert known.get(url) is None
    finally:
        await executor.stop(5.0)
        await executor.aclose()
    assert (await _found(make(local_pool.url, local_pool.token)))[0] == "adapter"


async def test_nothing_that_fits_names_what_each_route_answered(make: Make) -> None:
    body = json.dumps({"message": "Not Found"}).encode()
    with FakeFront(lambda path, _: Answer(404, body)) as front:
        with pytest.raises(PoolRouteNotFound) as caught:
            await _found(make(front.url))
        assert front.paths.index("/jupyter/hello") == 0
    for route in ("/jupyter/hello", "/python/execute", "/executions", "/api/v2/runtimes"):
        assert route in caught.value.what
    assert "azure-session-kernel doctor" in caught.value.fix


def _fastapi(*wanted: str, run: bytes = b"{}") -> Callable[[str, bytes], Answer]:
    """A program that takes these fields at ``/python/execute``, and prints what it is to run."""

    def respond(path: str, body: bytes) -> Answer:
        if path != "/python/execute":
            return Answer(404, b'{"detail":"Not Found"}')
        sent = json.loads(body)
        missing = [
            {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": sent}
            for name in wanted
            if name not in sent
        ]
        if missing:
            return Answer(422, json.dumps({"detail": missing}).encode())
        return Answer(200, run)

    return respond


async def test_a_program_that_takes_code_at_the_top_level_is_found(make: Make) -> None:
    probed = json.dumps({"output": "ask-probe - 0 3.12.0\nask-stdin False\n"}).encode()
    with FakeFront(_fastapi("code", "language", run=probed)) as front:
        executor = make(front.url, TOKEN)
        try:
            await executor.start(30.0)
            assert executor.name == "oneshot"
            (how, *_) = [text for name, text in executor.session_rows() if name == "runs cells by"]
            assert how == "POST /python/execute with {code, stdin, language}"
        finally:
            await executor.stop(5.0)
            await executor.aclose()


async def test_fields_that_nobody_knows_are_named_and_no_code_is_shown(make: Make) -> None:
    with FakeFront(_fastapi("source", "timeout")) as front:
        with pytest.raises(UnexpectedAnswer) as caught:
            await _found(make(front.url, TOKEN))
        assert caught.value.what == (
            "The container's `/python/execute` wants other fields: `body.source` is required, "
            "`body.timeout` is required."
        )
        assert "AZURE_SESSION_EXECUTE_PATH" in caught.value.fix
        assert "ask-probe" not in str(caught.value)
        assert front.paths.count("/python/execute") == 2


async def test_an_answer_that_can_not_be_read_says_more_than_the_refusal_before(make: Make) -> None:
    with FakeFront(_fastapi("code", run=b'{"own": "shape"}')) as front:
        with pytest.raises(UnexpectedAnswer) as caught:
            await _found(make(front.url, TOKEN))
        assert "own" in caught.value.what


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_an_answer_that_is_not_about_the_kind_is_shown_as_it_is(
    make: Make, status: int
) -> None:
    with FakeFront(lambda path, _: Answer(status)) as front:
        with pytest.raises(PoolError) as caught:
            await _found(make(front.url), 0.0)
        assert "/python/execute" not in front.paths
    assert caught.value.status == status
    assert isinstance(caught.value, PoolFull) == (status == 429)


@pytest.mark.parametrize("content", [b"", b"[", b"[1]", b'{"a": 1}', b"\xff"])
def test_a_broken_memory_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kinds.json").write_bytes(content)
    known = KnownKinds(tmp_path / "kinds.json")
    assert known.get("https://pool") is None
    known.put("https://pool", Known("oneshot", "/run/../.."))
    assert known.get("https://pool") is None
    known.put("https://pool", Known("oneshot", "/run"))
    assert known.get("https://pool") == Known("oneshot", "/run")
    assert b"https" not in (tmp_path / "kinds.json").read_bytes()
