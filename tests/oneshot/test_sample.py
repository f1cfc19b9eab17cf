"""A real kernel on Microsoft's plain sample, which passes no standard input on."""

from __future__ import annotations

from ..conftest import StartPool
from ..kernel.conftest import StartKernel
from ..kernel.conftest import start_kernel as start_kernel
from .test_live import shown


def test_what_the_plain_sample_can_not_do_is_said_without_going_round_in_circles(
    start_pool: StartPool, start_kernel: StartKernel
) -> None:
    kernel = start_kernel(start_pool("--kind", "oneshot", "--program", "sample").env)
    assert kernel.run("6 * 7").result == "42"
    killed = kernel.run("import os; os.kill(os.getpid(), 9)")
    assert killed.error["ename"] == "Killed"
    assert "SIGKILL" in killed.error["evalue"]

    asked = kernel.run("input('? ')", allow_stdin=True)
    assert asked.error["ename"] == "EOFError"
    assert "passes no standard input on" in asked.error["traceback"][-1]
    assert "%%stdin" not in asked.error_text
    given = kernel.run("%%stdin\nAda\n%%code\nprint('ran')\ninput()")
    assert given.error["ename"] == "NotOnThisPool"
    assert "passes no standard input on" in given.error["evalue"]
    assert given.text() == ""
    session = shown(kernel.run("%session"))
    assert "passes no standard input on" in session
    assert "no files" in session
