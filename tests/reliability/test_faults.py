"""One fault at a time: what the user sees, and how often the cell has run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.pool.local_record import LocalPool, write_record
from azure_session_kernel.pool.retry import GONE_S
from azure_session_kernel.wire import MAX_BODY_BYTES

from ..kernel.live_kernel import Cell, LiveKernel, leases, wait_until, waits_for, with_constant
from .conftest import FaultyPool, StartKernel

SEND, READ = "/jupyter/send", "/jupyter/read"
OUTAGE_S = "azure_session_kernel.session.opening.OUTAGE_S"
#: Resets every connection: what is under way begins anew.
BREAK = {"fault": "refuse", "seconds": 0, "path": SEND, "nth": [1]}
#: Counts the stops.
STOPS = {"fault": "delay", "seconds": 0, "path": "/.management/stopSession", "every": 1}
LINES = "".join(f"line {i}\n" for i in range(200))


def counted(effects: Path) -> str:
    """A cell that leaves a mark outside its session and prints ``LINES``."""
    return (
        f"with open({str(effects)!r}, 'a') as file: file.write('x')\n"
        "for i in range(200): print('line', i)"
    )


def runs(effects: Path) -> int:
    return len(effects.read_text()) if effects.exists() else 0


def on(path: str, fault: str, **options: Any) -> dict[str, Any]:
    return {"fault": fault, "path": path, "nth": [1], **options}


def label(rule: dict[str, Any]) -> str:
    return f"{rule['fault']}-{rule.get('status', rule.get('answer', ''))}".rstrip("-")


PASSING = [
    {"fault": "refuse", "seconds": 0.3},
    {"fault": "reset_before"},
    {"fault": "reset_after"},
    {"fault": "cut", "bytes": 5},
    {"fault": "delay", "seconds": 0.3},
    {"fault": "stall", "bytes": 5, "seconds": 0.3},
    {"fault": "buffer", "seconds": 0.3},
    {"fault": "duplicate", "answer": "first"},
    {"fault": "duplicate", "answer": "second"},
    {"fault": "answer", "status": 429},
    {"fault": "answer", "status": 429, "retry_after": 1},
    {"fault": "answer", "status": 500},
    {"fault": "answer", "status": 502},
    {"fault": "answer", "status": 503},
    {"fault": "answer", "status": 504},
    {"fault": "answer", "status": 507},
    {"fault": "expire_token"},
]
REFUSING = [{"fault": "answer", "status": status} for status in (401, 403, 404, 409, 413)]


def is_whole(cell: Cell) -> bool:
    return cell.status == "ok" and cell.text() == LINES


@pytest.mark.parametrize("fault", PASSING, ids=label)
def test_what_passes_while_a_cell_is_sent_costs_nothing(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path, fault: dict[str, Any]
) -> None:
    before = sum(faulty.hits().values())
    faulty.arm({**fault, "path": SEND, "nth": [1]})
    assert is_whole(kernel.run(counted(tmp_path / "runs")))
    assert runs(tmp_path / "runs") == 1
    assert sum(faulty.hits().values()) == before + 1


@pytest.mark.parametrize("answer", ["reset_after", "duplicate"])
def test_a_large_cell_whose_last_part_comes_twice_runs_once(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path, answer: str
) -> None:
    before = faulty.hits().get(answer, 0)
    faulty.arm({"fault": answer, "path": SEND, "nth": [3]})
    assert is_whole(kernel.run(f"{counted(tmp_path / 'runs')}\n#{MAX_BODY_BYTES * 'x'}"))
    assert runs(tmp_path / "runs") == 1
    assert faulty.hits()[answer] == before + 1


@pytest.mark.parametrize("fault", [*PASSING, *REFUSING], ids=label)
def test_whatever_happens_to_reading_costs_nothing(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path, fault: dict[str, Any]
) -> None:
    before = sum(faulty.hits().values())
    faulty.arm({**fault, "path": READ, "nth": [1]}, BREAK)
    assert is_whole(kernel.run(counted(tmp_path / "runs")))
    assert runs(tmp_path / "runs") == 1
    wait_until(lambda: sum(faulty.hits().values()) >= before + 2)


@pytest.mark.parametrize("fault", REFUSING, ids=label)
def test_a_cell_that_the_pool_refuses_has_not_run(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path, fault: dict[str, Any]
) -> None:
    faulty.arm({**fault, "path": SEND, "every": 1})
    cell = kernel.run(counted(tmp_path / "runs"))
    assert str(fault["status"]) in cell.error["evalue"]
    faulty.arm()
    assert kernel.run("alive").status == "ok"
    assert runs(tmp_path / "runs") == 0


def test_a_cell_that_arrived_is_not_said_to_be_refused(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    """Its answer was lost, and sending it again is forbidden; but it runs."""
    refused = {"fault": "answer", "status": 403, "path": SEND, "nth": [2, 3, 4]}
    faulty.arm(on(SEND, "reset_after"), refused)
    code = counted(tmp_path / "runs") + "\nimport time; time.sleep(0.5)"
    assert is_whole(kernel.run(code))
    assert runs(tmp_path / "runs") == 1


def test_a_comm_message_on_a_slow_way_is_not_overtaken_by_the_cell_behind_it(
    kernel: LiveKernel, faulty: FaultyPool
) -> None:
    kernel.run(
        "got = []\ndef opened(comm, message): got.append(message['content']['data'])\n"
        "get_ipython().kernel.comm_manager.register_target('slow', opened)"
    )
    faulty.arm({"fault": "delay", "seconds": 0.5, "path": SEND, "nth": [1]})
    content = {"comm_id": "slow-comm", "target_name": "slow", "data": {"n": 1}}
    kernel.kc.shell_channel.send(kernel.kc.session.msg("comm_open", content))
    assert kernel.run("got").result == "[{'n': 1}]"


def test_a_local_pool_that_listens_has_the_patience_that_any_pool_has(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    """A busy machine is no reason to give a notebook up."""
    faulty.arm({"fault": "refuse", "seconds": GONE_S + 2, "path": SEND, "nth": [1]})
    assert is_whole(kernel.run(counted(tmp_path / "runs")))
    assert runs(tmp_path / "runs") == 1


@pytest.fixture
def impatient(start_kernel: StartKernel, faulty: FaultyPool, tmp_path: Path) -> LiveKernel:
    """A kernel for which an outage of a second is a long one."""
    return start_kernel(faulty.env | with_constant(tmp_path, OUTAGE_S, 1.0))


def test_outputs_are_not_shown_again_after_a_long_outage(
    impatient: LiveKernel, faulty: FaultyPool
) -> None:
    kernel = impatient
    first = kernel.execute("print('once')")
    kernel.finish(first)
    faulty.arm({"fault": "refuse", "seconds": 4, "path": SEND, "nth": [1]})
    assert kernel.run("1").status == "error"
    while kernel.run("2").status == "error":
        pass
    assert len([m for m in kernel.messages_of(first) if m["msg_type"] == "stream"]) == 1


@pytest.mark.parametrize("count", [1, 30])
def test_output_that_is_cut_into_pieces_is_whole(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path, count: int
) -> None:
    faulty.arm({"fault": "cut", "path": READ, "every": 1, "bytes": 4000}, BREAK)
    code = f"import time\nfor i in range({count}): print('x' * 500, i); time.sleep(0.06)"
    cell = kernel.run(code)
    assert cell.text() == "".join(f"{'x' * 500} {i}\n" for i in range(count))


@pytest.mark.parametrize("fault", ["replace_session", "clock_jump"])
def test_a_session_that_is_gone_is_told_by_a_cell_that_does_not_run(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path, fault: str
) -> None:
    faulty.arm(on(SEND, fault))
    cell = kernel.run(counted(tmp_path / "runs"))
    assert cell.error["ename"] == "SessionLost"
    assert runs(tmp_path / "runs") == 0
    assert "not" in cell.error_text
    assert is_whole(kernel.run(counted(tmp_path / "runs")))


def test_a_killed_adapter_is_told_and_the_next_cell_works(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    """The pool's 502 does not say whether the cell had arrived."""
    faulty.arm(on(SEND, "kill_adapter"))
    cell = kernel.run(counted(tmp_path / "runs"))
    assert cell.error["ename"] in ("SessionLost", "ExecutionUnknown")
    assert is_whole(kernel.run(counted(tmp_path / "again")))


