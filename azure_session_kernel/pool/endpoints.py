"""Which host a token may go to: the pool management endpoint, parsed and checked.

docs/design.md rule 9: tokens go only to ``*.dynamicsessions.io`` (built-in pools),
``*.azurecontainerapps.io`` (custom-container pools), loopback, and hosts the user named in
``AZURE_SESSION_ALLOWED_HOSTS``; only over TLS except on loopback.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ..causes.hosts import is_loopback
from ..common.errors import EndpointInvalid, HostNotAllowed

SHOW_COMMAND: Final = (
    "az containerapp sessionpool show --name POOL --resource-group RG "
    "--query properties.poolManagementEndpoint --output tsv"
)
#: In an error, what somebody who knows where the value is from replaces by that.
UNNAMED: Final = "The configured value"
_FIX: Final = f"This command prints the right value:\n{SHOW_COMMAND}"

#: The parts of Azure's and our own APIs that people copy along with the endpoint.
_API_TAIL = re.compile(
    r"/(?:(?:python|code)/execute|executions|jupyter|\.management)(?:/.*)?$", re.IGNORECASE
)
_BUILTIN_PATH = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/sessionPools/[^/]+", re.IGNORECASE
)
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_PORTAL = re.compile(r"(https?://)?([a-z0-9-]+\.)?portal\.azure\.(com|us|cn)(?=[:/?#]|$)")
_POOL_HOST = re.compile(r"[a-z0-9.-]+\.(azurecontainerapps|dynamicsessions)\.io(?=[:/?#]|$)", re.I)
_KINDS: Final = ((".dynamicsessions.io", "builtin"), (".azurecontainerapps.io", "custom"))


@dataclass(frozen=True)
class Endpoint:
    """A pool management endpoint that tokens may be sent to.

    :ivar url: without a trailing slash, query or fragment.
    :ivar host: lower case, without port and without the brackets of an IPv6 address.
    :ivar kind: ``custom``, ``builtin``, ``loopback`` or ``other`` (a host the user allowed).
    :ivar authority: the file with the only certificate authority to trust there; "" means those
        that this machine trusts.
    """

    url: str
    host: str
    kind: str
    loopback: bool
    authority: str = ""

    @property
    def builtin(self) -> bool:
        """A built-in pool's, also when the local pool plays it (docs/azure.md 0)."""
        return self.kind == "builtin" or _BUILTIN_PATH.search(self.url) is not None

    def join(self, path: str) -> str:
        """The URL of ``path`` below the endpoint; always on the endpoint's own origin.

        :raises ValueError: when ``path`` climbs with ``.`` or ``..``.
        """
        if {".", ".."} & set(path.split("/")):
            raise ValueError("a path below the endpoint may not contain . or .. segments")
        return f"{self.url}/{path.lstrip('/')}"


def parse_endpoint(text: str, allowed_hosts: Sequence[str] = ()) -> Endpoint:
    """Check and normalise what somebody pasted as the pool management endpoint.

    :param allowed_hosts: further host names, exact or ``*.suffix``.
    :raises EndpointInvalid: not a pool management endpoint; says which mistake it looks like.
    :raises HostNotAllowed: an endpoint on a host that tokens must not go to.
    """
    text = text.strip()
    _refuse_known_mistakes(text)
    parts = _split(text)
    host = (parts.hostname or "").removesuffix(".")
    loopback = is_loopback(host)
    _refuse_unsafe(parts, host, loopback)
    kind = "loopback" if loopback else _kind(host, allowed_hosts)
    port = f":{parts.port}" if parts.port is not None else ""
    name = f"[{host}]" if ":" in host else host
    return Endpoint(
        f"{parts.scheme.lower()}://{name}{port}{_clean_path(parts.path, kind)}",
        host,
        kind,
        loopback,
    )


def is_path(value: str) -> bool:
    """Whether it can be the path of a request below the endpoint."""
    climbs = {".", ".."} & set(value.split("/"))
    plain = value.isprintable() and not set(value) & set(" ?#\\")
    return value.startswith("/") and plain and not climbs


def host_allowed(host: str, allowed_hosts: Sequence[str]) -> bool:
    """Whether ``host`` equals a name of the list or lies below one written ``*.suffix``."""
    for allowed in (name.strip().lower() for name in allowed_hosts):
        if allowed.startswith("*.") and len(allowed) > 2:
            if host.endswith(allowed[1:]) and host != allowed[1:]:
                return True
        elif allowed and host == allowed:
            return True
    return False


def _kind(host: str, allowed_hosts: Sequence[str]) -> str:
    for suffix, kind in _KINDS:
        if host.endswith(suffix):
            return kind
    if host_allowed(host, allowed_hosts):
        return "other"
    raise HostNotAllowed(
        f"The pool endpoint is on the host {host[:100]}, which no token may be sent to.",
        cause="Session pools are on *.dynamicsessions.io and *.azurecontainerapps.io.",
        fix=f"{_FIX}\nIf you trust this host with your Azure token, set:\n"
        f"AZURE_SESSION_ALLOWED_HOSTS={host[:100]}",
    )


def _refuse_known_mistakes(text: str) -> None:
    """Values that are a way to name a pool, and not its endpoint."""
    lower = text.lower()
    if not text:
        raise _invalid("it is empty")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise _invalid("it holds spaces, backslashes, control or non-ASCII characters")
    if text[0] in "\"'`":
        raise _invalid("it stands in quotation marks, which belong to the shell")
    if lower.startswith(("/subscriptions/", "subscriptions/", "management.azure.com/")):
        raise _invalid("it is the pool's ARM resource id")
    if _PORTAL.match(lower):
        raise _invalid("it is the pool's page in the Azure portal")
    if "://" not in text.partition("?")[0] and is_loopback(lower.partition(":")[0]):
        raise _invalid("it is not a URL; the pool on this machine is called `local`")
    if "://" not in text.partition("?")[0]:
        if _POOL_HOST.match(text):
            raise _invalid("https:// is missing in front of it")
        raise _invalid("it is not a URL")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for a port that is not a number up to 65535
    except ValueError:
        raise _invalid("it is not a valid URL") from None
    return parts


def _refuse_unsafe(parts: SplitResult, host: str, loopback: bool) -> None:
    if parts.scheme.lower() not in ("http", "https"):
        raise _invalid("it does not begin with https://")
    if "@" in parts.netloc:
        raise _invalid("it holds a user name or password, which an endpoint never has")
    if host == "management.azure.com":
        raise _invalid("it is the pool's ARM resource id")
    if not loopback and not _is_host(host):
        raise _invalid("it has no valid host name")
    if parts.scheme.lower() == "http" and not loopback:
        raise _invalid("it begins with http://, and a token only travels over https://")
    if {".", ".."} & set(parts.path.split("/")):
        raise _invalid("its path contains . or ..")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= 253 and _HOST_NAME.fullmatch(host) is not None
    return "%" not in host


def _clean_path(path: str, kind: str) -> str:
    path = re.sub(r"/{2,}", "/", path)
    if kind == "builtin":
        match = _BUILTIN_PATH.match(path)
        if match is None:
            raise _invalid(
                "a built-in pool's endpoint goes on with "
                "/subscriptions/…/resourceGroups/…/sessionPools/POOL"
            )
        return match.group()
    return _API_TAIL.sub("", path).rstrip("/")


def _invalid(mistake: str) -> EndpointInvalid:
    """The value itself is not shown: what people paste by mistake may hold a secret."""
    return EndpointInvalid(
        f"{UNNAMED} is not a pool management endpoint: {mistake}.",
        fix=_FIX,
    )
