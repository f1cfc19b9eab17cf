"""Cells that a person interrupts and that do not end at once: in ipykernel, and on both kinds of
pool that have a signal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from ..conftest import PoolOfKind
from .live_kernel import KERNEL_NAME, LiveKernel, wait_until, with_constant

T = TypeVar("T")

#: Both of its processes sleep when it says so: multiprocessing waits for ever for one that a signal
#: has met in a worse moment.
IN_A_POOL = """
import os, tempfile
from multiprocessing import get_context
place = tempfile.mkdtemp()
def nap(n):
    os.mkdir(f'{place}/{n}')
    time.sleep(600)
with get_context('fork').Pool(2) as pool:
    asked = pool.map_async(nap, [0, 1], 1)
    while len(os.listdir(place)) < 2: time.sleep(0.01)
    print('running', flush=True)
    asked.get()
"""
#: How long a person's cell has for its first interrupt: long enough for the 3.5 s below.
PATIENCE_S = "azure_session_kernel.kernel.interrupts.ATTENDED_PATIENCE_S"


@pytest.fixture(scope="module", params=["ipykernel", "container", "interpreter"])
def kernel(
    request: pytest.FixtureRequest,
    pool_of_kind: PoolOfKind,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveKernel]:
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "ipykernel":
        live = LiveKernel({}, directory / "log", "python3")
    else:
        env = {**pool_of_kind(request.param).env, **with_constant(directory, PATIENCE_S, 2.0)}
        live = LiveKernel(env, directory / "log")
    try:
        live.wait_until_heard().wait_until_ready().run("kept = 'kept'")
        yield live
    finally:
        live.stop()


def _execute(kernel: LiveKernel, code: str) -> str:
    """As a front end with a person in front of it."""
    msg_id = kernel.execute("import time\n" + code, allow_stdin=True)
    kernel.wait_until_running(msg_id)
    return msg_id


def _interrupt_until(kernel: LiveKernel, wait: Callable[[float], T]) -> T:
    """One that comes while the one before is on its way is the same, as two clicks are."""
    while True:
        kernel.interrupt()
        with contextlib.suppress(AssertionError):
            return wait(10.0)


def test_each_interrupt_of_a_loop_that_catches_them_is_a_first_one(
    kernel: LiveKernel, tmp_path: Path
) -> None:
    msg_id = _execute(
        kernel,
        "skipped = []\nfor epoch in range(3):\n    try:\n"
        f"        open({str(tmp_path)!r} + f'/{{epoch}}', 'w').close(); time.sleep(600)\n"
        "    except KeyboardInterrupt: skipped.append(epoch)\n(kept, skipped)",
    )
    wait_until((tmp_path / "0").exists)  # not by its words, which tell that it reacts
    for epoch in (1, 2):
        _interrupt_until(kernel, partial(wait_until, (tmp_path / str(epoch)).exists))
    cell = _interrupt_until(kernel, partial(kernel.finish, msg_id))
    assert cell.result == "('kept', [0, 1, 2])"


@pytest.mark.parametrize(
    "code",
    [
        "try: print('running', flush=True); time.sleep(600)\nfinally: time.sleep(3.5)",
        IN_A_POOL,
    ],
    ids=["finally", "pool"],
)
def test_one_interrupt_never_costs_the_variables(kernel: LiveKernel, code: str) -> None:
    msg_id = _execute(kernel, code)
    kernel.wait_for_text(msg_id, "running")
    kernel.interrupt()
    assert kernel.finish(msg_id).status == "error"
    assert kernel.run("kept").result == "'kept'"


def test_a_further_interrupt_ends_what_the_first_one_led_to(kernel: LiveKernel) -> None:
    msg_id = _execute(
        kernel,
        "try: print('running', flush=True); time.sleep(600)\n"
        "finally: print('tidying up', flush=True); time.sleep(600)",
    )
    kernel.wait_for_text(msg_id, "running")
    kernel.interrupt()
    kernel.wait_for_text(msg_id, "tidying up")
    assert kernel.interrupt_until_over(msg_id).error["ename"] == "KeyboardInterrupt"
    assert kernel.run("kept").result == "'kept'"


def test_only_insisting_kills_an_interpreter_whose_cell_shows_no_reaction(
    kernel: LiveKernel,
) -> None:
    if kernel.km.kernel_name != KERNEL_NAME:
        return  # ipykernel goes on for ever
    interpreter = psutil.Process(int(kernel.run("import os; os.getpid()").result))
    msg_id = _execute(kernel, "time.sleep(0.3)\nsum(range(10**13))")
    used_s = interpreter.cpu_times().user
    wait_until(lambda: interpreter.cpu_times().user > used_s + 0.2)  # now it loops
    error = kernel.interrupt_until_over(msg_id).error
    assert error["ename"] == "KeyboardInterrupt"
    assert "had not ended in time after the interrupt" in error["evalue"]
    assert kernel.run("'kept' in globals()").result == "False"
