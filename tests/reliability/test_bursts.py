"""Faults in the middle of a burst of cells: what each of them says, and how often it has run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.pool.local_record import LocalPool, write_record

from ..kernel.live_kernel import Cell, LiveKernel, wait_until, waits_for
from ..kernel.tcp_proxy import TcpProxy
from .conftest import FaultyPool, StartKernel
from .test_faults import PASSING, REFUSING, SEND, label, on

CELLS = 8
#: Counts what is sent.
SENDS = {"fault": "delay", "seconds": 0, "path": SEND, "every": 1}
DIES = {3: "os._exit(1)"}


class Burst:
    """A cell that runs until ``gate`` is there, and some more, each of which notes that it has run.

    :param then: what the first one does at its end.
    """

    def __init__(self, kernel: LiveKernel, folder: Path, then: str = "") -> None:
        self.kernel, self.effects, self.gate = kernel, folder / "ran", folder / "gate"
        self.ids: list[str] = []
        self.first = kernel.execute(f"print('on', flush=True)\n{waits_for(self.gate)}{then}")
        kernel.wait_for_text(self.first, "on")

    def send(self, special: Mapping[int, str] = {}, count: int = CELLS) -> None:
        for n in range(count):
            note = f"import os\nwith open({str(self.effects)!r}, 'a') as file: file.write('{n} ')\n"
            self.ids.append(self.kernel.execute(f"{note}{special.get(n, f'print({n})')}"))
        # Overtaken by nothing, so known to have arrived when it is answered.
        self.kernel.control("kernel_info_request")

    def finish(self) -> list[Cell]:
        self.gate.touch()
        return [self.kernel.finish(msg_id) for msg_id in self.ids]

    @property
    def ran(self) -> list[int]:
        return [int(n) for n in self.effects.read_text().split()] if self.effects.exists() else []


def _all_is_well(cells: Sequence[Cell]) -> bool:
    return [(cell.status, cell.text()) for cell in cells] == [
        ("ok", f"{n}\n") for n in range(len(cells))
    ]


def _statuses(cells: Sequence[Cell]) -> list[str]:
    return [str(cell.content.get("ename", cell.status)) for cell in cells]


@pytest.mark.parametrize("fault", [*PASSING, *REFUSING], ids=label)
def test_whatever_happens_to_cells_that_are_sent_ahead_each_runs_once_and_in_its_turn(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path, fault: dict[str, Any]
) -> None:
    before = sum(faulty.hits().values())
    burst = Burst(kernel, tmp_path)
    faulty.arm({**fault, "path": SEND, "nth": [1]})
    burst.send()
    assert _all_is_well(burst.finish())
    assert burst.ran == list(range(CELLS))
    assert sum(faulty.hits().values()) == before + 1


def test_an_interpreter_that_dies_has_run_nothing_behind_the_cell_that_killed_it(
    kernel: LiveKernel, tmp_path: Path
) -> None:
    burst = Burst(kernel, tmp_path)
    burst.send(DIES)
    cells = burst.finish()
    assert _all_is_well(cells[:3])
    assert _statuses(cells[3:]) == ["InterpreterDied"] + ["aborted"] * 4
    assert burst.ran == [0, 1, 2, 3]
    assert kernel.run("1 + 1").result == "2"


def test_an_interpreter_that_dies_while_cells_are_on_their_way_runs_none_of_them(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    """The answer to their sending comes when their boot is over."""
    burst = Burst(kernel, tmp_path, then="os._exit(1)")
    faulty.arm({"fault": "stall", "bytes": 5, "seconds": 1, "path": SEND, "nth": [1]})
    burst.send()
    cells = burst.finish()
    assert kernel.finish(burst.first).error["ename"] == "InterpreterDied"
    assert _statuses(cells) == ["aborted"] * CELLS
    assert burst.ran == []
    assert kernel.run("1 + 1").result == "2"


def test_of_cells_whose_session_is_gone_nobody_knows_whether_they_ran(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    burst = Burst(kernel, tmp_path)
    faulty.arm(on(SEND, "kill_adapter"))
    burst.kernel.execute("'one that is perhaps sent'")
    burst.send()
    cells = [kernel.finish(msg_id) for msg_id in (burst.first, *burst.ids)]
    assert cells[0].status == "error"
    assert set(_statuses(cells[1:])) <= {"aborted", "ExecutionUnknown", "SessionLost"}
    assert burst.ran == []
    while kernel.run("1").status != "ok":
        pass


@contextmanager
def _behind(faulty: FaultyPool, folder: Path) -> Iterator[tuple[TcpProxy, dict[str, str]]]:
    with TcpProxy(int(faulty.pool.url.rpartition(":")[2])) as network:
        env = {**faulty.env, "JUPYTER_DATA_DIR": str(folder / "behind")}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JUPYTER_DATA_DIR", env["JUPYTER_DATA_DIR"])
            write_record(LocalPool(network.url, faulty.token, os.getpid()))
        yield network, env


def test_fifty_cells_that_come_while_the_first_is_on_its_way_take_few_requests(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    with _behind(faulty, tmp_path) as (network, env):
        kernel = start_kernel(env)
        burst = Burst(kernel, tmp_path)
        before = faulty.hits().get("delay", 0)
        faulty.arm(SENDS)
        network.stall()
        burst.send(count=50)
        network.mend()
        cells = burst.finish()
        assert _all_is_well(cells)
        assert burst.ran == list(range(50))
        assert faulty.hits()["delay"] - before <= 10, "on a busy machine they come in several lots"


def _cells(kernel: LiveKernel, effects: Path, first: str) -> list[str]:
    """Sent at once; each notes that it has run."""
    note = f"with open({str(effects)!r}, 'a') as file: file.write('%d ')\n%s"
    codes = [note % (n, f"print({n})" if n else first) for n in range(CELLS)]
    return [kernel.execute(code) for code in codes]


@pytest.mark.parametrize(
    ("first", "statuses", "ran"),
    [
        ("print(0)", ["ok"] * CELLS, list(range(CELLS))),
        ("1 / 0", ["ZeroDivisionError"] + ["aborted"] * (CELLS - 1), [0]),
    ],
)
def test_cells_that_overtake_the_first_one_run_once_and_in_their_turn(
    kernel: LiveKernel,
    faulty: FaultyPool,
    tmp_path: Path,
    first: str,
    statuses: list[str],
    ran: list[int],
) -> None:
    assert kernel.run("1 + 1").result == "2"  # it has connections
    before, effects = faulty.hits().get("delay", 0), tmp_path / "ran"
    faulty.arm(on(SEND, "hold"), SENDS)
    ids = _cells(kernel, effects, first)
    wait_until(lambda: faulty.hits().get("delay", 0) > before)
    faulty.arm()
    assert _statuses([kernel.finish(msg_id) for msg_id in ids]) == statuses
    assert [int(n) for n in effects.read_text().split()] == ran
    assert kernel.run("1 + 1").result == "2"


def test_cells_behind_one_that_is_refused_are_aborted_also_when_they_were_sent(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    assert kernel.run("1 + 1").result == "2"
    before, effects = faulty.hits().get("delay", 0), tmp_path / "ran"
    delayed = {"fault": "delay", "seconds": 1.5, "path": SEND, "nth": [2]}
    faulty.arm(on(SEND, "answer", status=403, seconds=1), delayed)  # by then all have come
    ids = _cells(kernel, effects, "print(0)")
    statuses = _statuses([kernel.finish(msg_id) for msg_id in ids])
    assert statuses == ["Forbidden"] + ["aborted"] * (CELLS - 1)
    assert faulty.hits().get("delay", 0) - before <= 1
    assert not effects.exists()
    assert kernel.run("1 + 1").result == "2"


def test_a_network_that_breaks_in_the_middle_of_a_burst_costs_nothing(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    with _behind(faulty, tmp_path) as (network, env):
        kernel = start_kernel(env)
        burst = Burst(kernel, tmp_path)
        halfway = tmp_path / "halfway"
        burst.send({4: f"print(4, flush=True)\n{waits_for(halfway)}"})
        burst.gate.touch()
        kernel.wait_for_text(burst.ids[4], "4")
        network.cut()
        halfway.touch()
        network.mend()
        assert _all_is_well(burst.finish())
        assert burst.ran == list(range(CELLS))


def test_an_interrupt_that_does_not_arrive_leaves_nobody_in_doubt_of_what_is_not_known(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    """When it arrives at last, it ends what runs, and what is behind that does not run."""
    with _behind(faulty, tmp_path) as (network, env):
        kernel = start_kernel(env)
        burst = Burst(kernel, tmp_path)
        burst.send()
        network.stall()
        kernel.interrupt()
        first = kernel.finish(burst.first)
        assert "not confirmed" in first.error["evalue"]
        cells = [kernel.finish(msg_id) for msg_id in burst.ids]
        assert set(_statuses(cells)) <= {"ExecutionUnknown", "aborted"}
        assert _statuses(cells)[0] == "ExecutionUnknown"
        network.mend()
        assert kernel.run("1 + 1").result == "2"
        assert burst.ran == []


def test_an_interrupt_that_overtakes_cells_on_their_way_is_for_them_too(
    kernel: LiveKernel, faulty: FaultyPool, tmp_path: Path
) -> None:
    burst = Burst(kernel, tmp_path)
    faulty.arm({"fault": "delay", "seconds": 1, "path": SEND, "nth": [1]})
    burst.send()
    kernel.interrupt()
    first = kernel.finish(burst.first)
    assert first.error["ename"] == "KeyboardInterrupt"
    assert _statuses([kernel.finish(msg_id) for msg_id in burst.ids]) == ["aborted"] * CELLS
    assert kernel.run("1 + 1").result == "2"
    assert burst.ran == []


def test_magics_of_the_kernel_itself_have_their_places_among_the_others(
    kernel: LiveKernel, tmp_path: Path
) -> None:
    burst = Burst(kernel, tmp_path)
    burst.send()
    magics = ["%session", "%files", "%%stdin\nx\n%%code\nprint(input())", "%session nonsense", "1"]
    ids = [kernel.execute(code) for code in magics]
    cells = burst.finish()
    assert _all_is_well(cells)
    others = [kernel.finish(msg_id) for msg_id in ids]
    assert _statuses(others) == ["ok", "ok", "ok", "UsageError", "aborted"]
    counts = [cell.content["execution_count"] for cell in (*cells, *others[:4])]
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    assert burst.ran == list(range(CELLS))
    following = kernel.run("1")
    assert following.content["execution_count"] == counts[-1] + 1
