"""Pools without a mailbox: whatever happens to a cell's one answer, the cell ends and says it."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from azure_session_kernel.common.errors import PoolUnavailable, PoolUnreachable, SessionLost

from ..conftest import RunningPool, StartPool
from ..kernel.conftest import StartKernel
from ..kernel.conftest import start_kernel as start_kernel
from ..kernel.live_kernel import with_constant
from ..oneshot.test_live import shown
from .live_session import error_of, live_session, result, texts
from .way import Forward, Way, is_execution, refused, without_files

KILL_S = "azure_session_kernel.kernel.interrupts.KILL_S"

#: The first execution looks for an interpreter, then each cell has one that asks whose it is.
FIRST_CELL = 3


def _answering(answer: Callable[[], httpx.Response], when: str) -> Way:
    """No files, and ``answer`` to every execution whose code says ``when``."""

    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_execution(request) and when in json.loads(request.content)["code"]:
            return answer()
        return await without_files(request, forward)

    return Way(handle)


def _broken() -> httpx.Response:
    raise httpx.ReadError("gone")


@pytest.mark.parametrize(
    ("answer", "ename", "said"),
    [
        (lambda: refused(504, "Timeout"), "ExecutionUnknown", "504"),
        (lambda: httpx.Response(200, html="<p>maintenance"), "ExecutionUnknown", "200"),
        (lambda: httpx.Response(200, json={"no": "status"}), "ExecutionUnknown", "200"),
        (_broken, "ExecutionUnknown", "connection broke"),
        (lambda: refused(403, "Forbidden"), "Forbidden", "403"),
        (lambda: refused(413, "TooLarge"), "UnexpectedAnswer", "413"),
        (lambda: refused(429, "Full"), "PoolFull", "429"),
    ],
)
async def test_a_cell_without_its_answer_ends_and_the_next_one_runs(
    pool: RunningPool, answer: Callable[[], httpx.Response], ename: str, said: str
) -> None:
    async with live_session(pool, transport=_answering(answer, "BAD!")) as session:
        error = error_of(await session.run("'BAD!'"))
        assert error["ename"] == ename
        assert said in error["evalue"]
        assert result(await session.run("6 * 7")) == "42"


async def test_a_result_whose_answer_was_lost_is_asked_for(pool: RunningPool) -> None:
    async def handle(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_execution(request) and "LOST" in json.loads(request.content)["code"]:
            await forward(request)
            raise httpx.ReadError("gone")
        return await without_files(request, forward)

    async with live_session(pool, transport=Way(handle)) as session:
        seen = await session.run("runs = globals().get('runs', 0) + 1; print('LOST'); 6 * 7")
        assert (texts(seen), result(seen)) == ("LOST\n", "42")
        assert result(await session.run("runs")) == "1"


async def test_an_interpreter_that_is_busy_is_waited_for_and_not_taken_for_lost(
    start_pool: StartPool,
) -> None:
    pool = start_pool("--kind", "interpreter", "--execution-limit", "3")
    async with live_session(pool, transport=Way(without_files)) as session:
        await session.run("x = 5")
        late = error_of(await session.run("import time; time.sleep(5)"))
        assert "longer than one execution may take" in late["evalue"]
        assert result(await session.run("x")) == "5"


async def test_an_interpreter_that_stays_busy_is_named(pool: RunningPool) -> None:
    said = {"stdout": "", "stderr": "Request timed out waiting for code execution to complete"}
    failed = {"status": "Failed", "result": said}
    way = _answering(lambda: httpx.Response(200, json=failed), "_azure_session_mailbox.install")
    async with live_session(pool, transport=way) as session:
        with pytest.raises(PoolUnavailable, match="busy with an earlier cell"):
            await session.send_within(0.0, "1")


async def test_a_connection_that_breaks_before_a_cell_says_that_it_did_not_run(
    pool: RunningPool,
) -> None:
    way = _answering(_broken, "_azure_session_mailbox.install")
    async with live_session(pool, transport=way) as session:
        with pytest.raises(PoolUnreachable) as caught:
            await session.send_within(0.0, "1")
        assert not caught.value.sent


async def test_an_interpreter_that_dies_ends_its_cell(pool: RunningPool) -> None:
    async with live_session(pool, transport=Way(without_files)) as session:
        await session.send_cell("import os; os._exit(3)")
        await session.until(lambda: session.ended)
        assert session.ended[0].reason == "killed"
        await session.start()
        assert result(await session.run("6 * 7")) == "42"


async def test_a_failure_that_only_speaks_of_a_limit_is_the_cells_own(pool: RunningPool) -> None:
    async with live_session(pool, transport=Way(without_files)) as session:
        error = error_of(await session.run("raise OSError('timed out, aborted')"))
        assert (error["ename"], error["evalue"]) == ("OSError", "timed out, aborted")


async def test_a_replaced_session_is_noticed_before_a_cell_runs(pool: RunningPool) -> None:
    async with live_session(pool, transport=Way(without_files)) as session:
        assert texts(await session.run("print(1)")) == "1\n"
        await session.executor._pool.end_session(10)
        with pytest.raises(SessionLost):
            await session.send_cell("1")


def test_a_kernel_goes_on_after_a_cell_without_an_answer(
    start_pool: StartPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    """The front end sees one error, and a kernel that works."""
    nth = {"fault": "answer", "path": "*/executions", "nth": [FIRST_CELL]}
    files = {"fault": "answer", "path": "*/files*", "status": 403, "every": 1}
    plan = tmp_path / "faults.json"
    plan.write_text(json.dumps({"rules": [{**nth, "status": 504}, files]}))
    pool = start_pool("--kind", "interpreter", "--faults", str(plan))
    kernel = start_kernel({**pool.env, **with_constant(tmp_path, KILL_S, 60)})
    assert kernel.run("1").error["ename"] == "ExecutionUnknown"
    assert kernel.run("6 * 7").result == "42"
    session = shown(kernel.run("%session"))
    assert f"Python {platform.python_version()}," in session
    assert "one file 128.0 MB" in session
    given = kernel.run("%%stdin\nAda\n%%code\ninput()")
    assert given.error["ename"] == "NotOnThisPool"
    died = kernel.run("import os; os._exit(3)")
    assert died.error["ename"] == "InterpreterDied"
    assert kernel.run("6 * 7").result == "42"

    cell = kernel.execute("import time; time.sleep(600)")
    kernel.wait_until_running(cell)
    kernel.interrupt()
    interrupted = kernel.finish(cell)
    assert interrupted.error["ename"] == "KeyboardInterrupt"
    assert "its session was stopped" in interrupted.error["evalue"]
    assert "can't be reached" not in interrupted.error_text
    assert kernel.run("6 * 7").result == "42"
