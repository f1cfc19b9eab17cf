"""A pool that answers whatever a test wants: Azure's errors, garbage, or a hostile session."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

TOKEN = "the-token-that-nobody-may-see"
BOOT = "b-fake"


@dataclass(frozen=True)
class Answer:
    """A whole answer, or with ``keep_open`` one whose end never comes.

    :ivar body: all of it, or its parts as they come.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    keep_open: bool = False


#: From the path and the body of a request to its answer.
Respond = Callable[[str, bytes], Answer]


class FakeFront:
    """An HTTP server on loopback. ``paths`` is what it has been asked for."""

    def __init__(self, respond: Respond) -> None:
        self.paths: list[str] = []
        self.closing = threading.Event()
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                path = urlsplit(self.path).path
                front.paths.append(path)
                answer = respond(path, self.rfile.read(length))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()  # HTTP/1.0: the end of the connection ends the answer
                parts = [answer.body] if isinstance(answer.body, bytes) else answer.body
                try:
                    for part in parts:
                        self.wfile.write(part)
                        self.wfile.flush()
                except OSError:
                    return
                if answer.keep_open:
                    front.closing.wait()

            do_GET = do_DELETE = do_POST  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeFront:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class FakeSession:
    """Speaks protocol v1 as far as a hello and a send go; its log is what a test wants.

    :param scripts: for each read after a cell was sent, its lines, given the cell's ``msg_id``.
        When they have run out, the last one is repeated.
    """

    def __init__(self, *scripts: Callable[[str], Iterable[bytes]]) -> None:
        self._scripts = list(scripts)
        self._sent = threading.Condition()
        self._cells: list[str] = []
        self._closed = False

    def respond(self, path: str, body: bytes) -> Answer:
        match path:
            case "/jupyter/hello":
                return _json_answer(HELLO)
            case "/jupyter/send":
                message = json.loads(body)["messages"][0]
                if message["header"]["msg_type"] == "execute_request":
                    with self._sent:
                        self._cells.append(message["header"]["msg_id"])
                        self._sent.notify_all()
                accepted = [message["header"]["msg_id"]]
                return _json_answer({"boot": BOOT, "accepted": accepted, "repeated": []})
            case "/jupyter/read":
                return Answer(body=self._read(), keep_open=True)
            case "/jupyter/interrupt":
                return _json_answer({"boot": BOOT, "outcome": "signalled"})
            case _:
                return _json_answer({})

    def _read(self) -> Iterator[bytes]:
        # At once, as an adapter does: else the kernel takes it for held back, and asks again.
        yield b'{"event": "keepalive"}\n'
        first = self.cell(1)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        yield b"".join(line + b"\n" for line in script(first and self._cells[-1]))

    def cell(self, number: int) -> str:
        """The ``msg_id`` of a cell, counted from 1, once it was sent; "" when all is over."""
        with self._sent:
            self._sent.wait_for(lambda: len(self._cells) >= number or self._closed)
            return "" if self._closed else self._cells[number - 1]

    def close(self) -> None:
        with self._sent:
            self._closed = True
            self._sent.notify_all()


HELLO: dict[str, Any] = {
    "protocol": 1,
    "adapter": "0",
    "boot": BOOT,
    "state": "idle",
    "execution_count": 0,
    "next": 1,
    "info": {},
    "features": [],
    "running": [],
    "limits": {},
}


def line(n: Any, msg_type: str, parent: str, *, channel: str = "iopub", **content: Any) -> bytes:
    """A line of the log."""
    header = {"msg_id": f"fake-{n}", "msg_type": msg_type}
    parent_header = {"msg_id": parent, "msg_type": "execute_request"}
    return json.dumps(
        {
            "n": n,
            "channel": channel,
            "header": header,
            "parent_header": parent_header,
            "metadata": {},
            "content": content,
            "buffers": [],
        }
    ).encode()


def framed(line: bytes, value: bytes = b'"?"') -> bytes:
    """The same message with its parts as they are. :param value: in place of ``"?"`` in it."""
    message = json.loads(line)
    metadata = json.dumps(message["metadata"]).encode()
    content = json.dumps(message["content"]).encode().replace(b'"?"', value, 1)
    sizes = f"[{len(metadata)},{len(content)}]".encode()
    rest = {name: message[name] for name in ("channel", "header", "parent_header")}
    head = json.dumps(rest).encode().removeprefix(b"{")
    return b'{"n":%d,"sizes":%b,%b\n%b' % (message["n"], sizes, head, metadata + content)


def ending(n: int, parent: str) -> list[bytes]:
    """What ends a cell well: its reply and its idle."""
    reply = {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}
    return [
        line(n, "execute_reply", parent, channel="shell", **reply),
        line(n + 1, "status", parent, execution_state="idle"),
    ]


def _json_answer(value: Any) -> Answer:
    return Answer(body=json.dumps(value).encode(), headers={"content-type": "application/json"})
