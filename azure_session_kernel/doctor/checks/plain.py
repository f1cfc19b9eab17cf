"""Checks of pools without our adapter: the built-in interpreter, and one-shot programs."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

from ...causes.diagnosis import cause
from ...causes.evidence import CONTAINER, Reply
from ...common.errors import PoolError, UnexpectedAnswer
from ...common.within import within
from ...executors.builtin.azure import BuiltinPool
from ...executors.oneshot.answer import excerpt, from_json, wrong_fields
from ...executors.oneshot.api import OTHER_SHAPE, PISTON_PATH, Api, is_piston_path, piston_version
from ...pool.client import Answer
from ...wire import dump
from ..programs import Printing, printing, run_in
from ..report.result import OK, PROBLEM, WARNING
from ..requests import Probe, ask
from ..state import State

_NOT_HERE: Final = "not offered by this kind of pool"
_LIMIT_S: Final = 30


async def interpreter(state: State) -> None:
    """A built-in pool's own API, or Microsoft's base image in a container."""
    program, variable = printing(), f"doctor_{secrets.token_hex(4)}"
    begun = time.monotonic()
    printed = await _azure_run(state, f"{variable} = 1; {program.code}")
    if printed is None:
        return
    if not program.printed(printed):
        _fail(state, f"a small Python program printed {excerpt(printed) or 'nothing'}")
        return
    state.notes.add("execution", OK, f"print came back, {time.monotonic() - begun:.1f} s")
    again = await _azure_run(state, f"print({variable!r} in globals())")
    same = again is not None and again.strip() == "True"
    state.learn(same_session=same)
    text = "two requests met the same interpreter" if same else "a variable was gone"
    state.notes.add("session", OK if same else PROBLEM, text)
    await _azure_files(state)
    _not_offered(state, "streaming", "interrupt")
    state.notes.add("protocol", OK, "Azure's own API: no adapter to compare with")


async def _azure_run(state: State, code: str) -> str | None:
    """What it printed; None when it did not run, and then why is noted."""
    pool, wait_s = BuiltinPool(state.pool), state.stall_s
    pool.version = state.version
    try:
        ended = await within(pool.execute(code, _LIMIT_S), wait_s)
    except PoolError as error:
        _fail(state, error.what)
        return None
    except (asyncio.TimeoutError, TimeoutError):
        _fail(state, f"an execution was not answered within {wait_s:.0f} s")
        return None
    if not ended.succeeded:
        _fail(state, f"a small Python program ended with {ended.excerpt}")
        return None
    return ended.stdout


async def _azure_files(state: State) -> None:
    query = {"api-version": state.version.name}
    reply, _ = await ask(state.pool, Probe("files", "GET", "/files", None, query), state.stall_s)
    if reply.ok:
        state.notes.add("files", OK, "the session's files can be listed")
    else:
        state.failed("files", f"GET /files was answered with {reply.status or reply.trouble}.")
        state.notes.add("files", PROBLEM, f"GET /files: {reply.status or reply.trouble}")


async def oneshot(state: State) -> None:
    """A program behind the execute path that takes code and answers with what it printed."""
    probe = "execute" if _worked(state, "execute") else "execute-sample"
    reply = state.evidence.reply(probe)
    path = reply.path if reply is not None else state.evidence.execute_path
    program, begun = printing(), time.monotonic()
    if is_piston_path(path):
        bodies = [_piston_body(await _piston_version(state), program.code)]
    else:
        shapes = (Api(path), Api(path, fields=("code", "stdin")))
        bodies = [shape.body(program.code, "") for shape in shapes]
    value = await _post(state, path, bodies)
    if value is None or not _ran(state, value, program):
        return
    took_s = time.monotonic() - begun
    state.notes.add("execution", OK, f"print came back from POST {path}, {took_s:.1f} s")
    state.notes.add("protocol", OK, "a program of its own: no adapter to compare with")
    _not_offered(state, "streaming", "session", "files", "interrupt")


def _ran(state: State, value: Any, program: Printing) -> bool:
    """Whether the answer says that the program ran; else why not is noted."""
    ran = run_in(value)
    if ran is None:
        _fail(state, f"its answer is in no shape that is known here: {excerpt(value)}")
    elif ran.ok is False or not program.printed(ran.stdout):
        said = excerpt(" ".join(filter(None, (ran.said, ran.stderr, ran.stdout))))
        _fail(state, f"a small Python program came back with {said or 'nothing at all'}")
    else:
        return True
    return False


async def try_piston(state: State) -> bool:
    """Piston by itself, with a Python: the kernel can use its own API, too."""
    silent = any(reply.status == 502 for reply in state.evidence.replies)
    if "piston" not in state.evidence.needed or state.kind or silent:
        return False
    version = await _piston_version(state)
    if not version:
        return False
    program = printing()
    body = dump(_piston_body(version, program.code))
    reply, answer = await ask(state.pool, Probe("piston", "POST", PISTON_PATH, body), state.stall_s)
    ran = run_in(_value(answer))
    if ran is None or ran.ok is False or not program.printed(ran.stdout):
        return False
    state.kind = "piston"
    state.heard(reply)
    _note_piston(state, version)
    state.notes.add("execution", OK, f"print came back from POST {PISTON_PATH}")
    state.notes.add("protocol", OK, "Piston: no adapter to compare with")
    _not_offered(state, "streaming", "session", "files", "interrupt")
    return True


def _note_piston(state: State, version: str) -> None:
    """It runs code; if an adapter was meant to be there, it is not."""
    text, execute = f"Piston's own API answers, Python {version}", state.evidence.reply("execute")
    if execute is None or execute.dialect != "piston-404":
        state.notes.add("routing", OK, text)
        return
    state.notes.add(
        "routing",
        WARNING,
        f"POST {execute.path} is answered by Piston's 404; the kernel uses Piston's API instead "
        f"(Python {version})",
        f"If an adapter should answer there: {cause('piston-owns-port').fix}",
    )


async def _piston_version(state: State) -> str:
    """The newest Python that Piston lists; "" when there is none."""
    probe = Probe("runtimes", "GET", "/api/v2/runtimes")
    _, answer = await ask(state.pool, probe, state.stall_s)
    try:
        return piston_version(_value(answer))[:40]
    except UnexpectedAnswer:
        return ""


def _piston_body(version: str, code: str) -> dict[str, Any]:
    return {"language": "python", "version": version, "files": [{"content": code}]}


def _value(answer: Answer | None) -> Any:
    try:
        return answer.json() if answer is not None else None
    except PoolError:
        return None


async def _post(state: State, path: str, bodies: Sequence[dict[str, Any]]) -> Any:
    """The JSON that answers one of them; None when there is none, and then why is noted."""
    for body in bodies:
        reply, answer = await ask(state.pool, Probe("run", "POST", path, dump(body)), state.stall_s)
        if answer is not None or reply.status not in OTHER_SHAPE:
            break
    if answer is None:
        _refused(state, reply)
        return None
    try:
        return answer.json()
    except PoolError as error:
        _fail(state, error.what)
        return None


def _refused(state: State, reply: Reply) -> None:
    by = "the container" if reply.who == CONTAINER else "the pool"
    got = reply.status if reply.status is not None else reply.trouble
    wanted = ", ".join(wrong_fields(from_json(reply.body)))
    _fail(
        state,
        f"{by} answered {reply.method} {reply.path} with {got}{wanted and f': {wanted}'}",
    )


def _worked(state: State, probe: str) -> bool:
    reply = state.evidence.reply(probe)
    return reply is not None and (reply.ok or reply.status in (400, 415, 422))


def _fail(state: State, why: str) -> None:
    if "execution" not in state.evidence.failed:
        state.notes.add("execution", PROBLEM, state.failed("execution", why))


def _not_offered(state: State, *checks: str) -> None:
    for check in checks:
        state.notes.add(check, "not done", _NOT_HERE)
