"""What pools and their proxies may do, and must not cost a cell."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_session_kernel.common.errors import SessionLost, UnexpectedAnswer
from azure_session_kernel.executors.builtin import box, opening, reader

from ..conftest import RunningPool, StartPool
from ..kernel.conftest import StartKernel
from ..kernel.conftest import start_kernel as start_kernel
from ..kernel.live_kernel import wait_until
from .live_session import LiveSession, cell, live_session, request, result, texts
from .way import Forward, Way, is_execution, refused

TIMED_OUT = "Request timed out waiting for code execution to complete"


def _is_content(request: httpx.Request, name: str) -> bool:
    return name in request.url.path and request.url.path.endswith("/content")


def _is_setup(request: httpx.Request) -> bool:
    return len(request.content) > 5000


def _late(name: str, tries: int, status: int = 404) -> Way:
    """Files of this name can be seen when they have been asked for so often."""
    asked = Counter[str]()

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward(request)
        if not _is_content(request, name) or answer.status_code == 404:
            return answer
        asked[str(request.url)] += 1
        return answer if asked[str(request.url)] > tries else refused(status, "NotYet")

    return Way(handle)


@pytest.mark.parametrize("status", [404, 409])
async def test_a_hello_that_is_seen_late_is_waited_for(pool: RunningPool, status: int) -> None:
    async with live_session(pool, transport=_late("hello", 3, status)) as session:
        assert session.executor.note == ""
        assert result(await session.run("6 * 7")) == "42"


async def test_a_hello_that_is_never_seen_means_plain_text(
    pool: RunningPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "VISIBLE_S", 0.0)
    async with live_session(pool, transport=_late("hello", 99)) as session:
        assert "its file API does not show" in session.executor.note
        assert result(await session.run("6 * 7")) == "42"


async def test_output_that_is_seen_late_is_no_loss(pool: RunningPool) -> None:
    async with live_session(pool, transport=_late("out-", 7)) as session:
        assert texts(await session.run("print('a')")) == "a\n"
        assert not session.failures


@pytest.mark.parametrize(("gone", "error"), [("out-", UnexpectedAnswer), ("", SessionLost)])
async def test_output_that_is_never_seen_ends_the_cell_and_hangs_no_other(
    pool: RunningPool, monkeypatch: pytest.MonkeyPatch, gone: str, error: type[Exception]
) -> None:
    """With it, or alone, the boot's hello may be gone."""
    monkeypatch.setattr(reader, "VISIBLE_S", 0.0)
    hidden = asyncio.Event()

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if hidden.is_set() and _is_content(request, gone):
            return refused(404, "FileNotFound")
        return await forward(request)

    async with live_session(pool, transport=Way(handle)) as session:
        await session.run("x = 1")
        hidden.set()
        await session.send_cell("2")
        await session.until(lambda: session.failures)
        assert isinstance(session.failures[0], error)
        with pytest.raises(SessionLost):
            await session.send_cell("3")


