"""From start to end: restart, shutdown, sudden deaths, lost sessions, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from ..conftest import RunningPool, StartPool
from .conftest import StartKernel
from .live_kernel import (
    STOPS_WITHIN_S,
    LiveKernel,
    alive,
    leases,
    wait_until,
    waits_for,
    with_constant,
)

#: What a cell that was interrupted has before a shutdown ends it.
LAST_WORDS_S = "azure_session_kernel.kernel.interrupts.LAST_WORDS_S"
MANAGEMENT = {"api-version": "2025-02-02-preview"}


def _sessions(pool: RunningPool) -> set[str]:
    """The identifiers of all sessions that the pool has given out."""
    with pool.client() as client:
        answer = client.post("/.management/listSessions", params=MANAGEMENT).raise_for_status()
    return {session["identifier"] for session in answer.json()["value"]}


def _stop_session(pool: RunningPool, identifier: str) -> None:
    """What a cooldown or a failing container does."""
    params = {**MANAGEMENT, "identifier": identifier}
    with pool.client() as client:
        client.post("/.management/stopSession", params=params).raise_for_status()


@pytest.fixture
def notebook_env(local_pool: RunningPool, tmp_path: Path) -> dict[str, str]:
    """As Jupyter Server starts a kernel for a notebook."""
    return {**local_pool.env, "JPY_SESSION_NAME": str(tmp_path / "a notebook.ipynb")}


# -- restart and shutdown -------------------------------------------------------------------------


def test_a_restart_empties_the_namespace_and_keeps_files_and_session(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    kernel = start_kernel()
    kernel.run("gone = 1\nopen('kept.txt', 'w').write('kept')")
    before, identifier = _sessions(local_pool), kernel.identifier
    kernel.restart()
    assert kernel.run("'gone' in globals(), open('kept.txt').read()").result == "(False, 'kept')"
    assert kernel.run("len(In)").content["execution_count"] == 2
    assert kernel.identifier == identifier
    assert _sessions(local_pool) == before


def test_a_restart_ends_a_cell_that_runs(start_kernel: StartKernel) -> None:
    kernel = start_kernel()
    kernel.wait_until_running(kernel.execute("while True: pass"))
    kernel.restart()
    assert kernel.run("'works'").result == "'works'"


def test_the_terminal_is_told_nothing_that_is_as_it_should_be_or_that_a_cell_tells(
    start_kernel: StartKernel,
) -> None:
    kernel = start_kernel()
    assert kernel.run("1 / 0").status == "error"
    sleeping = kernel.execute("import time\nprint('on')\ntime.sleep(600)")
    kernel.wait_for_text(sleeping, "on")
    kernel.interrupt()
    assert kernel.finish(sleeping).error["ename"] == "KeyboardInterrupt"
    assert kernel.run("import os; os._exit(3)").error["ename"] == "InterpreterDied"
    kernel.run("1")
    kernel.restart()
    kernel.run("1")
    kernel.stop()
    assert kernel.logged() == ""


def test_a_shutdown_stops_the_session_and_removes_its_lease(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    kernel = start_kernel()
    identifier = kernel.identifier
    assert identifier in _sessions(local_pool)
    assert kernel.stop() < STOPS_WITHIN_S
    assert identifier not in _sessions(local_pool)
    assert identifier not in [lease["identifier"] for lease in leases(kernel.env)]


def test_a_shutdown_while_a_cell_runs_stops_the_session(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    kernel = start_kernel()
    identifier = kernel.identifier
    kernel.wait_until_running(kernel.execute("while True: pass"))
    assert kernel.stop() < STOPS_WITHIN_S
    assert identifier not in _sessions(local_pool)


def test_a_cell_that_is_interrupted_just_before_a_shutdown_still_says_where_it_hung(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    """As papermill and nbmake do when a cell's time is up."""
    kernel = start_kernel({**local_pool.env, **with_constant(tmp_path, LAST_WORDS_S, 60)})
    hang = "import time\ndef hang():\n    print('running', flush=True)\n    time.sleep(600)\nhang()"
    msg_id, waiting = kernel.execute(hang), kernel.execute("'never shown'")
    kernel.wait_for_text(msg_id, "running")
    for msg_type in ("interrupt_request", "shutdown_request"):
        message = kernel.kc.session.msg(msg_type, {"restart": False})
        kernel.kc.control_channel.send(message)
    error = kernel.finish(msg_id)
    assert error.error["ename"] == "KeyboardInterrupt"
    assert "sleep(" in error.error_text
    assert "before this cell ran" in kernel.finish(waiting).error["evalue"]


