"""What went wrong with a request, said once: status and exception -> ``PoolError``.

What happened is said here; the likely cause and what to do are the first finding of the table of
causes (``causes/diagnosis.py``), which ``azure-session-kernel doctor`` asks with more evidence.
Nothing here shows a token or a full identifier, not even when a container echoes them.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from ..causes.dialects import FULL, listen
from ..causes.dialects import OUR_SOURCE as OUR_SOURCE
from ..causes.evidence import (
    ADAPTER,
    CALL,
    FRONT,
    UNKNOWN,
    EndpointFacts,
    Evidence,
    Reply,
    TokenFacts,
)
from ..causes.proxies import proxy_for
from ..common.errors import (
    Forbidden,
    PoolError,
    PoolFull,
    PoolRouteNotFound,
    PoolUnavailable,
    PoolUnreachable,
    Unauthorized,
    UnexpectedAnswer,
)
from .call import Call
from .clock import date_of, moment
from .credentials import token_claims
from .endpoints import Endpoint
from .exchange import ProxyFailed

BODY_CHARS: Final = 2_000
_SHOWN_CHARS: Final = 300
#: Headers of an answer that a diagnosis looks at.
HEADERS: Final = (
    "server",
    "date",
    "content-type",
    "location",
    "x-powered-by",
    "api-supported-versions",
    "x-ms-error-code",
    "x-ms-allocation-time",
    "x-ms-preparation-time",
    "x-ms-overall-execution-time",
    "x-ms-session-guid",
)

#: The codes of the adapter whose cause is in the table; the others say all themselves.
_ADAPTER_CODES: Final = ("NoSuchRoute", "InterpreterFailed")
_MORE: Final = "\nThis looks further, and names the evidence:\nazure-session-kernel doctor"

#: status -> the class of the error, and what happened.
_STATUSES: Final[Mapping[int, tuple[type[PoolError], str]]] = {
    401: (Unauthorized, "The session pool refused the token (401)."),
    403: (Forbidden, "The session pool does not let this account run code (403)."),
    413: (
        UnexpectedAnswer,
        "The session pool refused {call}: the request is too large (413).",
    ),
    429: (PoolFull, "The session pool has no free session (429)."),
    502: (PoolUnavailable, "The session's container does not answer (502)."),
    504: (PoolUnavailable, "The session pool gave up waiting for the container (504)."),
}


def answer_failure(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> PoolError:
    """The error for an answer outside 2xx.

    :param headers: with lower-case names, or a case-insensitive mapping.
    """
    reply = reply_of(call, status, headers, body)
    kind, what = _what(call, reply)
    cause, fix = "", ""
    if reply.who != ADAPTER or reply.code in _ADAPTER_CODES:
        cause, fix = _two_sentences(call, reply)
    error = kind(what, cause=cause, fix=fix)
    error.status, error.code, error.body, error.reply = status, reply.code, reply.body, reply
    error.whole = call.clean(body.decode("utf-8", "replace"), len(body))
    error.source = call.clean(_envelope(body)[1], 100)
    error.retry_after_s = _retry_after_s(headers)
    return error


def full_by_404(endpoint: Endpoint) -> PoolFull:
    """The error for a 404 without a body, after which the pool knows no session."""
    from ..causes.diagnosis import diagnose

    reply = Reply(CALL, "POST", status=404, who=UNKNOWN)
    found = diagnose(Evidence(endpoint=facts_of(endpoint), replies=(reply,), session_known=False))
    error = PoolFull(
        "The session pool has no free session (404).",
        cause=found[0].explanation,
        fix=found[0].fix + _MORE,
    )
    error.status, error.reply = 404, reply
    return error


def reply_of(
    call: Call, status: int, headers: Mapping[str, str], body: bytes, probe: str = CALL
) -> Reply:
    """An answer as a diagnosis sees it: bounded, without token or full identifier."""
    raw = body.decode("utf-8", "replace")
    voice = listen(status, raw, builtin=call.endpoint.builtin)
    return Reply(
        probe,
        call.method,
        call.path,
        status,
        {name: call.clean(headers[name], 300) for name in HEADERS if name in headers},
        call.clean(raw, BODY_CHARS),
        voice.form,
        voice.dialect,
        voice.who,
        call.clean(voice.code, 100),
        call.clean(voice.message, _SHOWN_CHARS),
    )


def facts_of(endpoint: Endpoint) -> EndpointFacts:
    parts = urlsplit(endpoint.url)
    return EndpointFacts(endpoint.host, endpoint.kind, endpoint.loopback, parts.path)


def token_facts(token: str, now: datetime | None = None) -> TokenFacts:
    """What the token says of itself; nothing is decided by it.

    :param now: by the pool's clock, once it has told it.
    """
    claims = token_claims(token)
    if not claims:
        return TokenFacts()
    expires, at = claims.get("exp"), time.time() if now is None else now.timestamp()
    return TokenFacts(
        opaque=False,
        audience=_text(claims.get("aud")),
        tenant=_text(claims.get("tid")),
        object_id=_text(claims.get("oid")),
        seconds_left=expires - at if isinstance(expires, int) else None,
    )


def _two_sentences(
    call: Call, reply: Reply, network: Mapping[str, str] | None = None, proxy: str = ""
) -> tuple[str, str]:
    """The likely cause and what to do, from the table of causes."""
    from ..causes.diagnosis import diagnose  # most kernels never need it

    found = diagnose(
        Evidence(
            endpoint=facts_of(call.endpoint),
            replies=(reply,),
            token=token_facts(call.token, date_of(reply.headers)),
            network=network or {},
            proxy=proxy,
        )
    )
    return (found[0].explanation, found[0].fix + _MORE) if found else ("", "")


def _what(call: Call, reply: Reply) -> tuple[type[PoolError], str]:
    """The class of the error, and what happened."""
    status, said = reply.status or 0, _said(reply.body)
    if reply.who == ADAPTER:
        return _adapter_what(call, reply)
    if reply.code == "DynamicApisNotAllowed":
        return UnexpectedAnswer, (
            "The session pool is a custom-container pool, addressed as if it were a built-in one."
        )
    if status == 404 and reply.who == FRONT and re.search(FULL, reply.body, re.IGNORECASE):
        return PoolFull, "The session pool has no free session (404)."
    if status == 404:
        return PoolRouteNotFound, f"{call.name} was answered with 404 by {_who(reply, said)}."
    if status in _STATUSES:
        kind, what = _STATUSES[status]
        return kind, what.format(call=call.name)
    if 300 <= status < 400:
        target = call.clean(reply.headers.get("location", "nowhere").partition("?")[0], 200)
        return UnexpectedAnswer, (
            f"The host answered {call.name} with a redirect ({status}) to {target}; "
            "it was not followed."
        )
    kind = PoolUnavailable if status >= 500 else UnexpectedAnswer
    return kind, f"The session pool answered {call.name} with {status}{said}."


def _adapter_what(call: Call, reply: Reply) -> tuple[type[PoolError], str]:
    """The adapter's own errors: docs/protocol.md, Errors."""
    status, message = reply.status or 0, reply.message
    kind: type[PoolError] = PoolUnavailable if status >= 500 else UnexpectedAnswer
    kind = {404: PoolRouteNotFound, 429: PoolFull}.get(status, kind)
    what = f"The adapter in the session answered {call.name} with {status} {reply.code}: {message}"
    return kind, what.rstrip(": ") + ("" if message.endswith(".") else ".")


