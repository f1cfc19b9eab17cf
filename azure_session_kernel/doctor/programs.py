"""The small harmless programs that are run, and how an answer to one is told from any other 200."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.errors import UnexpectedAnswer
from ..executors.oneshot.answer import Ran, read_answer
from ..wire import WireError, hello_from_json, load


@dataclass(frozen=True)
class Printing:
    """A program and the word that it prints, which does not stand in it: an echo has not run it."""

    code: str
    word: str

    def printed(self, stdout: str) -> bool:
        return stdout.strip() == self.word


def printing() -> Printing:
    half, rest = secrets.token_hex(4), secrets.token_hex(4)
    return Printing(f"print('{half}' + '{rest}')", half + rest)


def is_hello(body: bytes) -> bool:
    """Our adapter's, of whatever version."""
    with contextlib.suppress(WireError):
        hello_from_json(load(body))
        return True
    return False


def is_execution(body: bytes) -> bool:
    """Azure's own API says how the code ended, in either generation of it."""
    value = _object(body)
    inner = value.get("properties")
    found = inner if isinstance(inner, Mapping) else value
    return isinstance(found.get("status"), str) and "result" in found


def is_run(body: bytes) -> bool:
    """A program of its own says how the code ended: more than that all is well."""
    ran = run_in(_json(body))
    if ran is None:
        return False
    told = (ran.stdout, ran.stderr, ran.exit_code is not None, ran.result is not None)
    return any(told) or ran.ok is False


def run_in(value: Any) -> Ran | None:
    """As the kernel reads it; None: it can't be read."""
    try:
        return read_answer(value)
    except UnexpectedAnswer:
        return None


def _object(body: bytes) -> Mapping[str, Any]:
    value = _json(body)
    return value if isinstance(value, dict) else {}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