def test_a_lease_that_cannot_be_written_any_more_does_not_keep_the_session(
    start_kernel: StartKernel, start_pool: StartPool
) -> None:
    pool = start_pool()
    kernel = start_kernel(pool.env)
    identifier = kernel.identifier
    directory = Path(kernel.env["JUPYTER_DATA_DIR"]) / "azure-session-kernel" / "leases"
    directory.rename(directory.with_name("moved"))
    directory.write_text("no directory")
    assert kernel.run("1 + 1").result == "2"
    assert kernel.stop() < STOPS_WITHIN_S
    assert identifier not in _sessions(pool)


def test_sigterm_stops_the_session(start_kernel: StartKernel, local_pool: RunningPool) -> None:
    kernel = start_kernel()
    identifier, process = kernel.identifier, kernel.process
    process.terminate()
    wait_until(lambda: not alive(process.pid))
    assert identifier not in _sessions(local_pool)


def test_the_next_kernel_stops_what_a_killed_one_left_behind(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    killed = start_kernel()
    identifier = killed.identifier
    killed.stop(now=True)
    assert identifier in _sessions(local_pool)
    assert identifier in [lease["identifier"] for lease in leases(killed.env)]
    start_kernel()
    wait_until(lambda: identifier not in _sessions(local_pool))
    wait_until(lambda: identifier not in [lease["identifier"] for lease in leases(killed.env)])


_PARENT = """
import os, sys, time
from pathlib import Path
from tests.kernel.live_kernel import LiveKernel
kernel = LiveKernel({}, Path(sys.argv[1])).wait_until_ready()
print(kernel.process.pid, kernel.identifier, flush=True)
time.sleep(600)
"""


def test_a_kernel_whose_parent_was_killed_ends_and_stops_its_session(
    local_pool: RunningPool, tmp_path: Path
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "kernel.log")],
        env={**os.environ, **local_pool.env},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid, identifier = parent.stdout.readline().split()
    process = psutil.Process(int(pid))
    assert identifier in _sessions(local_pool)
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(process.pid))
    assert identifier not in _sessions(local_pool)


_STARTER = """
import os, sys
from jupyter_client.manager import KernelManager
km = KernelManager(kernel_name="azure-session")
km.start_kernel(env={**os.environ, "PYTHONPATH": sys.argv[1]})
print(km.provisioner.pid, flush=True)
sys.stdin.read()
"""


