"""The examination: checks in their order, until the cause is certain or everything was done.

A check that depends on a failed one is not done, and not red. The session is fresh, has a lease,
and is stopped at the end, also when the examination is cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..causes import fields
from ..causes.diagnosis import Finding, diagnose
from ..causes.evidence import Evidence, SettingsFault, TokenFacts
from ..causes.signs import HIGH
from ..common.errors import CredentialError, SettingsError
from ..pool.network import connect
from ..session.reaper import STOP_TIMEOUT_S
from ..session.settings import as_option
from .checks import adapter, here, plain, routing
from .report.result import OK, PROBLEM, Report, Result
from .requests import direct_client
from .state import Options, State

#: At least, where the time for a report is over: of a pool in which code has run, and of others.
_STOP_S: Final = 5.0
_STOP_AFTER_FAILURE_S: Final = 2.0


async def examine(options: Options, environ: Mapping[str, str]) -> Report:
    """Everything that doctor does.

    :raises SessionKernelError: doctor itself could not work (its own files, ``--name``).
    :raises ValueError: ``--direct`` is no URL.
    """
    state = State(options)
    try:
        if options.direct:
            await _direct(state)
        else:
            await _pool(state, environ)
    except CredentialError as error:
        state.learn(token=TokenFacts(failure=error.what, failure_fix=error.fix))
    finally:
        healthy = bool(state.kind) and not state.evidence.failed
        # Also after Ctrl-C; bounded, and what was not confirmed stays in the lease.
        least_s = _STOP_S if healthy else _STOP_AFTER_FAILURE_S
        stopping = routing.stop(state, max(least_s, state.at_most(STOP_TIMEOUT_S)))
        await asyncio.shield(asyncio.ensure_future(stopping))
    return _report(state)


async def _pool(state: State, environ: Mapping[str, str]) -> None:
    if not await here.settings(state, environ):
        return
    if not await here.network_and_signin(state):
        return
    try:
        routing.take_session(state)
    except SettingsError as error:
        fault = SettingsFault(type(error).__name__, error.what, error.cause, error.fix)
        state.learn(settings_fault=fault)
        return
    managing = asyncio.create_task(here.management(state))
    try:
        await _session(state)
        if not _certain(state):
            await managing
    finally:
        managing.cancel()
        await asyncio.gather(managing, return_exceptions=True)


async def _direct(state: State) -> None:
    """A container without a pool: no settings, no token, no management plane."""
    url = state.options.direct
    state.client = direct_client(url, "doctor-direct-0000")
    state.endpoint = state.client.endpoint
    found = await connect(url, state.options.stall_s)
    here.note_network(state, found)
    facts = routing.direct_facts(state.client.endpoint.url, found)
    needed = here.needed("auto", builtin=False)
    state.learn(direct=True, endpoint=facts[0], network=facts[1], needed=needed)
    for check in ("settings", "credential", "role", "management", "identifier", "stop"):
        state.notes.add(check, "not done", "not for a container without a pool")
    if facts[1]:
        return
    state.notes.add("endpoint", OK, f"{urlsplit(url).netloc}: a container, without a pool")
    await _session(state)


async def _session(state: State) -> None:
    """From the first request to the last cell."""
    if state.evidence.direct or state.settings is None:
        pass
    elif state.settings.identifier is not None:
        await routing.fixed_identifier(state)
        if _certain(state):
            return
    if not await routing.allocate(state):
        return
    await routing.routing(state)
    if await plain.try_piston(state) or not state.kind:
        return
    if state.kind == "adapter":
        if adapter.protocol(state):
            await adapter.run(state)
    elif state.kind == "interpreter":
        await plain.interpreter(state)
    else:
        await plain.oneshot(state)


def _certain(state: State) -> bool:
    found = diagnose(state.evidence)
    return bool(found) and found[0].confidence == HIGH


def _report(state: State) -> Report:
    findings = diagnose(state.evidence)
    if state.kind and not _matters(state.evidence):
        findings = tuple(f for f in findings if f.confidence != "low")
    results = state.notes.ordered(findings)
    if state.options.endpoint:
        findings, results = _as_typed(findings, results)
    took_s = time.monotonic() - state.begun
    return Report(results, findings, state.evidence, state.kind, took_s, _untold(state, findings))


def _as_typed(
    findings: tuple[Finding, ...], results: tuple[Result, ...]
) -> tuple[tuple[Finding, ...], tuple[Result, ...]]:
    """For somebody who has typed ``--endpoint``: nobody has set the variable."""
    return tuple(
        replace(f, explanation=as_option(f.explanation), fix=as_option(f.fix)) for f in findings
    ), tuple(
        replace(r, text=as_option(r.text), details=tuple(map(as_option, r.details)))
        for r in results
    )


def _matters(evidence: Evidence) -> bool:
    """Whether something failed, so that even an unlikely cause is worth naming."""
    return bool(evidence.failed or evidence.refusals())


def _untold(state: State, findings: tuple[object, ...]) -> tuple[str, ...]:
    """What only the management plane tells, when it is needed and could not be read."""
    e = state.evidence
    if e.pool is not None or e.direct or not findings or not e.refusals():
        return ()
    command = fields.filled("{show_state}", e)
    why = e.pool_unread or "it was not asked"
    return (
        f"The management plane could not be read ({why}): whether containers crash, and which "
        f"port and image are active, is told by:\n{command}",
    )


__all__ = ["PROBLEM", "Options", "examine"]
