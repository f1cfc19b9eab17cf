"""The least that a cell in a session takes: one POST through the pool's front, and its answer.

As a program: a local pool whose sessions only answer.
"""

from __future__ import annotations

import http.client
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

#: Of a small cell's ``send``, and of all lines that come back of it.
SENT_BYTES, ANSWERED_BYTES = 1_000, 2_500
#: A connection that was idle for so long may be closed at the other end.
FRESH_S = 2.0


class Bare:
    """A client of such a session. :param url: of the pool, at whatever distance."""

    def __init__(self, url: str, token: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(self._host, timeout=60)
        self._used = float("-inf")

    def post(self, *, anew: bool = False) -> float:
        """Seconds, by a kept connection or by a new one."""
        if not anew and time.monotonic() - self._used > FRESH_S:
            self.post(anew=True)
        begun = time.perf_counter()
        if anew:
            self._connection.close()
        self._connection.request(
            "POST", "/jupyter/send?identifier=bare-session", b"x" * SENT_BYTES, self._headers
        )
        answer = self._connection.getresponse()
        body = answer.read()
        took_s = time.perf_counter() - begun
        if (answer.status, len(body)) != (200, ANSWERED_BYTES):
            raise SystemExit(f"the bare server answered {answer.status}: {body[:200]!r}")
        self._used = time.monotonic()
        return took_s

    def end(self) -> None:
        self._connection.close()


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    size = str(ANSWERED_BYTES).encode()
    headers = [(b"content-length", size), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * ANSWERED_BYTES})


def _session() -> None:
    from azure_session_kernel.emulator.sessions.session_program import parser, serve

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await _answer(scope, receive, send)

    serve(app, parser(__doc__).parse_args())


def _pool() -> None:
    from azure_session_kernel.emulator.front.server import serve
    from azure_session_kernel.emulator.kinds.kinds import Kind
    from azure_session_kernel.emulator.sessions.sessions import PoolOptions

    kind = Kind((sys.executable, str(Path(__file__))))
    serve("127.0.0.1", 0, PoolOptions(kind=kind), lambda _: print("listening", flush=True))


if __name__ == "__main__":
    _pool() if len(sys.argv) == 1 else _session()