def test_a_kernel_whose_parent_was_killed_while_it_imported_ends(
    local_pool: RunningPool, tmp_path: Path
) -> None:
    gate, before = tmp_path / "gate", _sessions(local_pool)
    (tmp_path / "sitecustomize.py").write_text(waits_for(gate))
    parent = subprocess.Popen(
        [sys.executable, "-c", _STARTER, str(tmp_path)],
        env={**os.environ, **local_pool.env},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    gate.touch()
    wait_until(lambda: not alive(pid))
    assert pid not in [lease["pid"] for lease in leases({**os.environ, **local_pool.env})]
    assert _sessions(local_pool) <= before


# -- files on a slow disk -------------------------------------------------------------------------

_SLOW_DISK = """
import os, time
fsync = os.fsync
def slow(fd):
    while os.path.exists({gate!r}): time.sleep(0.01)
    fsync(fd)
os.fsync = slow
"""


def test_a_disk_that_hangs_holds_up_neither_cells_nor_the_end(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    (tmp_path / "sitecustomize.py").write_text(_SLOW_DISK.format(gate=str(gate)))
    kernel = start_kernel({**local_pool.env, "PYTHONPATH": str(tmp_path)})
    process, lease = kernel.process, kernel.lease
    gate.touch()
    assert kernel.run("import os; os._exit(1)").error["ename"] == "InterpreterDied"
    assert kernel.run("'runs'").result == "'runs'"  # in another boot, which goes into the lease
    kernel.interrupt()
    assert kernel.control("kernel_info_request")["status"] == "ok"
    assert kernel.lease == lease
    kernel.kc.shutdown()
    wait_until(lambda: not alive(process.pid))
    assert lease["identifier"] not in _sessions(local_pool)
    gate.unlink()
    wait_until(lambda: all(found["boot"] != lease["boot"] for found in leases(kernel.env)))


# -- whose session it is --------------------------------------------------------------------------


def test_two_kernels_do_not_share_a_session(start_kernel: StartKernel) -> None:
    one, other = start_kernel(), start_kernel()
    one.run("mine = 1")
    assert other.run("'mine' in globals()").result == "False"
    assert one.identifier != other.identifier


def test_a_notebook_finds_its_variables_again_after_its_kernel_was_killed(
    start_kernel: StartKernel, notebook_env: dict[str, str]
) -> None:
    killed = start_kernel(notebook_env)
    killed.run("kept = 'kept'")
    killed.stop(now=True)
    again = start_kernel(notebook_env)
    cell = again.run("kept")
    assert cell.result == "'kept'"
    assert cell.content["execution_count"] == 2


def test_what_a_killed_kernels_cell_still_printed_is_shown_by_session_last(
    start_kernel: StartKernel, notebook_env: dict[str, str], tmp_path: Path
) -> None:
    killed = start_kernel(notebook_env)
    go, done, runs = tmp_path / "go", tmp_path / "done", tmp_path / "runs"
    code = f"open({str(runs)!r}, 'a').write('x')\nprint('early')\n{waits_for(go)}\nprint('late')\n"
    running = killed.execute(code + f"open({str(done)!r}, 'w').close()")
    killed.wait_for_text(running, "early")
    # Not by the kernel manager: it interrupts the cell before it kills.
    killed.process.kill()
    killed.process.wait(100)
    go.touch()
    wait_until(done.exists)
    again = start_kernel(notebook_env)
    following = again.run("print('next')")
    assert following.text() == "next\n"
    assert runs.read_text() == "x"
    shown = again.run("%session last").text()
    assert "late\n" in shown
    assert shown.endswith("next\n")
    assert again.run("%session last").text() == "next\n"
    more = again.run("print('more')")
    two = again.run("%session last 2")
    assert two.text() == "next\nmore\n"
    headings = [shown["data"]["text/plain"] for shown in two.of_type("display_data")]
    counts = [cell.content["execution_count"] for cell in (following, more)]
    assert headings == [f"[{counts[0]}] print('next')", f"[{counts[1]}] print('more')"]


def test_a_notebook_that_was_shut_down_starts_afresh(
    start_kernel: StartKernel, notebook_env: dict[str, str]
) -> None:
    first = start_kernel(notebook_env)
    first.run("gone = 1")
    first.stop()
    assert start_kernel(notebook_env).run("'gone' in globals()").result == "False"


def test_two_living_kernels_of_one_notebook_do_not_share_a_session(
    start_kernel: StartKernel, notebook_env: dict[str, str]
) -> None:
    one = start_kernel(notebook_env)
    one.run("mine = 1")
    other = start_kernel(notebook_env)
    assert other.run("'mine' in globals()").result == "False"
    assert (one.lease["scope_kind"], other.lease["scope_kind"]) == ("notebook", "kernel")


def test_a_kernel_started_from_within_a_notebook_gets_a_session_of_its_own(
    local_pool: RunningPool, notebook_env: dict[str, str], tmp_path: Path
) -> None:
    """``JPY_SESSION_NAME`` is inherited, for instance by a notebook that grades others."""
    code = _PARENT.replace("time.sleep(600)", "print(kernel.lease['scope_kind']); kernel.stop()")
    grader = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "kernel.log")],
        env={**os.environ, **notebook_env},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert grader.stdout.split()[-1:] == ["kernel"], grader.stderr


# -- the interpreter dies -------------------------------------------------------------------------


def test_a_killed_interpreter_is_named_and_the_next_cell_works(
    kernel: LiveKernel,
) -> None:
    pid = int(kernel.run("import os; gone = 1; os.getpid()").result)
    msg_id = kernel.execute("print('running', flush=True)\nwhile True: pass")
    kernel.wait_for_text(msg_id, "running")
    os.kill(pid, signal.SIGKILL)
    cell = kernel.finish(msg_id)
    assert cell.error["ename"] == "InterpreterDied"
    assert "died while this cell ran" in cell.error["evalue"]
    assert "SIGKILL" in cell.error_text or "killed" in cell.error_text
    assert kernel.run("'gone' in globals()").result == "False"


