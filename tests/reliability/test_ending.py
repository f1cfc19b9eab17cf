"""A kernel's end when the pool is slow, loses answers, or a second order to end comes meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from ..conftest import StartPool
from ..kernel.live_kernel import LiveKernel, alive, leases, wait_until
from .conftest import FaultyPool, StartKernel

STOP = "/.management/stopSession"
HOLD_ONE = {"fault": "hold", "path": STOP, "nth": [1]}


def identifiers(kernel: LiveKernel) -> list[str]:
    return [lease["identifier"] for lease in leases(kernel.env)]


def hook(directory: Path, code: str) -> dict[str, str]:
    """What a process needs in its environment to run ``code`` before anything else."""
    (directory / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(directory)}


_PATIENT = """
from azure_session_kernel.kernel import kernel
from azure_session_kernel.session import closing
closing.STOP_BUDGET_S = closing.HAND_OVER_S = 100
close = kernel.AzureSessionKernel.close_session
def counted(self, **options):
    with open({orders!r}, "a") as file:
        file.write("x")
    return close(self, **options)
kernel.AzureSessionKernel.close_session = counted
"""


@pytest.mark.parametrize("first", ["shutdown", "sigterm"])
def test_a_second_order_to_end_does_not_abort_the_stop(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path, first: str
) -> None:
    came = tmp_path / "orders"
    kernel = start_kernel({**faulty.env, **hook(tmp_path, _PATIENT.format(orders=str(came)))})
    process, identifier, others = kernel.process, kernel.identifier, faulty.sessions() - 1
    orders = [lambda: send(kernel, "shutdown_request", restart=False), process.terminate]
    if first == "sigterm":
        orders.reverse()
    held = faulty.hits().get("hold", 0)
    faulty.arm(HOLD_ONE)
    orders[0]()
    wait_until(lambda: faulty.hits().get("hold", 0) > held)
    orders[1]()
    wait_until(lambda: came.read_text() == "xx")
    assert kernel.control("kernel_info_request")["status"] == "ok"  # it has not ended
    assert alive(process.pid)
    assert identifier in identifiers(kernel)
    faulty.arm()
    wait_until(lambda: not alive(process.pid))
    assert faulty.sessions() == others
    assert identifier not in identifiers(kernel)


def send(kernel: LiveKernel, msg_type: str, **content: Any) -> None:
    kernel.kc.control_channel.send(kernel.kc.session.msg(msg_type, content))


RESTART = "/jupyter/restart"


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "reset_before", "path": RESTART, "nth": [1]},
        {"fault": "reset_after", "path": RESTART, "nth": [1]},
    ],
    ids=lambda rule: rule["fault"],
)
def test_a_restart_that_was_not_confirmed_keeps_no_variables_of_a_fixed_identifier(
    faulty: FaultyPool, start_kernel: StartKernel, fault: dict[str, Any]
) -> None:
    env = {**faulty.env, "AZURE_SESSION_IDENTIFIER": f"my-own-{fault['fault']}"}
    kernel = start_kernel(env)
    kernel.run("kept = 1")
    faulty.arm(fault)
    kernel.restart()
    assert kernel.run("'kept' in globals()").result == "False"


def test_a_restart_that_is_always_refused_is_an_error_until_it_works(
    faulty: FaultyPool, start_kernel: StartKernel
) -> None:
    env = {**faulty.env, "AZURE_SESSION_IDENTIFIER": "my-own-refused"}
    kernel = start_kernel(env)
    kernel.run("kept = 1")
    faulty.arm({"fault": "answer", "path": RESTART, "status": 500, "every": 1})
    kernel.restart()
    assert kernel.run("kept").status == "error"
    kernel.km.restart_kernel(now=True)  # killed before it had its new boot
    kernel.kc.wait_for_ready(timeout=100)
    assert kernel.run("kept").error["ename"] != "NameError"
    faulty.arm()
    assert kernel.run("'kept' in globals()").result == "False"


def test_a_restart_on_a_built_in_pool_allocates_one_session(
    start_pool: StartPool, tmp_path: Path
) -> None:
    pool = start_pool("--kind", "interpreter", "--ready-sessions", "0")
    kernel = LiveKernel(pool.env, tmp_path / "kernel.log")
    try:
        kernel.wait_until_ready()
        numbers = [_number_of_session(kernel)]
        kernel.restart()
        numbers.append(_number_of_session(kernel))
    finally:
        kernel.stop()
    assert numbers == ["1", "2"]


def _number_of_session(kernel: LiveKernel) -> str:
    """In the order in which they were allocated, of a pool that starts none in advance."""
    home = kernel.run("import os; os.path.expanduser('~')").result
    return Path(home.strip("'")).parent.name


# -- what the kernel has no time for --------------------------------------------------------------


def finishers(process: psutil.Process) -> list[psutil.Process]:
    return [p for p in process.children() if "azure_session_kernel.session.finisher" in p.cmdline()]


def hand_over(faulty: FaultyPool, kernel: LiveKernel, process: psutil.Process) -> psutil.Process:
    """Shut it down while its stop is held; the process that goes on with it."""
    held = faulty.hits().get("hold", 0)
    faulty.arm(HOLD_ONE)
    send(kernel, "shutdown_request", restart=False)
    wait_until(lambda: faulty.hits().get("hold", 0) > held)
    wait_until(lambda: finishers(process))
    (finisher,) = finishers(process)
    return finisher


def test_a_stop_that_is_not_confirmed_is_finished_when_the_kernel_is_killed(
    faulty: FaultyPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel()
    process, identifier, others = kernel.process, kernel.identifier, faulty.sessions() - 1
    finisher = hand_over(faulty, kernel, process)
    for told in (*finisher.cmdline(), *finisher.environ().values()):
        assert identifier not in told
        assert faulty.token not in told
    os.killpg(process.pid, signal.SIGKILL)  # as jupyter_client does
    wait_until(lambda: faulty.sessions() == others)
    wait_until(lambda: identifier not in identifiers(kernel))
    wait_until(lambda: not alive(finisher.pid))


def test_a_kernel_whose_stop_is_not_confirmed_ends_by_itself(
    faulty: FaultyPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel()
    process, identifier, others = kernel.process, kernel.identifier, faulty.sessions() - 1
    faulty.arm(HOLD_ONE)
    send(kernel, "shutdown_request", restart=False)
    wait_until(lambda: not alive(process.pid))
    wait_until(lambda: faulty.sessions() == others)
    wait_until(lambda: identifier not in identifiers(kernel))


def test_a_kernel_that_stops_in_time_leaves_no_process(
    faulty: FaultyPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    code = "from azure_session_kernel.session import closing\nclosing.HAND_OVER_S = 0\n"
    kernel = start_kernel({**faulty.env, **hook(tmp_path, code)})
    process = kernel.process
    finisher = hand_over(faulty, kernel, process)
    faulty.arm()
    wait_until(lambda: not alive(process.pid))
    wait_until(lambda: not alive(finisher.pid))


_NO_ANSWER = """
import asyncio
from azure_session_kernel.session import closing
closing.STOP_BUDGET_S = 1
async def stopped(*_, **__):
    await asyncio.Event().wait()
closing._stopped = stopped
"""


def test_what_finishes_a_stop_trusts_the_pool_as_the_kernel_did(
    start_pool: StartPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    pool = start_pool("--tls", "--ready-sessions", "0")
    kernel = start_kernel({**pool.env, **hook(tmp_path, _NO_ANSWER)})
    process, identifier = kernel.process, kernel.identifier
    assert pool.session_processes()
    send(kernel, "shutdown_request", restart=False)
    wait_until(lambda: not alive(process.pid))
    wait_until(lambda: identifier not in identifiers(kernel))
    assert not pool.session_processes()