def test_an_interpreter_that_is_killed_while_a_cell_runs_is_told(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    running = kernel.execute(counted(tmp_path / "runs") + "\nimport time; time.sleep(600)")
    kernel.wait_for_text(running, "line 199\n")
    faulty.arm(on(SEND, "kill_interpreter"))
    kernel.kc.control_channel.send(kernel.kc.session.msg("usage_request"))
    cell = kernel.finish(running)
    assert cell.error["ename"] == "InterpreterDied"
    assert cell.text() == LINES
    assert runs(tmp_path / "runs") == 1


def test_a_loss_that_only_a_completion_has_met_is_told_by_the_next_cell(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    faulty.arm(on(SEND, "replace_session"))
    reply = kernel.reply(kernel.kc.complete("ali"))
    assert reply["content"]["status"] == "error"
    cell = kernel.run(counted(tmp_path / "runs"))
    assert cell.error["ename"] == "SessionLost"
    assert runs(tmp_path / "runs") == 0


def test_a_loss_that_only_repeating_a_send_has_met_is_told_by_the_next_cell(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    """The cell was sent, ran and was answered; only the answer to the sending did not come."""
    before = faulty.hits().get("replace_session", 0)
    unanswered = on(SEND, "stall", bytes=5, seconds=1)
    faulty.arm(unanswered, {"fault": "replace_session", "path": SEND, "nth": [2]})
    assert is_whole(kernel.run(counted(tmp_path / "runs")))
    wait_until(lambda: faulty.hits().get("replace_session", 0) > before)
    cell = kernel.run(counted(tmp_path / "runs"))
    assert cell.error["ename"] == "SessionLost"
    assert runs(tmp_path / "runs") == 1
    assert is_whole(kernel.run(counted(tmp_path / "runs")))


def test_a_token_that_expires_while_a_cell_runs_is_renewed(
    kernel: LiveKernel, faulty: FaultyPool
) -> None:
    cell = kernel.execute("import time\nfor i in range(40): print(i, flush=True); time.sleep(0.05)")
    kernel.wait_for_text(cell, "3")
    faulty.arm(on(READ, "expire_token"), BREAK)
    kernel.control("usage_request")  # its sending breaks all connections, the open read too
    assert kernel.finish(cell).text() == "".join(f"{i}\n" for i in range(40))
    assert faulty.hits()["expire_token"] >= 1


def test_behind_a_proxy_that_buffers_output_still_comes_while_the_cell_runs(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    faulty.arm({"fault": "buffer", "path": READ, "every": 1})
    kernel = start_kernel()
    kernel.run("1")  # notices the proxy
    gate = tmp_path / "gate"
    cell = kernel.execute(f"print('first', flush=True)\n{waits_for(gate)}")
    kernel.wait_for_text(cell, "first")
    gate.touch()
    kernel.finish(cell)


def test_of_two_kernels_that_claim_one_session_the_newer_wins_and_the_older_says_so(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = {"AZURE_SESSION_IDENTIFIER": "one-session-for-two"}
    older = start_kernel({**faulty.env, **shared})
    assert older.run("x = 1").status == "ok"
    other = {**faulty.env, **shared, "JUPYTER_DATA_DIR": str(tmp_path / "other")}
    with monkeypatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", other["JUPYTER_DATA_DIR"])
        write_record(LocalPool(faulty.pool.url, faulty.token, os.getpid()))
    newer = start_kernel(other)
    assert newer.run("y = 2").status == "ok"
    effects = tmp_path / "runs"
    for _ in range(2):
        assert older.run(counted(effects)).error["ename"] == "SessionTaken"
    assert runs(effects) == 0
    assert newer.run("y").result == "2"


def test_a_session_that_comes_back_after_its_stop_is_stopped_again(
    faulty: FaultyPool, start_kernel: StartKernel
) -> None:
    """A hello that is under way when the kernel ends allocates its session afterwards."""
    others, hits = faulty.sessions(), faulty.hits()
    faulty.arm(on("/jupyter/hello", "hold"), STOPS)
    kernel = start_kernel(ready=False)
    wait_until(lambda: faulty.hits().get("hold", 0) > hits.get("hold", 0))  # it is on its way
    kernel.stop()
    wait_until(lambda: faulty.hits().get("delay", 0) > hits.get("delay", 0) + 1)  # stopped, twice
    assert "stopping" in [lease["state"] for lease in leases(kernel.env)]
    stops = faulty.hits()["delay"]
    faulty.arm(STOPS)
    wait_until(lambda: faulty.hits()["delay"] > stops and faulty.sessions() == others)


def test_an_answer_that_is_always_cut_in_the_middle_of_a_line_ends_the_cell(
    impatient: LiveKernel, faulty: FaultyPool
) -> None:
    """Each try brings the same bytes and no more, so there is nothing to wait for."""
    faulty.arm(BREAK, {"fault": "cut", "path": READ, "every": 1, "bytes": 20_000})
    cell = impatient.run("print('x' * 50_000, flush=True)")
    assert cell.error["ename"] == "ExecutionUnknown"
    assert faulty.hits()["cut"] > 1
