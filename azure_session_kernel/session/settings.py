"""What can be configured, read once from the environment and checked at start (docs/design.md 7).

Few settings on purpose. Each has one variable, one default and, when it is wrong, an error that
names the variable, the allowed values and the fix.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar, get_args

from ..common.errors import (
    EndpointInvalid,
    EndpointMissing,
    IdentifierInvalid,
    MagicUsage,
    SettingsError,
)
from ..executors.base import ExecutorName
from ..pool.credentials import CREDENTIALS, DEFAULT_SCOPE
from ..pool.endpoints import SHOW_COMMAND, UNNAMED, is_path, parse_endpoint
from ..transfer.quoting import words
from .environment import SETTING as ENV
from .environment import variables_for_session

LOCAL: Final = "local"

ENDPOINT: Final = "AZURE_SESSION_POOL_ENDPOINT"
ENDPOINT_FALLBACK: Final = "POOL_MANAGEMENT_ENDPOINT"
EXECUTOR: Final = "AZURE_SESSION_EXECUTOR"
EXECUTE_PATH: Final = "AZURE_SESSION_EXECUTE_PATH"
CREDENTIAL: Final = "AZURE_SESSION_CREDENTIAL"
TOKEN_SCOPE: Final = "AZURE_SESSION_TOKEN_SCOPE"  # noqa: S105 - a name, not a token
SCOPE: Final = "AZURE_SESSION_SCOPE"
IDENTIFIER: Final = "AZURE_SESSION_IDENTIFIER"
ON_SHUTDOWN: Final = "AZURE_SESSION_ON_SHUTDOWN"
ON_DEATH: Final = "AZURE_SESSION_ON_DEATH"
ALLOWED_HOSTS: Final = "AZURE_SESSION_ALLOWED_HOSTS"
UPLOAD: Final = "AZURE_SESSION_UPLOAD"
DOWNLOAD: Final = "AZURE_SESSION_DOWNLOAD"
OPEN_TIMEOUT: Final = "AZURE_SESSION_OPEN_TIMEOUT"

#: How long a cell waits for a session of a full pool. A person sees that it waits, and can
#: interrupt it; with a runner, the others' whole notebooks may have to end first.
PERSON_WAITS_S: Final = 300.0
RUNNER_WAITS_S: Final = 1800.0
_LONGEST_WAIT_S: Final = 86_400

ScopeSetting = Literal["auto", "notebook", "kernel"]
OnShutdown = Literal["stop", "keep"]
OnDeath = Literal["auto", "die", "restart"]

_EXECUTORS: Final[tuple[ExecutorName, ...]] = get_args(ExecutorName)
_SCOPES: Final[tuple[ScopeSetting, ...]] = get_args(ScopeSetting)
_ON_SHUTDOWN: Final[tuple[OnShutdown, ...]] = get_args(OnShutdown)
_ON_DEATH: Final[tuple[OnDeath, ...]] = get_args(OnDeath)
#: The values that a setting can have; the first is its default.
ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    EXECUTOR: _EXECUTORS,
    CREDENTIAL: tuple(CREDENTIALS),
    SCOPE: _SCOPES,
    ON_SHUTDOWN: _ON_SHUTDOWN,
    ON_DEATH: _ON_DEATH,
}
W = TypeVar("W", bound=str)

#: Azure's rule since api-version 2025-10-02-preview (docs/azure.md 1.1).
_IDENTIFIER: Final = re.compile(r"[a-zA-Z0-9_|}{\[\]:\";'<>?/.,@#$%^&*()\-+=!~`]{4,128}")
_ALLOWED_HOST: Final = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """One kernel's configuration.

    :ivar endpoint: ``local``, or the URL as it was written (see ``pool.endpoints``).
    :ivar execute_path: what one-shot cells are posted to; begins with ``/``.
    :ivar identifier: the value the user fixed, or None to derive one (docs/design.md 5).
    :ivar allowed_hosts: further hosts the token may go to, exact or ``*.suffix``.
    :ivar on_death: whether the kernel ends with the variables; ``auto``: in a kernel's own session.
    :ivar upload: patterns of files that a fresh session gets before its first cell.
    :ivar download: patterns of files that come back when cells have written them.
    :ivar env: environment variables for the interpreter.
    :ivar open_timeout_s: how long a cell waits while the pool is full; None: by who waits.
    """

    endpoint: str
    executor: ExecutorName
    execute_path: str
    credential: str
    token_scope: str
    scope: ScopeSetting
    identifier: str | None
    on_shutdown: OnShutdown
    allowed_hosts: tuple[str, ...]
    on_death: OnDeath = "auto"
    upload: tuple[str, ...] = ()
    download: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    open_timeout_s: float | None = None

    def open_timeout_of(self, *, person: bool) -> float:
        """In seconds. :param person: somebody sees the cell wait; else it is a runner's."""
        if self.open_timeout_s is not None:
            return self.open_timeout_s
        return PERSON_WAITS_S if person else RUNNER_WAITS_S

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check every variable. White space is stripped; an empty value counts as unset.

        :raises EndpointMissing: no pool is configured.
        :raises EndpointInvalid: the value is not a pool management endpoint.
        :raises HostNotAllowed: the endpoint's host may not get the token.
        :raises IdentifierInvalid: the fixed identifier breaks Azure's rule.
        :raises SettingsError: any other variable holds a value that is not allowed.
        """
        hosts = _hosts(_get(environ, ALLOWED_HOSTS))
        return cls(
            executor=_choice(environ, EXECUTOR, _EXECUTORS),
            execute_path=_execute_path(_get(environ, EXECUTE_PATH, "/python/execute")),
            credential=_choice(environ, CREDENTIAL, tuple(CREDENTIALS)),
            token_scope=_get(environ, TOKEN_SCOPE, DEFAULT_SCOPE),
            scope=_choice(environ, SCOPE, _SCOPES),
            identifier=_identifier(_get(environ, IDENTIFIER)),
            on_shutdown=_choice(environ, ON_SHUTDOWN, _ON_SHUTDOWN),
            allowed_hosts=hosts,
            on_death=_choice(environ, ON_DEATH, _ON_DEATH),
            upload=_patterns(environ, UPLOAD),
            download=_patterns(environ, DOWNLOAD),
            env=variables_for_session(environ, _get(environ, ENV)),
            open_timeout_s=_open_timeout_s(_get(environ, OPEN_TIMEOUT)),
            # Last: what else is wrong is wrong with and without a pool.
            endpoint=_endpoint(environ, hosts),
        )


def _get(environ: Mapping[str, str], name: str, default: str = "") -> str:
    return environ.get(name, "").strip() or default


def _endpoint(environ: Mapping[str, str], hosts: tuple[str, ...]) -> str:
    variable = ENDPOINT if _get(environ, ENDPOINT) else ENDPOINT_FALLBACK
    value = _get(environ, variable)
    if not value:
        raise EndpointMissing(
            "No session pool is configured, so no code can run.",
            cause=f"Neither {ENDPOINT} nor {ENDPOINT_FALLBACK} is set for this kernel.",
            fix="Run this, where URL is what the line below it prints:\n"
            f"azure-session-kernel install --endpoint URL\n{SHOW_COMMAND}\n"
            f"Without an Azure pool: run `azure-session-kernel pool` and set {ENDPOINT}={LOCAL}.",
        )
    if value.lower() == LOCAL:
        return LOCAL
    try:
        parse_endpoint(value, hosts)
    except EndpointInvalid as error:
        what = error.what.replace(UNNAMED, variable)
        raise EndpointInvalid(what, fix=error.fix) from None
    return value


def as_option(text: str) -> str:
    """What is said of the variable, said of ``--endpoint``, to somebody who has typed that."""
    return text.replace(ENDPOINT, "--endpoint")


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[W, ...]) -> W:
    value = _get(environ, name, allowed[0]).lower()
    for one in allowed:
        if one == value:
            return one
    raise SettingsError(
        f"{name} is {value[:100]!r}; allowed are {', '.join(allowed)}.",
        fix=f"Set {name}={allowed[0]} (the default), or remove it.",
    )


def _execute_path(value: str) -> str:
    if is_path(value):
        return value
    raise SettingsError(
        f"{EXECUTE_PATH} is {value[:100]!r}; a path that begins with / is needed.",
        fix=f"Set {EXECUTE_PATH}=/python/execute (the default), or remove it.",
    )


def _identifier(value: str) -> str | None:
    if not value:
        return None
    if _IDENTIFIER.fullmatch(value):
        return value
    raise IdentifierInvalid(
        f"{IDENTIFIER} has {len(value)} characters or some that Azure does not accept.",
        cause="Azure's rule: 4 to 128 characters, ASCII letters, digits and punctuation, "
        "no spaces and no backslash.",
        fix=f"Set {IDENTIFIER} to 4-128 characters of [A-Za-z0-9_-], or remove it.",
    )


def _open_timeout_s(value: str) -> float | None:
    if not value:
        return None
    if value.isascii() and value.isdigit() and int(value) <= _LONGEST_WAIT_S:
        return float(value)
    raise SettingsError(
        f"{OPEN_TIMEOUT} is {value[:100]!r}; whole seconds are needed, up to {_LONGEST_WAIT_S}.",
        fix=f"Set {OPEN_TIMEOUT}={PERSON_WAITS_S:g}, or remove it: then a person's cell waits "
        f"{PERSON_WAITS_S:g} s for a session of a full pool, and a runner's {RUNNER_WAITS_S:g} s.",
    )


def _patterns(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    """With quotes around those that have spaces."""
    try:
        return tuple(words(_get(environ, name)))
    except MagicUsage:
        raise SettingsError(
            f"{name} has a quotation mark that is not closed.",
            fix=f"Set {name} to patterns with spaces in between: data/*.csv 'my file.txt'",
        ) from None


def _hosts(value: str) -> tuple[str, ...]:
    names = tuple(name.lower() for name in re.split(r"[,\s]+", value) if name)
    for name in names:
        if not _ALLOWED_HOST.fullmatch(name) and not _is_address(name):
            raise SettingsError(
                f"{ALLOWED_HOSTS} holds {name[:100]!r}, which is not a host name.",
                cause="Host names only, exact or *.suffix, without https://, port or path.",
                fix=f"Set {ALLOWED_HOSTS} to names such as pools.example.org,*.pools.example.org.",
            )
    return names


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
