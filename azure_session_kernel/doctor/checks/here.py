"""Settings, the form of the endpoint, the network, and the sign-in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ...causes.evidence import PoolFacts, SettingsFault, TokenFacts
from ...common.errors import CredentialError, SettingsError
from ...common.within import within
from ...executors.base import DEFAULT_EXECUTE_PATH
from ...executors.oneshot.api import is_piston_path
from ...pool.credentials import AzureToken, TokenSource
from ...pool.failures import facts_of, token_facts
from ...pool.local_record import RecordToken, read_record
from ...pool.network import AZURES_ISSUERS, Connected, connect
from ...session.opening import connect_to
from ...session.settings import ENDPOINT, LOCAL, Settings
from .. import management_plane as arm
from ..report.result import OK, PROBLEM, WARNING
from ..state import State

_KINDS: Final = {
    "custom": "custom-container pool",
    "builtin": "built-in pool",
    "loopback": "on this machine",
    "other": "on a host you allowed",
}
#: Looking for a pool in all subscriptions is a courtesy.
_ARM_S: Final = 6.0


async def settings(state: State, environ: Mapping[str, str]) -> bool:
    """Read the settings as the kernel does. False when nothing can follow.

    :raises SettingsError: ``--name`` can't be looked up.
    """
    environ = dict(environ)
    if state.options.endpoint:
        environ[ENDPOINT] = state.options.endpoint
    elif state.options.name:
        environ[ENDPOINT] = await _endpoint_by_name(state, environ)
        if not environ[ENDPOINT]:
            return False
    try:
        state.settings = Settings.from_environ(environ)
        state.endpoint, state.tokens = connect_to(state.settings)
    except SettingsError as error:
        fault = SettingsFault(type(error).__name__, error.what, error.cause, error.fix)
        state.learn(settings_fault=fault)
        state.notes.add(_check_of(fault.ename), PROBLEM, error.what)
        return False
    state.learn(
        executor=state.settings.executor,
        execute_path=state.settings.execute_path,
        fixed_identifier=state.settings.identifier is not None,
        endpoint=facts_of(state.endpoint),
        needed=needed(
            state.settings.executor,
            builtin=state.endpoint.builtin,
            execute_path=state.settings.execute_path,
        ),
    )
    source = "--endpoint" if state.options.endpoint else state.options.source
    state.notes.add(
        "settings",
        OK,
        f"of {source}: executor {state.settings.executor}, credential {state.settings.credential}",
        f"execute path {state.settings.execute_path}",
    )
    _note_endpoint(state)
    return True


def _check_of(ename: str) -> str:
    """Where an error about the settings shows."""
    if ename in ("EndpointInvalid", "HostNotAllowed"):
        return "endpoint"
    return {"IdentifierInvalid": "identifier", "LocalPoolNotRunning": "tcp"}.get(ename, "settings")


def needed(
    executor: str, *, builtin: bool, execute_path: str = DEFAULT_EXECUTE_PATH
) -> tuple[str, ...]:
    """The probes of which one must work for this executor, as the kernel looks for them."""
    if executor != "auto":
        return {"adapter": ("hello",), "interpreter": ("executions",)}.get(executor, ("execute",))
    if builtin:
        return ("executions",)
    if execute_path == DEFAULT_EXECUTE_PATH:
        return ("hello", "execute", "execute-sample", "executions", "piston")
    piston = ("piston",) if is_piston_path(execute_path) else ()
    return ("hello", "execute", "executions", *piston)


def _note_endpoint(state: State) -> None:
    assert state.endpoint is not None and state.settings is not None  # noqa: S101
    written = state.settings.endpoint
    kind = _KINDS.get(state.endpoint.kind, state.endpoint.kind)
    if state.endpoint.builtin and state.endpoint.kind == "loopback":
        kind += ", a built-in pool"
    text = f"{urlsplit(state.endpoint.url).netloc}: {kind}"
    cut = "" if written == LOCAL else written.rstrip("/").removeprefix(state.endpoint.url)
    if cut and re.match(r"/", cut):
        state.notes.add("endpoint", WARNING, f"{text}; {cut[:60]} was cut off", state.endpoint.url)
    else:
        state.notes.add("endpoint", OK, text, state.endpoint.url)


async def _endpoint_by_name(state: State, environ: Mapping[str, str]) -> str:
    """The endpoint of ``--name`` and ``--resource-group``, from the management plane; or "".

    :raises SettingsError: the management plane does not say.
    """
    credential = environ.get("AZURE_SESSION_CREDENTIAL", "").strip() or "default"
    try:
        tokens = AzureToken(credential, arm.ARM_SCOPE)
        token = await within(tokens.token(), state.options.stall_s)
    except CredentialError as error:
        return _no_endpoint(state, error.what, error.cause, error.fix)
    except (asyncio.TimeoutError, TimeoutError):
        return _no_endpoint(state, "The sign-in did not answer.", "", "Run `az login`.")
    options = state.options
    plane = arm.ManagementPlane(token, _ARM_S)
    try:
        url = arm.resource_url(options.subscription, options.group, options.name)
        facts = await plane.pool_at(url)
    except arm.NotReadable as error:
        if not error.missing:
            raise _not_looked_up(options.name, error) from error
        state.learn(pool_missing=True, pool_unread=str(error))
        state.notes.add("management", PROBLEM, str(error))
        return ""
    state.learn(pool=facts)
    if not facts.endpoint:
        text = f"{facts.container_type}, {facts.provisioning_state}: it has no endpoint"
        state.notes.add("management", PROBLEM, text)
    return facts.endpoint


def _not_looked_up(name: str, error: arm.NotReadable) -> SettingsError:
    """Nothing was learnt of the pool, so nothing can be said of it."""
    return SettingsError(
        f"The pool {name[:100]} can't be looked up: {error}.",
        fix="Name its endpoint instead: azure-session-kernel doctor --endpoint URL. Looking it up "
        "needs the right to read the pool: `az login`, and the Reader role.",
    )


def _no_endpoint(state: State, what: str, cause: str, fix: str) -> str:
    state.learn(token=TokenFacts(failure=f"{what} {cause}".strip(), failure_fix=fix))
    state.notes.add("credential", PROBLEM, what)
    return ""


async def network_and_signin(state: State) -> bool:
    """Both at once: a sign-in takes seconds. False when there is no connection or no token."""
    assert state.endpoint is not None  # noqa: S101
    signing_in = asyncio.create_task(credential(state))
    try:
        found = await connect(state.endpoint.url, state.options.stall_s, state.endpoint.authority)
        note_network(state, found)
        if found.trouble or (found.tls is not None and not found.tls.trusted):
            return False
        return await signing_in
    finally:
        signing_in.cancel()
        await asyncio.gather(signing_in, return_exceptions=True)


def note_network(state: State, found: Connected) -> None:
    """What came of looking the host up, connecting, and its certificate."""
    state.learn(network=dict(found.trouble), tls=found.tls, proxy=found.proxy)
    if found.proxy:
        for check in ("dns", "tcp", "tls"):
            state.notes.add(check, OK, f"left to the proxy {found.proxy}")
        if found.trouble:
            state.notes.add("tcp", PROBLEM, f"no connection to the proxy {found.proxy}")
        return
    if "dns" in found.trouble:
        state.notes.add("dns", PROBLEM, "the name can't be resolved")
        return
    state.notes.add("dns", OK, ", ".join(found.addresses[:3]))
    if "tcp" in found.trouble:
        state.notes.add("tcp", PROBLEM, found.trouble["tcp"])
        return
    state.notes.add("tcp", OK, f"connected in {found.tcp_s * 1000:.0f} ms")
    _note_tls(state, found)


def _note_tls(state: State, found: Connected) -> None:
    assert state.endpoint is not None  # noqa: S101
    tls = found.tls
    if tls is None:
        verdict = PROBLEM if "tls" in found.trouble else OK
        text = "no TLS connection" if verdict == PROBLEM else "not used: http://"
        state.notes.add("tls", verdict, text)
        return
    text = f"issued by {tls.issuer}, {tls.days_left or 0:.0f} days left"
    azures = any(name in tls.issuer.lower() for name in AZURES_ISSUERS)
    if not tls.trusted:
        state.notes.add("tls", PROBLEM, text, tls.detail)
    elif not azures and state.endpoint.kind in ("custom", "builtin"):
        state.notes.add(
            "tls", WARNING, text, "not Azure's issuer: a trusted proxy reads what is sent"
        )
    else:
        state.notes.add("tls", OK, text)


async def credential(state: State) -> bool:
    """A token for the pool, and what it says of itself. Never the token."""
    assert state.tokens is not None and state.settings is not None  # noqa: S101
    try:
        token = await within(state.tokens.token(), state.options.stall_s)
    except CredentialError as error:
        failure = " ".join(part for part in (error.what, error.cause) if part)
        state.learn(token=TokenFacts(failure=failure, failure_fix=error.fix))
        state.notes.add("credential", PROBLEM, error.what[:200])
        return False
    except (asyncio.TimeoutError, TimeoutError):
        what = f"The sign-in did not answer within {state.options.stall_s:.0f} s."
        fix = "Run `az login`, or choose one way of signing in: AZURE_SESSION_CREDENTIAL=cli."
        state.learn(token=TokenFacts(failure=what, failure_fix=fix))
        state.notes.add("credential", PROBLEM, what)
        return False
    state.token = token
    facts = token_facts(token)
    state.learn(token=facts)
    _note_token(state, facts)
    return True


def _note_token(state: State, facts: TokenFacts) -> None:
    assert state.settings is not None  # noqa: S101
    if facts.opaque:
        member = "the local pool's" if isinstance(state.tokens, RecordToken) else "opaque"
        state.notes.add("credential", OK, f"a token was had ({member})")
        return
    left = facts.seconds_left
    until = "no expiry" if left is None else f"{left / 60:.0f} minutes left"
    state.notes.add(
        "credential",
        OK if left is None or left > 0 else WARNING,
        f"for {facts.audience}, {until}",
        f"signed in by: {state.settings.credential}",
        f"tenant {facts.tenant or 'unknown'}",
        f"object id {facts.object_id or 'unknown'}",
    )


async def management(state: State) -> None:
    """What ARM says, where it may be read; never a reason to stop."""
    if state.evidence.pool is None:
        try:
            state.learn(pool=await within(_pool_facts(state), _ARM_S))
        except (arm.NotReadable, CredentialError) as error:
            missing = isinstance(error, arm.NotReadable) and error.missing
            state.learn(pool_unread=str(error)[:200], pool_missing=missing)
        except (asyncio.TimeoutError, TimeoutError):
            state.learn(pool_unread=f"the management plane did not answer within {_ARM_S:.0f} s")
    pool = state.evidence.pool
    if pool is None:
        state.notes.add("management", "not done", state.evidence.pool_unread)
        return
    good = pool.provisioning_state in ("", "Succeeded") and not pool.crashes
    state.notes.add(
        "management",
        OK if good and not pool.pull_failures else WARNING,
        f"{pool.container_type}, {pool.provisioning_state}, {pool.ready} ready, "
        f"{pool.crashes} crashes",
        *_pool_details(pool),
    )


def _pool_details(pool: PoolFacts) -> tuple[str, ...]:
    return (
        f"target port {pool.target_port} (active template: {pool.active_port})",
        f"image {pool.image} (active template: {pool.active_image})",
        f"image pull failures {pool.pull_failures}, allocated {pool.allocated}",
        f"at most {pool.max_sessions} sessions, cooldown {pool.cooldown_s} s, {pool.egress}",
    )


async def _pool_facts(state: State) -> PoolFacts:
    """:raises NotReadable: :raises CredentialError:"""
    assert state.settings is not None and state.endpoint is not None  # noqa: S101
    if state.settings.endpoint == LOCAL:
        record = read_record()
        if not record.resource:
            raise arm.NotReadable("the local pool does not play it")
        return await arm.ManagementPlane(record.token, _ARM_S).pool_at(record.resource)
    if state.endpoint.kind not in ("custom", "builtin"):
        raise arm.NotReadable("the endpoint is not Azure's")
    tokens: TokenSource = AzureToken(state.settings.credential, arm.ARM_SCOPE)
    plane = arm.ManagementPlane(await tokens.token(), _ARM_S)
    match = re.search(
        r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/sessionPools/([^/]+)",
        state.endpoint.url,
        re.I,
    )
    if match:
        return await plane.pool_at(arm.resource_url(*match.groups()))
    return await plane.pool_with_endpoint(state.endpoint.url)
