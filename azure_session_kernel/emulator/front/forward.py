"""One request, carried to a session's container and its answer carried back, unbuffered.

What is forwarded (docs/azure.md 3.1): method, path, query string, body and headers. What is not:
the ``Authorization`` header, and the headers that belong to one connection (RFC 9110, 7.6.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Receive, Scope, Send

from .connection import BrokenOff, Connection, Header
from .upstream import Upstream

#: Headers that belong to one connection and not to the message.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
#: ``expect`` has been answered by our own server.
NOT_SENT = HOP_BY_HOP | {b"authorization", b"expect"}
#: Our server writes its own.
NOT_RETURNED = HOP_BY_HOP | {b"server", b"date"}

SERVER: Header = (b"server", b"Kestrel")


class Unanswered(BrokenOff):
    """The container broke off before it answered anything."""


async def forward(upstream: Upstream, scope: Scope, receive: Receive, send: Send) -> None:
    """Returns when the answer has been sent, or the client or the container is gone.

    A client that goes away ends the request to the container at once.

    :raises NotListening: no connection; nothing was sent, nor read from the client.
    :raises Unanswered: the connection broke off before the answer began.
    """
    connection = await upstream.connect(bodiless=scope["method"] == "HEAD")
    sender: asyncio.Task[None] | None = None
    try:
        chunked = _is_chunked(scope["headers"])
        first = await receive()
        if first["type"] == "http.disconnect":
            return
        try:
            await connection.write((_head(scope), _frame(first, chunked=chunked)))
        except BrokenOff as error:
            raise Unanswered(str(error)) from error
        connection.request_sent = not first.get("more_body", False)
        rest = _send_rest(connection, receive, first, chunked=chunked)
        sender = asyncio.create_task(rest)
        await _return_answer(connection, send)
    finally:
        if sender is not None:
            sender.cancel()
        upstream.release(connection)


async def _send_rest(
    connection: Connection, receive: Receive, message: Message, *, chunked: bool
) -> None:
    """The rest of the request's body; then wait for the client to go away."""
    try:
        while message.get("more_body", False):
            message = await receive()
            if message["type"] == "http.disconnect":
                connection.abort()
                return
            await connection.write((_frame(message, chunked=chunked),))
    except BrokenOff:
        return  # the answer's reader sees the same, and says so
    connection.request_sent = True
    await receive()
    if not connection.complete:
        connection.abort()


async def _return_answer(connection: Connection, send: Send) -> None:
    try:
        await connection.head()
    except BrokenOff as error:
        raise Unanswered(str(error)) from error
    headers = [*_kept(connection.headers, NOT_RETURNED), SERVER]
    start = {"type": "http.response.start", "status": connection.status, "headers": headers}
    await send(start)
    more = True
    while more:
        try:
            body = await connection.piece()
        except BrokenOff:
            return  # an unfinished answer makes our server close the client's connection too
        more = not (connection.complete and not connection.has_pieces)
        await send({"type": "http.response.body", "body": body, "more_body": more})


def _head(scope: Scope) -> bytes:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    lines = [b"%s %s HTTP/1.1\r\n" % (scope["method"].encode("ascii"), target)]
    lines += [b"%s: %s\r\n" % header for header in _kept(scope["headers"], NOT_SENT)]
    if _is_chunked(scope["headers"]):
        lines.append(b"transfer-encoding: chunked\r\n")
    return b"".join((*lines, b"\r\n"))


def _frame(message: Message, *, chunked: bool) -> bytes:
    body: bytes = message.get("body", b"")
    if not chunked:
        return body
    last = b"" if message.get("more_body", False) else b"0\r\n\r\n"
    return (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + last


def _is_chunked(headers: Iterable[Header]) -> bool:
    return any(name == b"transfer-encoding" for name, _ in headers)


def _kept(headers: Iterable[Header], dropped: frozenset[bytes]) -> list[Header]:
    headers = list(headers)
    named = [value for name, value in headers if name == b"connection"]
    if named:
        dropped |= {name.strip().lower() for value in named for name in value.split(b",")}
    return [header for header in headers if header[0] not in dropped]
