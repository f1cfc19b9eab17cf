"""Finding out what a built-in pool gives: a mailbox, plain text only, or no Python at all."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ...common.errors import PoolError, PoolUnavailable, UnexpectedAnswer
from ...pool.retry import delays
from ...wire import PROTOCOL_VERSION, Hello, WireError, hello_from_json, load
from ...wire.json_text import is_whole, whole_at
from ...wire.kernel_info import LANGUAGE
from .azure import BUSY, BuiltinPool, Execution
from .code import installing, said
from .failures import busy
from .folder import Where

log = logging.getLogger(__name__)

#: Installing takes a moment. It is asked for again when nothing was heard for so long: an earlier
#: cell may still run, and one start in some hundreds on a busy machine heard nothing of the first.
SETUP_S: Final = 20
#: For so long a hello that was written is looked for: without it there is plain text only.
VISIBLE_S: Final = 3.0
#: A session is untrusted, and this becomes part of a path.
_BOOT: Final = re.compile(r"b-[0-9a-f]{16}")
_PYTHON: Final = re.compile(r"[\w.+-]{1,40}")
_FEATURES: Final = ("executions", "stdin", "interrupt", "comm")


@dataclass(frozen=True)
class Opened:
    """:ivar where: of the mailbox; None when there is none, for the reason in ``note``.

    :ivar read: file and line that nobody needs to read again.
    :ivar chunk: the newest file.
    """

    hello: Hello
    where: Where | None
    note: str
    read: tuple[int, int] = (0, 0)
    chunk: int = 0


async def open_interpreter(
    pool: BuiltinPool,
    reader: str,
    env: Mapping[str, str],
    arguments: Sequence[str] = (),
    folder: str = "",
) -> Opened:
    """Install our modules, unless they are there, and find their folder.

    :raises PoolError: also for a pool that is busy with an earlier cell (``PoolUnavailable``).
    """
    boot = "b-" + secrets.token_hex(8)
    payload: dict[str, Any] = {"do": "setup", "boot": boot, "reader": reader, "env": dict(env)}
    payload |= {"arguments": list(arguments), "folder": folder}
    execution = await pool.first_execution(installing(payload), SETUP_S)
    answer = said(execution.stdout)
    if answer is None or not _BOOT.fullmatch(str(answer.get("boot"))):
        raise await _no_python(pool, execution)
    boot, python = answer["boot"], answer.get("python")
    if answer.get("arguments"):
        log.warning("the command line's arguments had no effect: %.300r", answer["arguments"])
    if "plain" not in answer:
        found = await _find_folder(pool, boot, reader)
        if found is not None:
            return found
        reason = "its file API does not show the interpreter's files"
    else:
        said_there = str(answer["plain"])[:200]
        reason = f"its interpreter is no ipykernel that can be extended ({said_there})"
    return _plain(boot, reason, python if isinstance(python, str) else "")


async def _find_folder(pool: BuiltinPool, boot: str, reader: str) -> Opened | None:
    """A file may be seen a moment after it was written, and a session be busy for a moment."""
    until = time.monotonic() + VISIBLE_S
    for delay_s in delays():
        may_come = False
        for layout in ("folder", "flat"):
            where = Where(boot, reader, 0, layout)
            found, later = await _find_hello(pool, where)
            if found is not None:
                return found
            may_come = may_come or later
        if not may_come or time.monotonic() > until:
            break
        await asyncio.sleep(delay_s)
    return None


async def _find_hello(pool: BuiltinPool, where: Where) -> tuple[Opened | None, bool]:
    """Our hello, and if there is none, whether it may come yet."""
    try:
        found = await pool.download(where.folder, where.name("hello"))
    except PoolError as error:
        if error.status is None or error.status >= 500 or error.status == 429:
            raise
        log.info("no mailbox with layout %s: %s", where.layout, error)
        return None, error.status == BUSY
    value = _object(found[0]) if found is not None else {}
    if value.get("reader") == where.reader and isinstance(value.get("base"), int):
        return _with_mailbox(replace(where, base=value["base"]), value), True
    return None, True


def _with_mailbox(where: Where, value: dict[str, Any]) -> Opened:
    """:raises UnexpectedAnswer: it names the field that our modules do not write so."""
    value = {"chunk": 0, "n": 0, "execution_count": 0, **value}
    try:
        read = (whole_at(value, "chunk"), whole_at(value, "n"))
        oldest = value.get("oldest")
        if isinstance(oldest, list) and len(oldest) == 2 and all(is_whole(i) for i in oldest):
            read = (oldest[0], oldest[1])
        told = {
            "protocol": PROTOCOL_VERSION,
            "boot": where.boot,
            "state": "idle",
            "execution_count": value["execution_count"],
            "next": value["n"] + 1,
            "first": read[1] + 1,
            "info": value.get("info", {}),
            "folder": value.get("folder", ""),
            "features": list(_FEATURES),
        }
        return Opened(hello_from_json(told), where, "", read, value["chunk"])
    except WireError as error:
        raise UnexpectedAnswer(
            f"What the session's interpreter says of itself can't be read ({error}).",
            cause="Code in the session has changed files below .ask in its data folder, or what "
            "its ipykernel says of itself.",
            fix="Restart the kernel (Kernel > Restart Kernel).",
        ) from error


def _plain(boot: str, reason: str, python: str) -> Opened:
    note = (
        f"Plain text only: {reason}, so outputs come when a cell is over, cut by the pool, "
        "and there is no input(), completion or interrupt."
    )
    known = {"version": python} if _PYTHON.fullmatch(python) else {}
    info = {"language_info": {**LANGUAGE, **known}}
    return Opened(Hello(PROTOCOL_VERSION, "", boot, "idle", 0, 1, info, (), ()), None, note)


async def _no_python(pool: BuiltinPool, execution: Execution) -> PoolError:
    """Why our first execution was not answered."""
    said_by_pool = execution.excerpt.lower()
    if "timed out" in said_by_pool:
        return busy(execution)
    if "aborted" in said_by_pool:
        return PoolUnavailable(f"The session's interpreter is starting ({execution.excerpt}).")
    language = await pool.language()
    if language and "python" not in language.lower():
        return UnexpectedAnswer(
            f"This pool runs {language} and no Python. It answered: {execution.excerpt}",
            fix="Use a pool of the type PythonLTS: az containerapp sessionpool create "
            "--container-type PythonLTS ...",
        )
    return UnexpectedAnswer(
        "The pool did not run this kernel's first lines of Python. It answered: "
        f"{execution.excerpt}",
        cause="It is a NodeLTS or Shell pool, or its interpreter is broken.",
        fix="Use a pool of the type PythonLTS (az containerapp sessionpool create "
        "--container-type PythonLTS), or restart the kernel to get another session.",
    )


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = load(data)
    except WireError:
        return {}
    return value if isinstance(value, dict) else {}
