"""What a cell shows: every kind of output, live, complete, in order, under its own cell."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ..conftest import RunningPool
from .conftest import StartKernel
from .live_kernel import Cell, JupyterMessage, LiveKernel, waits_for

# -- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_is_shown_while_its_cell_still_runs(
    kernel: LiveKernel, tmp_path: Path, stream: str
) -> None:
    gate = tmp_path / "gate"
    # Each in one write: print gives the end of a line in a second one, which can come apart.
    code = f"import sys\nsys.{stream}.write('first\\n')\nsys.{stream}.flush()\n{waits_for(gate)}"
    msg_id = kernel.execute(code + f"_ = sys.{stream}.write('last\\n')")
    first = kernel.wait_for_text(msg_id, "first")
    assert first["content"] == {"name": stream, "text": "first\n"}
    gate.touch()
    cell = kernel.finish(msg_id)
    assert cell.text(stream) == "first\nlast\n"
    assert cell.output_types == ["stream", "stream"]


def test_stdout_and_stderr_stay_apart(kernel: LiveKernel) -> None:
    cell = kernel.run("import sys\nfor n in range(3): print(n); print(-n, file=sys.stderr)")
    assert cell.text("stdout") == "0\n1\n2\n"
    assert cell.text("stderr") == "0\n-1\n-2\n"


def test_output_from_below_python_is_shown(kernel: LiveKernel) -> None:
    cell = kernel.run("import os; os.system('echo from a child')")
    assert "from a child\n" in cell.text()


@pytest.mark.parametrize(
    "text",
    [
        "emoji \U0001f600 and \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "one\u2028two\u2029three\u0085four",
        "a\x00b\x1b[31mred\x1b[0m\x07\x7f",
        "cr\rlf\ncrlf\r\nff\x0cvt\x0b",
        "\\u2028 \\n \"quotes\" {'a': 1}",
    ],
    ids=["emoji", "separators", "control", "line-ends", "escapes"],
)
def test_every_character_arrives_unchanged(kernel: LiveKernel, text: str) -> None:
    cell = kernel.run(f"print({text!a}, end='')\n{text!a}")
    assert cell.text() == text
    assert cell.result == repr(text)
    assert cell.text("stderr") == ""


def test_a_lone_surrogate_arrives_so_that_a_notebook_can_hold_it(kernel: LiveKernel) -> None:
    """ipykernel shows nothing of the whole text, and nbformat can't write one."""
    text = "lone \ud800, \udcc3 and \udfff surrogates"
    cell = kernel.run(f"print({text!a}, end='')\nprint('after')\n{text!a}")
    assert cell.text() == "lone \ufffd, \ufffd and \ufffd surrogatesafter\n"
    assert cell.result == repr(text)
    assert cell.text("stderr") == ""