class Forgetful:
    """A pool that gives up waiting for a cell, as often as it likes, and refuses an operation that
    it has answered.

    :ivar posts: operation-ids of the executions after the first.
    """

    def __init__(self) -> None:
        self.posts: list[str] = []
        self._work: set[asyncio.Future[httpx.Response]] = set()
        self.answer = httpx.Response(
            200, json={"status": "Failed", "result": {"stdout": "", "stderr": TIMED_OUT}}
        )
        self.over = False

    async def handle(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        if not is_execution(request) or self.over or _is_setup(request):
            return await forward(request)
        operation = request.headers["operation-id"]
        repeated = operation in self.posts
        self.posts.append(operation)
        if repeated:
            return refused(409, "OperationIdConflict")
        if len(self.posts) == 1:
            self._work.add(asyncio.ensure_future(forward(request)))
        return self.answer


async def test_a_cell_goes_on_however_often_the_pool_gives_up_waiting(pool: RunningPool) -> None:
    front = Forgetful()
    async with live_session(pool, transport=Way(front.handle)) as session:
        asked = await session.send(cell("print('on'); input(); 6 * 7"))
        await session.until(lambda: _questions(session))
        while len(front.posts) < 6:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert len(set(front.posts)) == len(front.posts)
        front.over = True
        await session.send(request("input_reply", {"value": ""}, "stdin"))
        assert result(await session.over(asked)) == "42"
        assert not session.failures


async def test_an_execution_that_the_pool_has_only_accepted_is_asked_for(
    pool: RunningPool,
) -> None:
    asked_for: list[str] = []
    work: set[asyncio.Future[httpx.Response]] = set()

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_execution(request) and not _is_setup(request):
            work.add(asyncio.ensure_future(forward(request)))
            running = {"id": request.headers["operation-id"], "status": "Running"}
            return httpx.Response(202, json=running)
        if "/executions/" in request.url.path:
            asked_for.append(request.url.path)
        return await forward(request)

    async with live_session(pool, transport=Way(handle)) as session:
        code = "import asyncio; await asyncio.sleep(0.5); print('done'); 6 * 7"
        seen = await session.run(code)
        assert (texts(seen), result(seen)) == ("done\n", "42")
        assert result(await session.run("6 * 7")) == "42"
        assert asked_for
        assert not session.failures


async def test_the_same_execution_is_named_again_only_when_its_answer_was_lost(
    pool: RunningPool,
) -> None:
    posts: list[str] = []

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_execution(request) and not _is_setup(request):
            posts.append(request.headers["operation-id"])
            if len(posts) == 1:
                raise httpx.ReadError("gone")
            if len(posts) == 2:
                return refused(409, "OperationIdConflict")
        return await forward(request)

    async with live_session(pool, transport=Way(handle)) as session:
        assert result(await session.run("6 * 7")) == "42"
        assert posts[0] == posts[1] != posts[2]


async def test_a_cell_that_is_over_does_not_wait_for_its_own_answer(
    pool: RunningPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that gives it somebody else's, or none: its log has told its end."""
    monkeypatch.setattr(box, "delays", lambda: itertools.repeat(1000.0))
    work: set[asyncio.Future[httpx.Response]] = set()

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if not is_execution(request) or _is_setup(request):
            return await forward(request)
        work.add(asyncio.ensure_future(forward(request)))
        if len(work) % 2:
            await asyncio.Event().wait()
        return httpx.Response(200, json={"status": "Succeeded", "result": {"stdout": "2"}})

    async with live_session(pool, transport=Way(handle)) as session:
        for number in range(4):
            assert result(await session.run(f"{number} * 7")) == str(number * 7)
        assert not session.failures
        await asyncio.gather(*work)


async def test_the_answer_to_another_execution_says_nothing_of_a_cell(pool: RunningPool) -> None:
    answers: list[httpx.Response] = []

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if not is_execution(request) or _is_setup(request):
            return await forward(request)
        if len(answers) == 1:  # what it carries never arrives
            answers.append(answers[0])
        else:
            answers.append(await forward(request))
        return answers[-1]

    async with live_session(pool, transport=Way(handle)) as session:
        assert result(await session.run("6 * 7")) == "42"
        assert result(await session.run("7 * 7")) == "49"
        assert len(answers) == 3


async def test_code_that_the_image_puts_before_all_code_does_no_harm(pool: RunningPool) -> None:
    """``preCodeInjectionSnippet``, a documented option of Microsoft's base image."""

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if not is_execution(request):
            return await forward(request)
        body = json.loads(request.content)
        body["code"] = "import asyncio\n" + body["code"]
        headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
        return await forward(httpx.Request("POST", request.url, headers=headers, json=body))

    async with live_session(pool, transport=Way(handle)) as session:
        assert result(await session.run("x = 6; In[1:]")) == "['x = 6; In[1:]']"
        assert result(await session.run("x * 7")) == "42"
        grep = "%history -n -g not installed"
        assert "print(" not in texts(await session.run(grep)).replace(grep, "")


async def test_a_front_that_lets_no_file_be_read_while_code_runs_is_in_reach(
    pool: RunningPool,
) -> None:
    running = 0

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        nonlocal running
        if not is_execution(request):
            return refused(409, "SessionBusy") if running else await forward(request)
        running += 1
        try:
            return await forward(request)
        finally:
            running -= 1

    async with live_session(pool, transport=Way(handle), outage_s=0.0) as session:
        seen = await session.run("import time; print('a'); time.sleep(1); 6 * 7")
        assert (texts(seen), result(seen)) == ("a\n", "42")
        assert not session.failures


async def test_from_afar_output_comes_in_fewer_and_larger_files(pool: RunningPool) -> None:
    trip_s = 0.3

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if _is_content(request, "out-"):
            await asyncio.sleep(trip_s)
        return await forward(request)

    async with live_session(pool, transport=Way(handle)) as session:
        await session.run("import time")
        before = len(session.messages)
        begun = time.monotonic()
        await session.run("for i in range(20): print(i, flush=True); time.sleep(0.06)")
        trips = (time.monotonic() - begun) / trip_s
        streams = [m for m in session.messages[before:] if m.msg_type == "stream"]
        assert "".join(texts([m]) for m in streams) == "".join(f"{i}\n" for i in range(20))
        assert len(streams) <= 2 * trips


async def test_a_crash_before_the_first_output_is_the_interpreters(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        await session.send_cell("__import__('os')._exit(3)")
        await session.until(lambda: session.ended or session.failures)
        assert (session.ended[0].reason, session.failures) == ("killed", [])
        await session.start()
        assert result(await session.run("6 * 7")) == "42"


@pytest.mark.parametrize(
    ("status", "nth", "ename"), [(409, {"nth": [1, 2]}, ""), (403, {"every": 1}, "Forbidden")]
)
def test_an_answer_to_input_arrives_or_its_cell_says_why_not(
    start_pool: StartPool,
    start_kernel: StartKernel,
    tmp_path: Path,
    status: int,
    nth: dict[str, Any],
    ename: str,
) -> None:
    upload = {"fault": "answer", "status": status, "path": "*/files", "method": "POST", **nth}
    plan = tmp_path / "faults.json"
    plan.write_text(json.dumps({"rules": [upload]}))
    kernel = start_kernel(start_pool("--kind", "interpreter", "--faults", str(plan)).env)
    msg_id = kernel.execute("input('? ')", allow_stdin=True)
    kernel.wait_for_question()
    kernel.kc.input("yes")
    asked = kernel.finish(msg_id)
    if not ename:
        assert asked.result == "'yes'"
        return
    assert asked.error["ename"] == ename
    assert "input() did not reach the session" in asked.error["evalue"]
    kernel.restart()
    assert kernel.run("6 * 7").result == "42"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--kind", "interpreter", "--api-versions", "2025-10-02-preview"),
        ("--kind", "container"),  # whose container has Azure's own routes
    ],
)
def test_a_kernel_leaves_no_session_behind(
    start_pool: StartPool, start_kernel: StartKernel, arguments: tuple[str, ...]
) -> None:
    pool = start_pool(*arguments)
    kernel = start_kernel({**pool.env, "AZURE_SESSION_EXECUTOR": "interpreter"})
    assert kernel.run("6 * 7").result == "42"
    assert pool.session_processes()
    kernel.stop()
    wait_until(lambda: not pool.session_processes())


def test_a_cell_that_crashes_at_once_is_told_once(
    start_pool: StartPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel(start_pool("--kind", "interpreter").env)
    assert kernel.run("x = 1").status == "ok"
    assert kernel.run("__import__('os')._exit(3)").error["ename"] == "InterpreterDied"
    assert kernel.run("'x' in globals()").result == "False"


def _questions(session: LiveSession) -> bool:
    return any(m.msg_type == "input_request" for m in session.messages)
