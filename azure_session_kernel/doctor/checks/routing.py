"""Identifier, allocation, routing: the first requests, and who answers each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ...causes.evidence import ADAPTER, CONTAINER, FRONT, EndpointFacts, HelloFacts, Reply, works
from ...common.errors import PoolError
from ...executors.builtin.azure import Version
from ...pool.call import redact
from ...pool.client import PoolClient
from ...pool.clock import date_of
from ...pool.credentials import FixedToken
from ...pool.endpoints import Endpoint
from ...pool.management import route
from ...pool.network import Connected
from ...session.identity import Scope, install_secret, make_identifier
from ...session.lease import Lease, LeaseStore
from ...wire import WireError, hello_from_json, load
from .. import api_version
from ..report.result import OK, PROBLEM, WARNING
from ..report.wording import in_a_line
from ..requests import Probe, ask, ask_all, probes
from ..state import SESSION_VERSION, State

#: The probe that tells, and how code then runs there; in the kernel's order.
_KINDS: Final = (
    ("hello", "adapter"),
    ("executions", "interpreter"),
    ("execute", "oneshot"),
    ("execute-sample", "oneshot"),
)
_AGAIN_S: Final = 0.4
#: How long the last request of those may take, beyond the time for asking again.
_LAST_TRY_S: Final = 2.0
#: How long the front gets at least for an answer of its own.
_FRONT_S: Final = 2.0
#: What is still asked when nothing listens: every request may start another container.
_IF_SILENT: Final = ("root",)
_TIMINGS: Final = ("x-ms-allocation-time", "x-ms-preparation-time", "x-ms-overall-execution-time")
#: Refusals of the front, before any session.
_NOT_ALLOCATED: Final = (400, 401, 403, 404, 429)
#: Answers that come before any container, unless it is the container that refuses.
_DECIDED: Final = (401, 403, 429)

_REAP: Final = "azure-session-kernel sessions reap"


def take_session(state: State) -> None:
    """A fresh identifier with a lease, so that nothing leaks, whatever happens to doctor.

    :raises StateUnusable:
    """
    assert state.endpoint is not None  # noqa: S101
    scope = Scope("kernel", f"doctor {state.reader}")
    identifier = make_identifier(install_secret(), state.endpoint.url, scope.key, 0)
    state.lease = LeaseStore().acquire(Lease.new(identifier, state.endpoint.url, scope))
    state.client = PoolClient(state.endpoint, FixedToken(state.token), identifier)
    state.notes.add("identifier", OK, f"a fresh one for this examination: {redact(identifier)}")


async def fixed_identifier(state: State) -> None:
    """Whether the pool takes the identifier that was set; asking for it allocates nothing."""
    assert state.settings is not None and state.endpoint is not None  # noqa: S101
    if state.settings.identifier is None:
        return
    client = PoolClient(state.endpoint, FixedToken(state.token), state.settings.identifier)
    try:
        reply = await _get_session(client, "fixed-identifier", state.stall_s)
    finally:
        await client.aclose()
    state.heard(reply)
    taken = reply.ok or _is_gone(reply)
    shown = redact(state.settings.identifier)
    text = f"{shown} is taken" if taken else f"{shown}: {reply.status} {reply.code}".strip()
    state.notes.add("identifier", OK if taken else WARNING, text)


async def allocate(state: State) -> bool:
    """The first request, which allocates the session. False when the rest would be told the same.

    A container that does not listen yet gives 502; it is asked again for some seconds.
    """
    builtin = state.endpoint is not None and state.evidence.endpoint.builtin
    wanted = probes(state.evidence.execute_path, state.reader, builtin=builtin)
    executor = state.evidence.executor
    first = "executions" if builtin and executor != "adapter" else "hello"
    begun = time.monotonic()
    reply, answer = await ask(state.pool, wanted[first], state.stall_s)
    early = 502 if reply.status == 502 else None
    while reply.status in (502, 503) and time.monotonic() - begun < state.options.listen_s:
        await asyncio.sleep(_AGAIN_S)
        left_s = begun + state.options.listen_s + _LAST_TRY_S - time.monotonic()
        again, answer = await ask(state.pool, wanted[first], min(state.stall_s, left_s))
        if again.trouble == "timeout":
            break  # the time is over; what it said before counts
        reply = again
    if first == "executions":
        reply, answer = await api_version.agree(state, wanted[first], reply, answer)
    reply = replace(reply, first=early, took_s=time.monotonic() - begun)
    state.heard(reply)
    _clock(state, reply)
    if first == "hello" and answer is not None and (reply.who == ADAPTER or not reply.odd):
        _hello(state, answer.body)
    if reply.status in _DECIDED:
        await _learn_session(state)
        reply = state.evidence.reply(first) or reply  # as far as that tells who it was
    _note_allocation(state, reply)
    return reply.status is not None and (reply.status not in _DECIDED or reply.who == CONTAINER)


def _hello(state: State, body: bytes) -> None:
    try:
        hello = hello_from_json(load(body))
    except WireError as error:
        state.failed("start", str(error))
        return
    state.hello = {"boot": hello.boot, "next": hello.next}
    state.learn(hello=HelloFacts(hello.protocol, hello.adapter, hello.state, hello.features))


def _clock(state: State, reply: Reply) -> None:
    moment = date_of(reply.headers)
    if moment is None:
        state.notes.add("clock", "not done", "the answer has no Date header")
        return
    skew = time.time() - moment.timestamp()
    state.learn(clock_skew_s=skew)
    verdict = OK if abs(skew) < 60 else WARNING
    state.notes.add("clock", verdict, f"{skew:+.0f} s against the pool's Date header")


def _note_allocation(state: State, reply: Reply) -> None:
    timings = [f"{name}: {reply.headers[name]} ms" for name in _TIMINGS if name in reply.headers]
    if reply.status in (401, 403) and reply.who != CONTAINER:
        state.notes.add("role", PROBLEM, f"the pool answers {reply.status}")
        return
    if reply.status is None:
        state.notes.add("allocation", PROBLEM, f"no answer: {reply.trouble}")
        return
    if reply.who == FRONT and not reply.ok:
        text = f"the pool's front answers {reply.status} {reply.code}".rstrip()
        state.notes.add("allocation", PROBLEM, text, *timings)
        return
    if not state.evidence.direct:
        state.notes.add("role", OK, "the pool takes the token")
    text = f"answered after {reply.took_s:.1f} s"
    state.notes.add("allocation", OK, text, *timings)


async def routing(state: State) -> None:
    """A bounded set of harmless requests at once; who answered each."""
    wanted = probes(
        state.evidence.execute_path,
        state.reader,
        builtin=state.evidence.endpoint.builtin,
        adapter=state.evidence.hello is not None,
    )
    heard = {reply.probe for reply in state.evidence.replies}
    silent = any(reply.status == 502 for reply in state.evidence.replies)
    waiting = [
        probe
        for name, probe in wanted.items()
        if name not in heard and (not silent or name in _IF_SILENT)
    ]
    replies, _ = await asyncio.gather(
        ask_all(state.pool, waiting, state.probe_s), _learn_session(state)
    )
    state.heard(*map(_in_container, replies) if _adapters(state) else replies)
    await _try_at_host(state)
    _choose_kind(state)
    _note_routing(state)


def _adapters(state: State) -> bool:
    """Our adapter is there; then what looks like the service is its copy of Azure's routes."""
    return state.evidence.hello is not None and not state.evidence.endpoint.builtin


