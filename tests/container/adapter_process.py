"""The adapter as a container runs it, and the smallest client of its protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped,unused-ignore]

from azure_session_kernel.container.running import SETTLE_S
from azure_session_kernel.wire import (
    FRAMES,
    BootEnded,
    Hello,
    LineSplitter,
    LogLine,
    LogMessage,
    Message,
    Oversized,
    body_with,
    decode_line,
    dump,
    encode_framed,
    hello_from_json,
    message_as_json,
    split_body,
)

from ..conftest import NO_TLS

COMMAND = (sys.executable, "-m", "azure_session_kernel.container")
LISTENS_WITHIN_S = 100.0
COMES_WITHIN_S = 100.0
ENDS_WITHIN_S = 60.0
GONE_WITHIN_S = 30.0


def new_id() -> str:
    return uuid.uuid4().hex


#: Without "stop_on_error" ipykernel would refuse the next cell of a test for some time.
_CONTENT = {"allow_stdin": False, "stop_on_error": False}


def execute_request(code: str, **content: Any) -> Message:
    header = {"msg_id": new_id(), "msg_type": "execute_request", "session": "s", "version": "5.5"}
    return Message("shell", header, {"code": code, **_CONTENT, **content})


@dataclass
class AdapterProcess:
    """``home`` holds everything of this adapter; ``workdir`` is the interpreter's."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    home: Path
    workdir: Path

    @property
    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    @property
    def leftovers(self) -> list[str]:
        """Temporary files and directories of the adapter that still exist."""
        return sorted(path.name for path in (self.home / "tmp").iterdir())

    def processes(self) -> list[psutil.Process]:
        """Every living process that inherited this adapter's environment, and the adapter."""
        return [p for p in psutil.process_iter() if self._is_ours(p)]

    def interpreters(self) -> list[psutil.Process]:
        return [p for p in self.processes() if p.pid != self.process.pid]

    def remaining(self) -> list[psutil.Process]:
        """Those that haven't ended in a moment: what was killed may take one to be gone."""
        deadline = time.monotonic() + GONE_WITHIN_S
        while (living := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return living

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return str(process.environ().get("ADAPTER_OF_TEST")) == str(self.home)
        except (psutil.Error, OSError):
            return False

    def post(self, call: str, body: Any) -> httpx.Response:
        return self.client.post(f"/jupyter/{call}", content=dump(body))

    def stop(self) -> int:
        """SIGTERM, as a container's runtime does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(ENDS_WITHIN_S)


@contextmanager
def running_adapter(
    *arguments: str,
    env: dict[str, str] | None = None,
    prepare: Callable[[Path], None] = lambda workdir: None,
    uds: bool = False,
    stdin: int | None = subprocess.DEVNULL,
) -> Iterator[AdapterProcess]:
    """Also checks that it ends in time, and leaves neither processes nor files behind."""
    # Not pytest's directory: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="ask-") as directory:
        home = Path(directory)
        workdir = home / "work"
        for name in ("work", "tmp"):
            (home / name).mkdir()
        prepare(workdir)
        adapter = _start(home, workdir, arguments, env or {}, uds, stdin)
        try:
            with adapter.client:
                yield adapter
                if adapter.process.poll() is None:
                    adapter.stop()
                assert adapter.remaining() == []
                assert adapter.leftovers == []
        finally:
            if adapter.process.stdin is not None:
                adapter.process.stdin.close()
            adapter.process.kill()
            adapter.process.wait()
            for process in adapter.processes():
                process.kill()


def _start(
    home: Path,
    workdir: Path,
    arguments: tuple[str, ...],
    env: dict[str, str],
    uds: bool,
    stdin: int | None,
) -> AdapterProcess:
    port_file, socket = home / "port", home / "socket"
    where = ("--uds", str(socket)) if uds else ("--port", "0", "--port-file", str(port_file))
    own = {"ADAPTER_OF_TEST": str(home), "TMPDIR": str(home / "tmp")}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "--host", "127.0.0.1", *where, "--workdir", str(workdir), *arguments],
            env={**os.environ, **own, **env},
            # As the local pool does; but "-m" would take the modules that a test put there.
            cwd=home if any(workdir.iterdir()) else workdir,
            stdin=stdin,
            stdout=log,
            stderr=log,
        )
    ready = socket if uds else port_file
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError((home / "log").read_text())
        time.sleep(0.01)
    transport = httpx.HTTPTransport(uds=str(socket) if uds else None, verify=NO_TLS)
    url = "http://adapter" if uds else f"http://127.0.0.1:{port_file.read_text()}"
    client = httpx.Client(base_url=url, transport=transport, timeout=100)
    return AdapterProcess(process, client, home, workdir)


@dataclass
class Kernel:
    """A client that has claimed the session and remembers how far it has read.

    :ivar framed: it sends and reads messages with their parts as they are.
    :ivar sent_bytes, read_bytes: in bodies, both ways.
    """

    adapter: AdapterProcess
    reader: str = field(default_factory=lambda: f"r-{new_id()}")
    boot: str = ""
    after: int = 0
    framed: bool = False
    sent_bytes: int = 0
    read_bytes: int = 0

    def hello(self, wait_s: float = 30) -> Hello:
        """Claim the session; go on in the log of the running boot."""
        answer = self.adapter.post("hello", {"reader": self.reader, "wait_s": wait_s})
        assert answer.status_code == 200, answer.text
        hello = hello_from_json(answer.json())
        if hello.boot != self.boot:
            self.boot, self.after = hello.boot, hello.next - 1
        return hello

    def post(self, call: str, **body: Any) -> httpx.Response:
        return self.adapter.post(call, {"boot": self.boot, "reader": self.reader, **body})

    def send(self, *messages: Message) -> dict[str, Any]:
        if self.framed:
            return self._send_framed(messages)
        answer = self.post("send", messages=[message_as_json(m) for m in messages])
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def _send_framed(self, messages: Sequence[Message]) -> dict[str, Any]:
        behind = b"".join(encode_framed(LogMessage(*one)) for one in enumerate(messages, 1))
        body = body_with(behind, boot=self.boot, reader=self.reader)
        for part in split_body(body, new_id(), self.boot, self.reader, framed=True):
            self.sent_bytes += len(part)
            answer = self.adapter.client.post("/jupyter/send", content=part)
            assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def read(self, wait_s: float = 20) -> Iterator[LogLine]:
        """The lines of one read; leaving the loop cuts the connection."""
        body = {"boot": self.boot, "reader": self.reader, "after": self.after, "wait_s": wait_s}
        body[FRAMES] = self.framed
        splitter = LineSplitter()
        with self.adapter.client.stream("POST", "/jupyter/read", json=body) as answer:
            assert answer.status_code == 200, answer.read()
            for chunk in answer.iter_raw():
                self.read_bytes += len(chunk)
                for data in splitter.feed(chunk):
                    line = decode_line(data)
                    n = getattr(line, "n", None)
                    if n is not None:
                        assert n == self.after + 1, "a hole or a repeat"
                        self.after = n
                    yield line

    def read_until(self, over: Callable[[LogLine], bool]) -> list[LogLine]:
        """Lines up to and including the one that ``over`` accepts."""
        lines = []
        for line in self.read(wait_s=COMES_WITHIN_S):
            lines.append(line)
            if over(line):
                return lines
        raise AssertionError(f"the read ended before that: {lines[-3:]}")

    def finish(self, request: Message) -> list[Message]:
        """The messages until the request's reply and its idle have both come."""
        lines = self.read_until(is_over(request))
        return [line.message for line in lines if isinstance(line, LogMessage)]

    def run(self, code: str, **content: Any) -> str:
        """Run a cell and return what it wrote to stdout; an error fails the test."""
        request = execute_request(code, **content)
        self.send(request)
        messages = self.finish(request)
        errors = [m.content["traceback"] for m in messages if m.msg_type == "error"]
        assert not errors, "\n".join(errors[0])
        return stdout(messages)

    def begin(self, code: str, **content: Any) -> Message:
        """Send a cell and return once it runs and can be interrupted."""
        begin = "import time\nprint('begun', flush=True)\ntime.sleep(0.1)\n"
        request = execute_request(begin + code, **content)
        self.send(request)
        self.read_until(lambda line: "begun" in text_of(line))
        time.sleep(SETTLE_S * 1.2)
        return request

    def interpreter_pid(self) -> int:
        return int(self.run("import os; print(os.getpid())"))

    def ended(self) -> BootEnded:
        """Read until the boot's last line."""
        (*_, line) = self.read_until(lambda line: isinstance(line, BootEnded))
        assert isinstance(line, BootEnded)
        return line


def is_over(request: Message) -> Callable[[LogLine], bool]:
    """Tells, line by line, whether the request's reply and its idle have both come."""
    missing = {"reply", "idle"}

    def over(line: LogLine) -> bool:
        if isinstance(line, Oversized) and line.channel == "shell":
            missing.discard("reply")
        if isinstance(line, LogMessage) and line.message.parent_id == request.msg_id:
            if line.message.msg_type.endswith("_reply"):
                missing.discard("reply")
            if line.message.content.get("execution_state") == "idle":
                missing.discard("idle")
        return not missing

    return over


def text_of(line: LogLine) -> str:
    if isinstance(line, LogMessage) and line.message.msg_type == "stream":
        return str(line.message.content["text"])
    return ""


def stdout(messages: list[Message]) -> str:
    streams = [m.content for m in messages if m.msg_type == "stream"]
    return "".join(content["text"] for content in streams if content["name"] == "stdout")
