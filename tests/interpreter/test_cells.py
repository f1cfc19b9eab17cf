"""Cells through the mailbox: what a front end sees is what an ipykernel sends."""

from __future__ import annotations

import itertools
import time

import pytest

from azure_session_kernel.common.errors import SessionTaken
from azure_session_kernel.wire import Message

from ..conftest import RunningPool
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


async def test_nothing_of_ours_is_seen_by_the_users_code(pool: RunningPool) -> None:
    async with live_session(pool, env={"COURSE": "CS101"}) as session:
        assert session.hello.execution_count == 0
        code = "In, _i, __import__('os').environ['COURSE'], sorted(globals())"
        seen = await session.run(code)
        (shown,) = [m.content for m in seen if m.msg_type == "execute_input"]
        assert shown["execution_count"] == 1
        cells, before, course, names = eval(result(seen))
        assert (cells, before, course) == (["", code], "", "CS101")
        assert not [name for name in names if "mailbox" in name or "azure" in name.lower()]
        history = texts(await session.run("%history -n -g azure-session-kernel"))
        assert [line for line in history.splitlines() if "not installed" in line] == []
        await session.run("get_ipython().history_manager.writeout_cache()")
        ours = "SELECT count(*) FROM history WHERE source_raw LIKE '%not' || ' installed%'"
        counted = f"list(get_ipython().history_manager.db.execute({ours!r}))"
        assert result(await session.run(counted)) == "[(0,)]"


async def test_messages_of_a_cell_come_in_ipykernels_order(session: LiveSession) -> None:
    seen = await session.run("print('a'); display('b'); import sys; print('c', file=sys.stderr); 1")
    types = [m.msg_type for m in seen]
    around = ["status", "execute_input"], ["execute_reply", "status"]
    outputs = ["stream", "display_data", "stream", "execute_result"]
    assert types == [*around[0], *outputs, *around[1]]


async def test_two_hundred_thousand_lines_are_complete_and_in_order(session: LiveSession) -> None:
    seen = await session.run("for i in range(200_000): print(i)")
    assert texts(seen) == "".join(f"{i}\n" for i in range(200_000))
    assert len([m for m in seen if m.msg_type == "stream"]) < 2000


async def test_a_message_larger_than_a_file_arrives_whole(session: LiveSession) -> None:
    seen = await session.run("display({'text/plain': 'x' * 3_000_000}, raw=True)")
    (shown,) = [m.content["data"] for m in seen if m.msg_type == "display_data"]
    assert shown["text/plain"] == "x" * 3_000_000


async def test_a_large_cell_is_sent_as_a_file(session: LiveSession) -> None:
    code = f"len({'y' * 1_000_000!r})"
    assert result(await session.run(code)) == "1000000"


async def test_a_display_is_updated(session: LiveSession) -> None:
    seen = await session.run("h = display('1', display_id='d'); h.update('2')")
    (update,) = [m.content for m in seen if m.msg_type == "update_display_data"]
    assert update["transient"]["display_id"] == "d"
    assert update["data"]["text/plain"] == "'2'"


async def test_a_traceback_of_any_length_arrives_whole(session: LiveSession) -> None:
    error = error_of(await session.run("raise ValueError('long' * 5000)"))
    assert (error["ename"], len(error["evalue"])) == ("ValueError", 20_000)


async def test_what_was_printed_is_seen_before_the_question_after_it(session: LiveSession) -> None:
    asked = await session.send(cell("print('before'); name = input('name? '); name"))
    await session.until(lambda: _questions(session, asked))
    assert texts(session.of(asked)) == "before\n"
    assert _questions(session, asked)[0].content == {"prompt": "name? ", "password": False}
    await session.send(request("input_reply", {"value": "Ada"}, "stdin"))
    assert result(await session.over(asked)) == "'Ada'"


async def test_a_password_is_asked_for_as_one(session: LiveSession) -> None:
    asked = await session.send(cell("import getpass; getpass.getpass('key: ')"))
    await session.until(lambda: _questions(session, asked))
    assert _questions(session, asked)[0].content == {"prompt": "key: ", "password": True}
    await session.send(request("input_reply", {"value": "s"}, "stdin"))
    assert result(await session.over(asked)) == "'s'"