def _in_container(reply: Reply) -> Reply:
    return replace(reply, who=CONTAINER) if reply.dialect == "service" else reply


async def _learn_session(state: State) -> None:
    """Whether the pool knows the session, which it must after a request that reached it."""
    if state.evidence.direct or state.evidence.reply("management") is not None:
        return
    # The front answers this one, however slow a container is.
    timeout_s = max(state.probe_s("management"), min(_FRONT_S, state.options.stall_s))
    if state.sessions is None:
        return  # a built-in pool of a version without them
    known = await _get_session(state.pool, "management", timeout_s, state.sessions)
    if _is_session(known) or _is_gone(known):
        state.learn(session_known=known.ok)
    state.heard(known)


async def _get_session(
    client: PoolClient, name: str, timeout_s: float, version: Version = SESSION_VERSION
) -> Reply:
    family = "builtin" if client.endpoint.builtin else client.endpoint.kind
    method, path = route(family, "get")
    query = {"api-version": version.name}
    reply, _ = await ask(client, Probe(name, method, path, None, query), timeout_s)
    return replace(reply, who=FRONT) if reply.status is not None else reply


def _is_session(reply: Reply) -> bool:
    """Not whatever somebody answers to everything."""
    return reply.ok and reply.form == "json"


def _is_gone(reply: Reply) -> bool:
    gone = reply.code in ("SessionNotFound", "SessionWithIdentifierNotFound")
    return reply.status in (400, 404) and (gone or "session not found" in reply.body.lower())