def test_half_a_character_in_a_cells_code_is_the_cells_own_error(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    """Browsers send it; jupyter_client can't, and of ipykernel no answer comes."""
    kernel = start_kernel(local_pool.env)
    kernel.kc.session.pack = lambda value: json.dumps(value, default=str).encode()
    for half in ("\ud83d", "\udc80"):
        error = kernel.run(f"x = 1  # {half}").error
        assert error["ename"] == "UnicodeEncodeError"
        assert "surrogates not allowed" in error["evalue"]
    assert kernel.run("# \ud83d\ude00\n6 * 7").result == "42"


def test_a_message_that_nobody_can_read_is_named_in_its_own_cell(kernel: LiveKernel) -> None:
    limit = "import sys\nsys.set_int_max_str_digits({})\n"
    show = "display({'application/json': 10**5000}, raw=True)\nprint('after')\n"
    cell = kernel.run(limit.format(0) + show + limit.format(4300))
    (shown,) = cell.of_type("display_data")
    assert "(display_data) is missing here: it holds an integer" in shown["data"]["text/plain"]
    assert cell.text() == "after\n"
    assert cell.status == "ok"


def test_a_progress_bar_arrives_unchanged(kernel: LiveKernel) -> None:
    code = (
        "import sys\nfrom tqdm import tqdm\n"
        "for _ in tqdm(range(4), file=sys.stdout, ncols=60, mininterval=0, desc='\\u2588'): pass"
    )
    text = kernel.run(code).text()
    assert text.count("\r") == 6
    assert text.startswith("\r\u2588:   0%|")
    assert "\r\u2588: 100%|\u2588" in text


# -- much output ----------------------------------------------------------------------------------


def test_16_200_000_characters_in_200_000_lines_arrive_complete_and_in_order(
    kernel: LiveKernel,
) -> None:
    cell = kernel.run("for n in range(200_000): print(f'{n:080d}')", limit_s=60)
    expected = "".join(f"{n:080d}\n" for n in range(200_000))
    assert len(expected) == 16_200_000
    assert _sha256(cell.text()) == _sha256(expected)
    assert cell.status == "ok"


def test_ten_thousand_flushed_prints_arrive_complete_with_the_idle(kernel: LiveKernel) -> None:
    cell = kernel.run("for n in range(10_000): print(n, flush=True)", limit_s=60)
    assert cell.text() == "".join(f"{n}\n" for n in range(10_000))


def test_one_line_of_30_megabytes_arrives(kernel: LiveKernel) -> None:
    cell = kernel.run("print('0123456789' * 3_000_000)", limit_s=60)
    assert _sha256(cell.text()) == _sha256("0123456789" * 3_000_000 + "\n")


def test_a_display_of_20_megabytes_arrives(kernel: LiveKernel) -> None:
    code = "display({'image/x-test': 'abcdefghij' * 2_000_000}, raw=True)"
    (shown,) = kernel.run(code, limit_s=60).of_type("display_data")
    assert _sha256(shown["data"]["image/x-test"]) == _sha256("abcdefghij" * 2_000_000)


def test_a_cell_of_5_megabytes_is_sent_and_runs(kernel: LiveKernel) -> None:
    cell = kernel.run(f"text = {'x' * 5_000_000!r}\nlen(text)", store_history=False)
    assert cell.result == "5000000"


# -- rich output ----------------------------------------------------------------------------------


def test_a_value_is_shown_as_a_result_with_its_count(kernel: LiveKernel) -> None:
    cell = kernel.run("6 * 7")
    (content,) = cell.of_type("execute_result")
    assert content["data"] == {"text/plain": "42"}
    assert content["execution_count"] == cell.content["execution_count"]


def test_a_display_is_updated_by_its_id_from_another_cell(kernel: LiveKernel) -> None:
    made = kernel.run("handle = display('before', display_id='the-id')")
    (shown,) = made.of_type("display_data")
    assert shown["transient"] == {"display_id": "the-id"}
    updated = kernel.run("handle.update('after')")
    (update,) = updated.of_type("update_display_data")
    assert update["data"] == {"text/plain": "'after'"}
    assert update["transient"] == {"display_id": "the-id"}


def test_clear_output_keeps_its_place_among_the_outputs(kernel: LiveKernel) -> None:
    cell = kernel.run(
        "from IPython.display import clear_output\n"
        "print('gone', end='')\nclear_output(wait=True)\nprint('stays', end='')\nclear_output()"
    )
    assert cell.output_types == ["stream", "clear_output", "stream", "clear_output"]
    assert [c["wait"] for c in cell.of_type("clear_output")] == [True, False]


def test_matplotlib_draws_a_png(kernel: LiveKernel) -> None:
    cell = kernel.run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
    (shown,) = cell.of_type("display_data")
    assert base64.b64decode(shown["data"]["image/png"]).startswith(b"\x89PNG\r\n\x1a\n")
    assert cell.text("stderr") == ""


def test_metadata_of_a_display_arrives(kernel: LiveKernel) -> None:
    code = "display({'text/plain': 'x'}, raw=True, metadata={'text/plain': {'width': 7}})"
    (shown,) = kernel.run(code).of_type("display_data")
    assert shown["metadata"] == {"text/plain": {"width": 7}}


# -- the reply ------------------------------------------------------------------------------------


def test_user_expressions_are_evaluated_with_the_cell(kernel: LiveKernel) -> None:
    cell = kernel.run("a = 20", user_expressions={"double": "a * 2", "wrong": "1 / 0"})
    answers = cell.content["user_expressions"]
    assert answers["double"]["status"] == "ok"
    assert answers["double"]["data"] == {"text/plain": "40"}
    assert answers["wrong"]["status"] == "error"
    assert answers["wrong"]["ename"] == "ZeroDivisionError"


def test_a_question_mark_opens_the_pager(kernel: LiveKernel) -> None:
    (payload,) = kernel.run("len?").content["payload"]
    assert payload["source"] == "page"
    assert "number of items" in payload["data"]["text/plain"]


def test_a_silent_cell_shows_nothing_and_does_not_count(kernel: LiveKernel) -> None:
    before = _count(kernel.run("0"))
    cell = kernel.run("print('unseen'); silently = 1; silently", silent=True)
    assert [m["msg_type"] for m in cell.messages if m["msg_type"] != "stream"] == ["status"] * 2
    assert cell.status == "ok"
    assert _count(kernel.run("assert silently == 1")) == before + 1


def test_a_cell_without_history_does_not_count(kernel: LiveKernel) -> None:
    before = _count(kernel.run("0"))
    assert kernel.run("'not stored'", store_history=False).result == "'not stored'"
    assert _count(kernel.run("0")) == before + 1


def test_counts_are_the_sessions_own(kernel: LiveKernel) -> None:
    cell = kernel.run("len(In) - 1")
    count = _count(cell)
    assert cell.result == str(count)
    assert cell.of_type("execute_input") == [{"code": "len(In) - 1", "execution_count": count}]
    assert _count(kernel.run("1 / 0")) == count + 1
    assert _count(kernel.run("pass")) == count + 2


def test_history_of_the_running_session_is_found_by_range(kernel: LiveKernel) -> None:
    count = _count(kernel.run("'to be found'"))
    msg_id = kernel.kc.history(hist_access_type="range", session=0, start=count, stop=count + 1)
    reply = kernel.reply(msg_id)
    assert reply["content"]["history"] == [[0, count, "'to be found'"]]


# -- errors ---------------------------------------------------------------------------------------


def test_an_error_is_the_same_in_output_and_reply(kernel: LiveKernel) -> None:
    cell = kernel.run("def f():\n    raise ValueError('on purpose \u2028')\nf()")
    assert (cell.error["ename"], cell.error["evalue"]) == ("ValueError", "on purpose \u2028")
    assert "\x1b[" in cell.error_text
    assert "f()" in cell.error_text


def test_a_traceback_shows_the_users_code_only(kernel: LiveKernel) -> None:
    text = kernel.run("1 / 0").error_text
    assert "ZeroDivisionError" in text
    assert "azure_session_kernel" not in text


def test_an_error_aborts_the_cells_that_wait_behind_it(kernel: LiveKernel, tmp_path: Path) -> None:
    gate, ran = tmp_path / "gate", tmp_path / "ran"
    first = kernel.execute(waits_for(gate) + "1 / 0")
    waiting = [kernel.execute(f"open({str(ran)!r}, 'w')") for _ in range(3)]
    kernel.wait_until_running(first)
    gate.touch()
    assert kernel.finish(first).error["ename"] == "ZeroDivisionError"
    for msg_id in waiting:
        cell = kernel.finish(msg_id)
        assert cell.status == "aborted"
        assert cell.outputs == []
    assert kernel.run("'later cells run'").status == "ok"
    assert not ran.exists()


def test_without_stop_on_error_the_cells_behind_it_run(kernel: LiveKernel, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = kernel.execute(waits_for(gate) + "1 / 0", stop_on_error=False)
    second = kernel.execute("'ran'")
    gate.touch()
    assert kernel.finish(first).status == "error"
    assert kernel.finish(second).result == "'ran'"


# -- IPython --------------------------------------------------------------------------------------


def test_magics_and_shell_commands_work(kernel: LiveKernel, tmp_path: Path) -> None:
    assert "per loop" in kernel.run("%timeit -n 10 -r 2 sum(range(10))").text()
    assert kernel.run("%%bash\necho from $BASH").text().startswith("from ")
    assert kernel.run("files = !echo one two\nfiles[0].split()").result == "['one', 'two']"
    assert kernel.run("!echo out; echo err >&2").text().replace("\r", "").count("\n") == 2
    assert kernel.run("%no_such_magic").text("stderr").startswith("UsageError")


def test_top_level_await_works(kernel: LiveKernel) -> None:
    assert kernel.run("import asyncio\nawait asyncio.sleep(0, 'awaited')").result == "'awaited'"


# -- where and when -------------------------------------------------------------------------------


def test_outputs_come_before_the_reply_and_the_reply_before_idle(kernel: LiveKernel) -> None:
    for code in ("print(1)\ndisplay(2)\n3", "print(1)\n1 / 0", "print('x' * 3_000_000)"):
        cell = kernel.run(code)
        types = [message["msg_type"] for message in cell.messages]
        assert types[:2] == ["status", "execute_input"]
        assert types[-1] == "status"
        assert types.count("status") == 2
        # Different sockets: only the moments of sending tell.
        dates = [message["header"]["date"] for message in cell.messages]
        assert dates[:-1] == sorted(dates[:-1])
        assert dates[-2] <= cell.reply["header"]["date"] <= dates[-1]


def test_late_output_of_a_thread_finds_its_own_cell(kernel: LiveKernel, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = kernel.run(
        "import threading\n"
        "def work():\n"
        + "".join(f"    {line}\n" for line in waits_for(gate).splitlines())
        + "    print('late\\n', end='', flush=True)\n"
        "threading.Thread(target=work).start()\n"
        "print('early')"
    )
    assert first.text() == "early\n"
    gate.touch()
    late = kernel.wait_for_text(first.msg_id, "late")
    assert late["parent_header"]["msg_type"] == "execute_request"
    assert late["content"]["text"] == "late\n"


def test_each_message_names_the_request_it_belongs_to(kernel: LiveKernel) -> None:
    cell = kernel.run("print(1)\n2")
    for message in [*cell.messages, cell.reply]:
        parent = message["parent_header"]
        assert parent["msg_id"] == cell.msg_id
        assert parent["session"] == kernel.kc.session.session
        assert parent["msg_type"] == "execute_request"


def test_completion_is_answered_after_the_running_cell(kernel: LiveKernel, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    cell = kernel.execute(f"completed_name = 1\n{waits_for(gate)}")
    asked = kernel.kc.complete("completed_na")
    gate.touch()
    assert kernel.finish(cell).status == "ok"
    assert kernel.reply(asked)["content"]["matches"] == ["completed_name"]


def test_a_comm_reaches_the_session_and_its_answer_comes_back(kernel: LiveKernel) -> None:
    kernel.run(
        "def opened(comm, message):\n"
        "    def echo(m): comm.send({'echo': m['content']['data']}, buffers=[b'\\x00\\xff'])\n"
        "    comm.on_msg(echo)\n"
        "get_ipython().kernel.comm_manager.register_target('echo', opened)"
    )
    comm = {"comm_id": "the-comm", "target_name": "echo", "data": {}}
    kernel.kc.shell_channel.send(kernel.kc.session.msg("comm_open", comm))
    asked = kernel.kc.session.msg("comm_msg", {"comm_id": "the-comm", "data": {"n": 1}})
    kernel.kc.shell_channel.send(asked)
    answer = kernel.wait_for(asked["header"]["msg_id"], lambda m: m["msg_type"] == "comm_msg")
    assert answer["content"]["data"] == {"echo": {"n": 1}}
    assert [bytes(buffer) for buffer in answer["buffers"]] == [b"\x00\xff"]


def test_outputs_are_the_same_as_with_ipykernel(
    kernel: LiveKernel, start_kernel: StartKernel
) -> None:
    local = start_kernel(kernel_name="python3")
    for code in (
        "print('a\\r\\u2028b', end='')",
        "display({'text/html': '<b>x</b>', 'text/plain': 'x'}, raw=True)",
        "[1, {'a': None}, 'text']",
        "import this_is_missing",
        "def broken(:",
        "raise SystemExit('bye')",
        "import sys; print('e', file=sys.stderr)",
    ):
        ours, theirs = kernel.run(code), local.run(code)
        assert _comparable(ours) == _comparable(theirs), code


def _comparable(cell: Cell) -> list[tuple[str, Any]]:
    return [(m["msg_type"], _without_counts(m)) for m in cell.outputs]


def _without_counts(message: JupyterMessage) -> dict[str, Any]:
    # A traceback names its cell by number and by temporary file.
    left_out = {"execution_count", "traceback"}
    return {k: v for k, v in message["content"].items() if k not in left_out}


def _count(cell: Cell) -> int:
    count = cell.content["execution_count"]
    assert isinstance(count, int)
    return count


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