def _who(reply: Reply, said: str) -> str:
    """Who said 404, as far as the body tells (docs/azure.md 4.2)."""
    if reply.dialect == "unavailable-page":
        return "Azure's page for unknown hosts"
    if reply.dialect == "service":
        return f"the service itself: {reply.code}{said}"
    if reply.dialect == "piston-404":
        return 'another program in the container: exactly {"message":"Not Found"}'
    return f"the program in the container{said}"


def network_failure(call: Call, error: Exception, *, sent: bool) -> PoolUnreachable:
    """The error for a request that got no complete answer.

    :param sent: whether the request may have reached the pool.
    """
    trouble = trouble_of(error)
    failure = unreached(call, trouble, sent)
    failure.gone = trouble == "refused" and call.endpoint.loopback
    return failure


def unreached(call: Call, trouble: str, sent: bool) -> PoolUnreachable:
    """The error for a request that ``trouble`` has kept from its answer."""
    reply = Reply(CALL, call.method, call.path, trouble=trouble, sent=sent)
    unconnected = {"tcp": trouble} if trouble == "timeout" and not sent else {}
    cause, fix = _two_sentences(call, reply, unconnected, proxy_for(call.endpoint.url))
    how = "broke off" if sent else "could not be opened"
    failure = PoolUnreachable(
        f"The connection to the session pool at {call.endpoint.host} {how} ({call.name}).",
        cause=cause,
        fix=fix,
    )
    failure.sent, failure.reply = sent, reply
    return failure


def trouble_of(error: Exception) -> str:
    """Why there was no answer: a ``trouble`` of ``doctor.evidence.Reply``."""
    chain = list(_chain(error))
    for kinds, trouble in (
        ((ssl.SSLCertVerificationError,), "untrusted"),
        ((socket.gaierror,), "dns"),
        ((ProxyFailed,), "proxy"),
        ((ssl.SSLError,), "tls"),
        ((ConnectionRefusedError,), "refused"),
        ((TimeoutError, asyncio.TimeoutError), "timeout"),
    ):
        if any(isinstance(e, kinds) for e in chain):
            return trouble
    return "broken"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """``error``, what caused it, and the members of exception groups on the way."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]


def _envelope(body: bytes) -> tuple[str, str, str]:
    """``error.code``, ``error.source`` and ``error.message``; "" for what is not there."""
    value = _json(body)
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return "", "", ""
    code, source, message = (error.get(key) for key in ("code", "source", "message"))
    return (
        code if isinstance(code, str) else "",
        source if isinstance(source, str) else "",
        message if isinstance(message, str) else "",
    )


def _json(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _said(text: str) -> str:
    shown = " ".join(text.split())[:_SHOWN_CHARS]
    return f": {shown}".rstrip(".") if shown else ""


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3), which is seen from the answer's own."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    wanted, now = moment(value), date_of(headers)
    if wanted is None or now is None:
        return None
    return max(0.0, (wanted - now).total_seconds())