async def test_input_is_refused_where_the_front_end_has_none(session: LiveSession) -> None:
    error = error_of(await session.run("input()", allow_stdin=False))
    assert error["ename"] == "StdinNotImplementedError"


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(600)",
        "input()",
        "import asyncio; await asyncio.sleep(600)",
    ],
)
async def test_a_cell_is_interrupted(session: LiveSession, code: str) -> None:
    await session.run("kept = 5")
    asked = await session.send(cell(code))
    assert await session.interrupt(asked) == "pending"
    assert error_of(await session.over(asked))["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert result(await session.run("kept")) == "5"


async def test_an_interrupt_for_a_cell_that_is_over_stops_nothing(session: LiveSession) -> None:
    before = cell("1")
    await session.over(await session.send(before))
    assert await session.interrupt(before) == "idle"
    assert result(await session.run("'unharmed'")) == "'unharmed'"


async def test_what_a_thread_prints_late_belongs_to_its_cell(session: LiveSession) -> None:
    await session.run("import threading; go = threading.Event()")
    late = "def late():\n    go.wait(100); print('late')\n"
    asked = await session.send(cell(late + "threading.Thread(target=late).start()"))
    await session.over(asked)
    await session.run("go.set()")
    await session.until(lambda: "late" in "".join(texts([m]) for m in session.messages))


async def test_a_forked_process_prints_too(session: LiveSession) -> None:
    child = "import os\nif os.fork() == 0:\n    print('child', flush=True); os._exit(0)\nos.wait()"
    asked = await session.send(cell(child))
    await session.until(lambda: texts(session.of(asked)) == "child\n")


async def test_a_comm_message_reaches_a_cell_that_awaits(session: LiveSession) -> None:
    listen = (
        "import asyncio, comm\ngot = asyncio.Event(); values = []\n"
        "def opened(c, m):\n    @c.on_msg\n    def heard(m):\n"
        "        values.append(m['content']['data']); got.set()\n"
        "comm.get_comm_manager().register_target('t', opened)"
    )
    await session.run(listen)
    opened = {"comm_id": "c1", "target_name": "t", "data": {}}
    await session.over(await session.send(request("comm_open", opened)))
    asked = await session.send(cell("await asyncio.wait_for(got.wait(), 20); values"))
    await session.send(request("comm_msg", {"comm_id": "c1", "data": {"v": 7}}))
    assert result(await session.over(asked)) == "[{'v': 7}]"


async def test_comm_messages_keep_their_order_whatever_the_clock_does(
    pool: RunningPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", itertools.count(10**18, -1).__next__)
    listen = (
        "import asyncio, comm\nvalues = []\n"
        "def opened(c, m): c.on_msg(lambda m: values.append(m['content']['data']))\n"
        "comm.get_comm_manager().register_target('t', opened)"
    )
    async with live_session(pool) as session:
        await session.run(listen)
        opened = {"comm_id": "c1", "target_name": "t", "data": {}}
        await session.over(await session.send(request("comm_open", opened)))
        wait = "while len(values) < 3: await asyncio.sleep(0.01)\nvalues"
        asked = await session.send(cell(wait))
        for value in range(3):
            await session.send(request("comm_msg", {"comm_id": "c1", "data": value}))
        assert result(await session.over(asked)) == "[0, 1, 2]"


async def test_memory_and_cpu_are_told_while_a_cell_runs(session: LiveSession) -> None:
    asked = await session.send(cell("input()"))
    usage = await session.send(request("usage_request", {}, "control"))
    seen = await session.over(usage)
    (reply,) = [m for m in seen if m.msg_type == "usage_reply"]
    assert reply.channel == "control"
    assert reply.content["pid"] > 0
    await session.send(request("input_reply", {"value": ""}, "stdin"))
    await session.over(asked)


@pytest.mark.parametrize("msg_type", ["debug_request", "create_subshell_request"])
async def test_what_a_mailbox_can_not_carry_says_so(session: LiveSession, msg_type: str) -> None:
    content = {"type": "request", "seq": 1, "command": "initialize", "arguments": {}}
    seen = await session.over(await session.send(request(msg_type, content, "control")))
    (reply,) = [m.content for m in seen if m.msg_type.endswith("_reply")]
    assert reply["status"] == "error"
    assert "A built-in pool has no" in reply["evalue"]
    assert session.hello.info["supported_features"] == []


async def test_a_newer_kernel_takes_the_session(pool: RunningPool) -> None:
    identifier = new_identifier()
    async with live_session(pool, identifier) as older:
        await older.run("mine = 1")
        async with live_session(pool, identifier) as newer:
            assert newer.hello.boot == older.hello.boot
            with pytest.raises(SessionTaken):
                await older.run("mine = 2")
            assert result(await newer.run("mine")) == "1"
            assert await newer.executor.stop(10)


def _questions(session: LiveSession, asked: Message) -> list[Message]:
    return [m for m in session.of(asked) if m.msg_type == "input_request"]


async def test_no_debugger_has_to_warn_of_frozen_modules(session: LiveSession) -> None:
    assert result(await session.run("import sys; sys._xoptions")) == "{'frozen_modules': 'off'}"
