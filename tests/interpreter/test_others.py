"""What somebody else runs in the session is not the user's: a proxy's health check for instance."""

from __future__ import annotations

from ..conftest import RunningPool, StartPool
from .live_session import LiveSession, cell, live_session, result, texts

_SEEN = "In[1:], sorted(Out), _, [n for n in globals() if n[:1] == '_' and n[1:].isdigit()]"


async def _health_check(session: LiveSession) -> None:
    execution = await session.executor._pool.execute("1+1")
    assert (execution.succeeded, execution.result) == (True, 2)


async def test_a_health_check_leaves_nothing_in_the_users_history(pool: RunningPool) -> None:
    async with live_session(pool, start=False) as session:
        await _health_check(session)
        assert (await session.start()).execution_count == 0
        assert result(await session.run("'mine'")) == "'mine'"
        await _health_check(session)
        await _health_check(session)
        seen = await session.run(_SEEN)
        (shown,) = [m.content["execution_count"] for m in seen if m.msg_type == "execute_input"]
        assert shown == 2
        assert eval(result(seen)) == (["'mine'", _SEEN], [1], "mine", ["_1"])
        assert "1+1" not in texts(await session.run("%history -n -g 1+1")).replace("-g 1+1", "")


async def test_what_a_thread_prints_after_it_belongs_to_its_cell(pool: RunningPool) -> None:
    async with live_session(pool) as session:
        late = (
            "import os, threading, time\n"
            "def late():\n"
            "    while not os.path.exists('go'): time.sleep(0.01)\n"
            "    print('late')\n"
        )
        asked = await session.send(cell(late + "threading.Thread(target=late).start()"))
        await session.over(asked)
        await _health_check(session)
        await session.executor._pool.upload("", "go", b"")
        await session.until(lambda: texts(session.of(asked)) == "late\n")


async def test_a_proxy_that_checks_all_the_time_changes_no_cell(start_pool: StartPool) -> None:
    pool = start_pool("--kind", "interpreter", "--habit", "health-check=0.05")
    async with live_session(pool) as session:
        for number in range(1, 6):
            seen = await session.run("import time; time.sleep(0.1); len(In) - 1")
            assert result(seen) == str(number)
        assert not session.failures