@pytest.mark.parametrize(
    "code",
    ["import os; os._exit(3)", "import ctypes; ctypes.string_at(0)", "import os; os.abort()"],
    ids=["exit", "segfault", "abort"],
)
def test_an_interpreter_that_ends_itself_keeps_the_cells_output_and_the_next_cell_works(
    kernel: LiveKernel, code: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    msg_id = kernel.execute(f"print('last words', flush=True)\n{waits_for(gate)}{code}")
    kernel.wait_for_text(msg_id, "last words")
    gate.touch()
    cell = kernel.finish(msg_id)
    assert cell.error["ename"] == "InterpreterDied"
    assert cell.text() == "last words\n"
    assert kernel.run("'next'").result == "'next'"


def test_cells_that_wait_behind_a_dying_one_are_aborted(kernel: LiveKernel, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = kernel.execute(f"{waits_for(gate)}os._exit(1)")
    second = kernel.execute("'not run'")
    gate.touch()
    assert kernel.finish(first).error["ename"] == "InterpreterDied"
    assert kernel.finish(second).status == "aborted"


def test_an_interpreter_that_dies_between_cells_is_noticed_by_the_next_one(
    kernel: LiveKernel, tmp_path: Path
) -> None:
    pid = int(kernel.run("import os; gone = 1; os.getpid()").result)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    time.sleep(0.3)  # the kernel learns of it here, or from its next request: both must be right
    ran = tmp_path / "ran"
    cell = kernel.run(f"open({str(ran)!r}, 'w').close()\ngone")
    assert cell.status == "error"
    if cell.error["ename"] != "NameError":
        assert not ran.exists()
    assert kernel.run("'next'").result == "'next'"


# -- the session is lost --------------------------------------------------------------------------


def test_a_session_lost_between_cells_fails_the_next_one_which_does_not_run(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    kernel = start_kernel()
    kernel.run("gone = 1")
    _stop_session(local_pool, kernel.identifier)
    ran = tmp_path / "ran"
    cell = kernel.run(f"open({str(ran)!r}, 'w').close()")
    assert cell.error["ename"] == "SessionLost"
    assert "not run" in cell.error["evalue"]
    assert not ran.exists()
    assert kernel.run("'gone' in globals()").result == "False"


def test_a_session_lost_before_any_cell_ran_has_lost_nothing(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    kernel = start_kernel()
    _stop_session(local_pool, kernel.identifier)
    assert kernel.run("'runs'").result == "'runs'"


def test_a_session_lost_while_a_cell_runs_ends_the_cell(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    kernel = start_kernel()
    msg_id = kernel.execute("print('running', flush=True)\nwhile True: pass")
    kernel.wait_for_text(msg_id, "running")
    _stop_session(local_pool, kernel.identifier)
    cell = kernel.finish(msg_id)
    assert cell.error["ename"] == "SessionLost"
    assert "while this cell ran" in cell.error["evalue"]
    assert kernel.run("'next'").result == "'next'"


def test_of_several_cells_that_wait_only_the_first_tells_of_the_loss(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    kernel = start_kernel()
    kernel.run("gone = 1")
    _stop_session(local_pool, kernel.identifier)
    ran = tmp_path / "ran"
    first, second = (kernel.execute(f"open({str(ran)!r}, 'w')") for _ in range(2))
    assert kernel.finish(first).error["ename"] == "SessionLost"
    assert kernel.finish(second).status == "aborted"
    assert not ran.exists()


# -- settings of the end --------------------------------------------------------------------------


def test_keep_leaves_the_session_to_the_pool(
    start_kernel: StartKernel, local_pool: RunningPool, notebook_env: dict[str, str]
) -> None:
    env = {**notebook_env, "AZURE_SESSION_ON_SHUTDOWN": "keep"}
    kernel = start_kernel(env)
    identifier = kernel.identifier
    kernel.run("kept = 'kept'")
    kernel.stop()
    assert identifier in _sessions(local_pool)
    assert start_kernel(notebook_env).run("kept").result == "'kept'"


def test_a_fixed_identifier_is_used_and_not_shared(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    env = {**local_pool.env, "AZURE_SESSION_IDENTIFIER": "the-one-i-chose"}
    kernel = start_kernel(env)
    assert kernel.run("'works'").result == "'works'"
    assert "the-one-i-chose" in _sessions(local_pool)
    error = start_kernel(env).run("'never'").error
    assert error["ename"] == "SettingsError"
    assert "AZURE_SESSION_IDENTIFIER" in error["evalue"]
