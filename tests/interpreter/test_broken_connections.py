"""A cell runs at most once, and what became of it is known."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.common.errors import ExecutionUnknown, SessionLost

from ..conftest import RunningPool, StartPool
from .live_session import (
    LiveSession,
    cell,
    error_of,
    live_session,
    new_identifier,
    request,
    result,
    texts,
)

#: The first execution installs the mailbox.
FIRST_CELL = 2


def _faulty(start_pool: StartPool, tmp_path: Path, *rules: dict[str, Any]) -> RunningPool:
    plan = tmp_path / "faults.json"
    plan.write_text(json.dumps({"seed": 1, "rules": list(rules)}))
    return start_pool("--kind", "interpreter", "--faults", str(plan))


async def test_an_execution_is_sent_again_and_runs_once(
    start_pool: StartPool, tmp_path: Path
) -> None:
    """Its answer was lost; it never arrived; it arrived twice; files can't be read for a while."""
    executions = {"path": "*/executions"}
    pool = _faulty(
        start_pool,
        tmp_path,
        {"fault": "reset_after", **executions, "nth": [FIRST_CELL]},
        {"fault": "reset_before", **executions, "nth": [4]},
        {"fault": "duplicate", **executions, "nth": [6]},
        {"fault": "answer", "status": 503, "path": "*/content", "nth": [3, 5, 6]},
        {"fault": "reset_after", "path": "*/content", "nth": [8]},
    )
    async with live_session(pool) as session:
        for _ in range(5):
            await session.run("runs = globals().get('runs', 0) + 1; print(runs)")
        assert result(await session.run("runs")) == "5"
        assert "".join(texts([m]) for m in session.messages) == "1\n2\n3\n4\n5\n"
        assert not session.failures


async def test_a_replaced_session_is_noticed_before_code_runs(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        await session.run("x = 1")
        await _replace(session)
        with pytest.raises(SessionLost, match="was not run"):
            await session.run("open('ran', 'w')")
        before = session.hello.boot
        assert (await session.start()).boot != before
        code = "'x' in globals(), __import__('os').path.exists('ran')"
        assert result(await session.run(code)) == "(False, False)"


async def test_a_session_replaced_while_a_cell_runs_is_told_as_lost(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        await session.send(cell("print('on', flush=True)\nimport time; time.sleep(600)"))
        await _replace(session)
        await session.until(lambda: session.failures)
        assert isinstance(session.failures[0], SessionLost)
        assert not session.ended


async def test_an_interpreter_that_dies_is_told_from_a_lost_session(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        await session.run("open('kept', 'w').write('1')")
        words = "import os, time\nprint('last words', flush=True); time.sleep(0.3); os.abort()"
        asked = await session.send(cell(words))
        await session.until(lambda: session.ended)
        assert (session.ended[0].reason, session.failures) == ("killed", [])
        assert texts(session.of(asked)) == "last words\n"
        await session.start()
        assert result(await session.run("open('kept').read()")) == "'1'"


async def test_it_is_not_known_whether_a_cell_ran_whose_session_went_with_its_answer(
    start_pool: StartPool, tmp_path: Path
) -> None:
    executions = {"path": "*/executions"}
    pool = _faulty(
        start_pool,
        tmp_path,
        {"fault": "answer", "status": 503, "path": "*/out-*/content", "every": 1},
        {"fault": "reset_after", **executions, "nth": [FIRST_CELL]},
        {"fault": "replace_session", **executions, "nth": [FIRST_CELL + 1]},
    )
    async with live_session(pool) as session:
        with pytest.raises(ExecutionUnknown) as caught:
            await session.run("1")
        assert isinstance(caught.value.__cause__, SessionLost)


async def test_output_that_the_session_can_not_write_is_told(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        boot = session.hello.boot
        # Not its folder: a reader that looks for it in between takes the session for lost.
        spoil = (
            "import pathlib\ndef spoiled(self, data): raise OSError(5, 'broken', str(self))\n"
            "pathlib.Path.write_bytes = spoiled\nprint('x')"
        )
        error = error_of(await session.run(spoil))
        assert error["ename"] == "SessionDiskFull"
        assert "The cell has run" in error["evalue"]
        assert boot in error["evalue"]
        assert not session.failures


async def test_restart_gives_a_fresh_interpreter(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        await session.run("x = 1")
        before = session.hello.boot
        await session.executor.restart(before, "restart", 30)
        assert (await session.start()).boot != before
        assert result(await session.run("'x' in globals()")) == "False"


async def test_an_interpreter_that_ignores_interrupts_is_ended(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        stubborn = "while True:\n    try:\n        input()\n    except KeyboardInterrupt: pass"
        asked = await session.send(cell(stubborn))
        assert await session.interrupt(asked) == "pending"
        insists = (session.executor.restart(session.hello.boot, "interrupt", 30) for _ in range(3))
        await asyncio.gather(*insists)
        await session.until(lambda: session.ended)
        assert session.ended[0].reason == "stopped"
        assert "files" in session.ended[0].cause
        assert not session.failures


async def test_output_of_a_cell_whose_kernel_went_away_is_read_by_the_next(
    pool: RunningPool,
) -> None:
    identifier = new_identifier()
    async with live_session(pool, identifier) as before:
        await before.run("import threading; go = threading.Event()")
        late = "def late():\n    go.wait(100); print('late', flush=True)\n"
        asked = await before.send(cell(late + "threading.Thread(target=late).start(); go.set()"))
        await before.executor.aclose()
    async with live_session(pool, identifier) as after:
        await after.until(lambda: texts(after.of(asked)) == "late\n")
        assert await after.executor.stop(10)


async def test_an_answer_that_is_sent_twice_answers_one_question(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        asked = await session.send(cell("a = input(); b = input(); (a, b)"))
        answer = request("input_reply", {"value": "first"}, "stdin")
        await session.until(lambda: len(_questions(session)) == 1)
        await session.send(answer)
        await session.until(lambda: len(_questions(session)) == 2)
        await session.send(answer)
        await asyncio.sleep(0)
        await session.send(request("input_reply", {"value": "second"}, "stdin"))
        assert result(await session.over(asked)) == "('first', 'second')"


def _questions(session: LiveSession) -> list[Any]:
    return [m for m in session.messages if m.msg_type == "input_request"]


async def _replace(session: LiveSession) -> None:
    """What a cooldown does."""
    await session.executor._pool.end_session(10)
