"""The api-version of a built-in pool: the newest that it and this kernel know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from ..causes.evidence import Reply
from ..causes.signs import refuses_version
from ..executors.builtin.azure import VERSIONS, Version
from ..pool.client import Answer
from ..wire import dump
from .requests import Probe, ask
from .state import State

#: Those in which sessions can be looked up and stopped (Azure's OpenAPI).
_WITH_SESSIONS = ("2025-02-02-preview", "2025-10-02-preview")


async def agree(
    state: State, probe: Probe, reply: Reply, answer: Answer | None
) -> tuple[Reply, Answer | None]:
    """Ask again in another version when this one is refused; the first reply when none fits."""
    if not refuses_version(reply):
        return reply, answer
    for version in _others(reply):
        again, got = await ask(state.pool, _in_version(probe, version), state.stall_s)
        if not refuses_version(again):
            state.version = version
            state.sessions = version if version.name in _WITH_SESSIONS else None
            return again, got
    return reply, answer


def _others(reply: Reply) -> Iterator[Version]:
    """Newest first: those that the pool names; any other when it names none."""
    named = [name.strip() for name in reply.headers.get("api-supported-versions", "").split(",")]
    for version in VERSIONS:
        if version.name in named or named == [""]:
            yield version


def _in_version(probe: Probe, version: Version) -> Probe:
    """The older ones have another path, and wrap what is asked."""
    query = {"api-version": version.name}
    if version.flat:
        return replace(probe, query=query)
    body = dump({"properties": json.loads(probe.body or b"{}")})
    return replace(probe, path="/code/execute", body=body, query=query)
