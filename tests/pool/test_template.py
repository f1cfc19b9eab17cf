"""Sessions of the local pool are forked from a template; for the user's code nothing differs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from azure_session_kernel.emulator.kinds.kinds import KINDS, Kind
from azure_session_kernel.emulator.sessions.template import Template

from ..conftest import TEMPLATE
from .conftest import Front, RunFront
from .test_local_pool_sessions import is_alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked on Linux alone")

CONTAINER = KINDS["container"]
#: All that code can find out about the process in which it runs.
LOOK = r"""
import faulthandler, gc, json, locale, os, random, re, resource, signal, stat, sys, threading
def plain(value):
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
def read(name):
    return open("/proc/self/" + name, "rb").read().decode().split("\0")
status = dict(line.split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
parent = os.getppid()
print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "cmdline": read("cmdline"),
    "executable": sys.executable, "exe": os.readlink("/proc/self/exe"),
    "prefixes": [sys.prefix, sys.base_prefix], "path": sys.path, "flags": repr(sys.flags),
    "xoptions": repr(sys._xoptions), "modules": sorted(sys.modules),
    "main": sorted(vars(sys.modules["__main__"])), "globals": sorted(globals()),
    "environ": dict(os.environ), "/proc environ": sorted(read("environ")),
    "cwd": os.getcwd(), "umask": [os.umask(0o22), os.umask(0o22)][0],
    "signals": {s: plain(signal.getsignal(s)) for s in sorted(signal.valid_signals())},
    "masks": [status[name] for name in ("SigBlk", "SigIgn", "SigCgt", "CapEff", "Seccomp")],
    "stdio": [stat.S_IFMT(os.fstat(fd).st_mode) for fd in range(2)],
    "streams": [plain(s) for s in (sys.stdin, sys.__stdout__, sys.__stderr__)],
    "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "parent": [parent == int(os.environ["JPY_PARENT_PID"]), parent != 1],
    "nice": os.nice(0), "limits": {n: resource.getrlimit(getattr(resource, n)) for n in limits},
    "oom": read("oom_score_adj"), "comm": read("comm"), "cpus": sorted(os.sched_getaffinity(0)),
    "faulthandler": faulthandler.is_enabled(), "gc": [gc.get_threshold(), gc.get_freeze_count()],
    "threads": sorted(re.sub(r"\d+", "", t.name) for t in threading.enumerate()),
    "locale": [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding()],
    "hash": hash("text"), "random": random.random(), "urandom": os.urandom(8).hex(),
}))
"""
#: Differs between any two sessions, or with what a session has to do just then.
OF_EACH = ("hash", "random", "urandom")


async def _look(front: Front, identifier: str = "someone") -> dict[str, Any]:
    """:returns: what it sees, without the names and numbers that are this session's own."""
    body = {"properties": {"code": LOOK}}
    answer = await front.client.post(
        "/python/execute", params={"identifier": identifier}, json=body
    )
    assert answer.status_code == 200, answer.text
    text = answer.json()["properties"]["stdout"]
    seen = json.loads(text)
    own = Path(seen["argv"][2]).parent.name, seen["environ"]["JPY_PARENT_PID"]
    root = str(front.pool.get(identifier).process.layout.root)
    for name, what in ((root, "ROOT"), (own[0], "ask"), (f'"{own[1]}"', '"PID"')):
        text = text.replace(name, what)
    found: dict[str, Any] = json.loads(text.replace(f"JPY_PARENT_PID={own[1]}", "JPY_PARENT_PID"))
    return found


def _template() -> psutil.Process:
    (found,) = [p for p in psutil.Process().children() if TEMPLATE in p.cmdline()]
    return found


async def test_the_users_code_finds_what_a_plain_start_shows(
    run_front: RunFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_front(kind=CONTAINER) as front:
        forked = [await _look(front, name) for name in ("ann1", "bob1")]
        assert front.pool.get("ann1").process.pid in {p.pid for p in _template().children()}
    monkeypatch.setattr(Template, "module_of", lambda command: None)
    async with run_front(kind=CONTAINER) as front:
        plain = await _look(front)
        assert front.pool.get("someone").process.pid in {p.pid for p in psutil.Process().children()}
    for name in OF_EACH:
        assert len({seen.pop(name) for seen in (*forked, plain)}) == 3
    assert forked[0] == plain
    assert forked[1] == plain


@pytest.mark.parametrize("kind", ["interpreter", "oneshot"])
async def test_other_kinds_are_forked_too(run_front: RunFront, kind: str) -> None:
    async with run_front(kind=KINDS[kind]) as front:
        process = await front.pool._start_one()
        assert _template().pid == psutil.Process(process.pid).ppid()


async def test_sessions_and_template_share_nothing_that_is_open(run_front: RunFront) -> None:
    async with run_front(kind=CONTAINER) as front:
        await asyncio.gather(*(_look(front, name) for name in ("ann1", "bob1")))
        pids = [_template().pid, *(s.process.pid for s in front.pool.all())]
        interpreters = [c.pid for pid in pids[1:] for c in psutil.Process(pid).children()]
        assert len(interpreters) == 2
        of_each = [_private(pid) for pid in (*pids, *interpreters)]
    assert all(of_each)
    assert sum(map(len, of_each)) == len(set().union(*of_each))


def _private(pid: int) -> set[str]:
    """Its sockets and pipes."""
    links = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}  # noqa: PTH115
    # The test's own standard output is everybody's.
    inherited = {os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)}  # noqa: PTH115
    return {link for link in links - inherited if link.startswith(("socket:", "pipe:"))}


async def test_a_session_that_crashes_harms_neither_the_others_nor_the_template(
    run_front: RunFront,
) -> None:
    async with run_front(kind=CONTAINER) as front:
        await asyncio.gather(*(_look(front, name) for name in ("ann1", "bob1")))
        template, other = _template(), front.pool.get("bob1").process.pid
        crashed = front.pool.get("ann1").process
        os.killpg(crashed.pid, signal.SIGABRT)
        assert await crashed.ended == -signal.SIGABRT
        await _look(front, "ann1")
        assert front.pool.get("ann1").process.pid != crashed.pid
        assert front.pool.get("bob1").process.pid == other
        assert _template() == template


async def test_a_template_that_is_killed_ends_its_sessions_and_the_next_has_another(
    run_front: RunFront,
) -> None:
    async with run_front(kind=CONTAINER) as front:
        await _look(front)
        template, process = _template(), front.pool.get("someone").process
        template.kill()
        await process.ended
        await process.stop()
        assert not is_alive(process.pid)
        await _look(front)
        assert _template() != template


async def test_it_ends_with_its_pool(run_front: RunFront) -> None:
    async with run_front(kind=CONTAINER) as front:
        await _look(front)
        template = _template()
        assert front.pool._template is not None
        assert front.pool._template._control is not None
        # As it is when the pool is killed.
        front.pool._template._control.shutdown(2)
        await asyncio.to_thread(template.wait, 60)


async def test_what_cant_be_imported_beforehand_is_started_and_says_why(
    run_front: RunFront, caplog: pytest.LogCaptureFixture
) -> None:
    command = (sys.executable, "-m", "azure_session_kernel.no_such_module")
    async with run_front(kind=Kind(command)) as front:
        assert (await front.get("/health")).status_code == 502
        assert front.pool._template is not None
        assert front.pool._template._unusable
    assert "no_such_module" in caplog.text
