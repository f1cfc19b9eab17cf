"""Strange containers on loopback, alone or behind a pool whose management calls are played."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/json"


@dataclass(frozen=True)
class Asked:
    """One request. :ivar headers: with lower-case names."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The program of a one-shot request, or ""."""
        try:
            value = json.loads(self.body or b"{}")
            return str(value["properties"]["code"])
        except (ValueError, KeyError, TypeError):
            return ""


@dataclass(frozen=True)
class Said:
    """:ivar after_s: how long it takes."""

    status: int
    body: str = ""
    kind: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0


def said(status: int, value: Any, **headers: str) -> Said:
    return Said(status, json.dumps(value), JSON, headers)


Container = Callable[[Asked], Said]

SESSION = {"identifier": "x", "etag": "e", "expiresAt": "2030-01-01T00:00:00Z"}


def _management(asked: Asked) -> Said:
    """A pool that knows the session, which is there."""
    if asked.path.endswith("/stopSession"):
        return Said(200, "Session x in session pool p stopped.", "text/plain")
    return said(200, SESSION)


@contextmanager
def serving(container: Container) -> Iterator[str]:
    """Its URL. Calls below ``/.management/`` are answered as by a pool."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path.partition("?")[0], body, headers)
            managing = asked.path.startswith("/.management/")
            answer = _management(asked) if managing else container(asked)
            ended.wait(answer.after_s)
            data = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            self.send_header("content-length", str(len(data)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                """The other end has had enough."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    ended = threading.Event()
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            ended.set()
            server.shutdown()
            thread.join()