async def _try_at_host(state: State) -> None:
    """An endpoint with a path of its own, where nothing works: is it there without that path?"""
    endpoint, facts = state.endpoint, state.evidence.endpoint
    if endpoint is None or not facts.path or facts.builtin or not state.evidence.refusals():
        return
    client = _at_host(state, endpoint)
    hello = probes("/", state.reader, builtin=False)["hello"]
    try:
        reply, _ = await ask(client, replace(hello, name="hello-at-host"), state.probe_s("hello"))
    finally:
        await client.aclose()
    state.heard(reply)


def _at_host(state: State, endpoint: Endpoint) -> PoolClient:
    """The same session, at the endpoint without its path."""
    root = endpoint.url.removesuffix(state.evidence.endpoint.path)
    bare = replace(endpoint, url=root)
    return PoolClient(bare, FixedToken(state.token), state.pool.identifier)


def _choose_kind(state: State) -> None:
    """How code will run there, as the kernel chooses it (``executors/discovery/discovery.py``)."""
    allowed, hello = state.evidence.needed, state.evidence.reply("hello")
    if hello is not None and hello.who == ADAPTER and not hello.ok:
        return  # it is ours, and can't run code: nothing else would
    # One that answers counts for more than one that wants another request.
    for answers in (True, False):
        for probe, kind in _KINDS:
            reply = state.evidence.reply(probe)
            if probe in allowed and reply is not None and works(reply) and reply.ok is answers:
                state.kind = kind
                return


def _note_routing(state: State) -> None:
    lines = [in_a_line(reply) for reply in state.evidence.replies]
    answered = [reply for reply in state.evidence.replies if reply.status is not None]
    if state.kind:
        text = f"the session answers: {state.kind}"
        state.notes.add("routing", OK, text, *lines)
    elif not answered:
        state.notes.add("routing", PROBLEM, "no request was answered", *lines)
    else:
        state.notes.add("routing", PROBLEM, "no way to run code was found", *lines)


def direct_facts(url: str, found: Connected) -> tuple[EndpointFacts, Mapping[str, str]]:
    """What ``--direct`` looks at, in place of a pool's endpoint."""
    parts = urlsplit(url)
    facts = EndpointFacts(parts.hostname or "", "direct", loopback=False, path=parts.path)
    return facts, found.trouble


async def _stop_session(state: State, client: PoolClient, timeout_s: float) -> bool:
    """At the host when the endpoint's path is wrong: below it, a stop would go to the container."""
    if state.sessions != SESSION_VERSION:
        return await _stop_in_version(client, state.sessions, timeout_s)
    at_host = state.evidence.reply("hello-at-host")
    if state.endpoint is None or at_host is None or not at_host.ok:
        return await client.stop_session(timeout_s)
    bare = _at_host(state, state.endpoint)
    try:
        return await bare.stop_session(timeout_s)
    finally:
        await bare.aclose()


async def _stop_in_version(client: PoolClient, version: Version | None, timeout_s: float) -> bool:
    """:raises PoolError:"""
    if version is None:
        return False
    method, path = route("builtin", "stop")
    query = {"api-version": version.name}
    await client.request(method, path, timeout_s=timeout_s, query=query)
    return True


def _never_allocated(state: State) -> bool:
    """Every answer came from the pool's front, and was a refusal before any session."""
    replies = state.evidence.replies
    return (
        bool(replies)
        and not state.evidence.session_known
        and all(r.who == FRONT and r.status in _NOT_ALLOCATED for r in replies)
    )


async def stop(state: State, timeout_s: float) -> None:
    """End the session and remove the lease; an unconfirmed stop leaves the lease to the reaper."""
    if state.client is None:
        return
    lease, stopped = state.lease, False
    never = state.sessions is None or _never_allocated(state)
    try:
        if lease is not None:
            lease.update(state="stopping")
            stopped = await _stop_session(state, state.client, timeout_s)
    except PoolError:
        stopped = False
    finally:
        if lease is not None:
            lease.release(remove=stopped or never)
        await state.client.aclose()
    if lease is not None:
        _note_stop(state, redact(lease.lease.identifier), stopped=stopped, never=never)


def _note_stop(state: State, shown: str, *, stopped: bool, never: bool) -> None:
    """:param shown: the session. :param never: there is none, or no call to stop it."""
    if stopped:
        state.notes.add("stop", OK, "the session of this examination is stopped")
    elif state.sessions is None:
        text = f"api-version {state.version.name} can't stop a session: it ends after its cooldown"
        state.notes.add("stop", WARNING, text)
    elif state.kind:
        state.failed("stop", f"{shown} may still run.")
        state.notes.add("stop", PROBLEM, f"the stop of {shown} was not confirmed")
    elif not never:
        text = f"{shown} may still run, until its cooldown is over; to stop it: {_REAP}"
        state.notes.add("stop", WARNING, text)
