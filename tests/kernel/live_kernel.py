"""A real kernel process and a client of it, as a front end has them."""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from azure_session_kernel.batch import SessionKernelManager

KERNEL_NAME = "azure-session"
#: Generous: a cell that takes so long is broken, not slow.
LIMIT_S = 100.0
#: nbclient waits 4 s for what a cell has shown, and then goes on without.
PATIENT: dict[str, Any] = {
    "timeout": 200,
    "startup_timeout": 200,
    "iopub_timeout": 200,
    "raise_on_iopub_timeout": True,
}
#: Of nbclient: with a kernel that is a part of this process.
WITHOUT_PROCESS: dict[str, Any] = {"kernel_manager_class": SessionKernelManager}
#: jupyter_client sends SIGTERM when so many seconds have passed since it asked the kernel to end.
STOPS_WITHIN_S = 100.0

JupyterMessage = dict[str, Any]
Wanted = Callable[[JupyterMessage], bool]


@dataclass
class Cell:
    """An execute request that is over.

    :ivar messages: its IOPub messages in order, from busy to idle.
    """

    msg_id: str
    messages: list[JupyterMessage]
    reply: JupyterMessage

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = self.reply["content"]
        return content

    @property
    def status(self) -> str:
        return str(self.content["status"])

    @property
    def outputs(self) -> list[JupyterMessage]:
        around = ("status", "execute_input")
        return [message for message in self.messages if message["msg_type"] not in around]

    @property
    def output_types(self) -> list[str]:
        return [str(message["msg_type"]) for message in self.outputs]

    def of_type(self, msg_type: str) -> list[dict[str, Any]]:
        """The contents of its messages of one type."""
        return [m["content"] for m in self.messages if m["msg_type"] == msg_type]

    def text(self, name: str = "stdout") -> str:
        return "".join(c["text"] for c in self.of_type("stream") if c["name"] == name)

    @property
    def result(self) -> str:
        """The plain text of its execute_result."""
        assert self.status == "ok", self.content
        (content,) = self.of_type("execute_result")
        return str(content["data"]["text/plain"])

    @property
    def error(self) -> dict[str, Any]:
        """Its error output, after a check that the reply says the same (docs/design.md rule 6)."""
        (error,) = self.of_type("error")
        for name in ("ename", "evalue", "traceback"):
            assert error[name] == self.content[name]
        assert self.status == "error"
        assert error["traceback"]
        return error

    @property
    def error_text(self) -> str:
        return "\n".join(self.error["traceback"])


class LiveKernel:
    """One kernel process, started, and one client connected to it.

    :param env: what the process gets in addition to this process's environment.
    :param log: where its stdout and stderr go; more may be there already.
    """

    def __init__(
        self, env: Mapping[str, str], log: Path, kernel_name: str = KERNEL_NAME, **start: Any
    ) -> None:
        self.env = {**os.environ, **env}
        self.log = log
        self.km = KernelManager(kernel_name=kernel_name, shutdown_wait_time=2 * STOPS_WITHIN_S)
        # Open to the end: a restart writes there too.
        self._sink = log.open("ab")
        self.km.start_kernel(env=self.env, stdout=self._sink, stderr=self._sink, **start)
        self.kc: BlockingKernelClient = self.km.client()
        self.kc.start_channels()
        self._hangs = False
        self._seen: list[JupyterMessage] = []
        self._replies: dict[str, JupyterMessage] = {}

    def wait_until_heard(self) -> LiveKernel:
        """Until its messages arrive here; whether it has a session does not matter."""
        self.wait_for("", lambda message: message["msg_type"] == "iopub_welcome")
        return self

    def wait_until_ready(self) -> LiveKernel:
        self.kc.wait_for_ready(timeout=LIMIT_S)
        return self

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.km.provisioner.pid)  # type: ignore[union-attr]

    # -- cells ------------------------------------------------------------------------------------

    def execute(self, code: str, **options: Any) -> str:
        """Send a cell without waiting; its msg_id. No stdin unless asked for, as in nbclient.

        A kernel in which a test before has waited in vain is begun anew: one fault, one failure.
        """
        if self._hangs:
            self._hangs = False
            self.restart()
        return str(self.kc.execute(code, **{"allow_stdin": False, **options}))

    def run(self, code: str, *, limit_s: float = LIMIT_S, **options: Any) -> Cell:
        return self.finish(self.execute(code, **options), limit_s)

    def finish(self, msg_id: str, limit_s: float = LIMIT_S) -> Cell:
        """Wait until the cell is over."""
        self.wait_for(msg_id, _is_idle, limit_s)
        return Cell(msg_id, self.messages_of(msg_id), self.reply(msg_id, limit_s))

    def wait_for(self, msg_id: str, wanted: Wanted, limit_s: float = LIMIT_S) -> JupyterMessage:
        """The first IOPub message of this parent that is ``wanted``."""
        looked_at = 0
        deadline = time.monotonic() + limit_s
        while True:
            for message in self._seen[looked_at:]:
                if _parent_id(message) == msg_id and wanted(message):
                    return message
            looked_at = len(self._seen)
            try:
                left_s = max(0.0, deadline - time.monotonic())
                self._seen.append(self.kc.get_iopub_msg(timeout=left_s))
            except queue.Empty:
                self._hangs = limit_s >= LIMIT_S
                seen = [message["msg_type"] for message in self.messages_of(msg_id)]
                text = f"not within {limit_s:.1f} s; seen: {seen[-10:]}; log: {self.logged()}"
                raise AssertionError(text) from None

    def wait_for_text(self, msg_id: str, text: str, limit_s: float = LIMIT_S) -> JupyterMessage:
        """The stream message that holds ``text``."""
        return self.wait_for(msg_id, lambda m: text in m["content"].get("text", ""), limit_s)

    def wait_until_running(self, msg_id: str) -> None:
        self.wait_for(msg_id, lambda message: message["msg_type"] == "execute_input")

    def messages_of(self, msg_id: str) -> list[JupyterMessage]:
        """Its IOPub messages that have been read so far."""
        return [message for message in self._seen if _parent_id(message) == msg_id]

    def all_messages(self) -> list[JupyterMessage]:
        """Every IOPub message that has been read so far."""
        return list(self._seen)

    def reply(self, msg_id: str, limit_s: float = LIMIT_S) -> JupyterMessage:
        """The reply on the shell channel."""
        deadline = time.monotonic() + limit_s
        while msg_id not in self._replies:
            try:
                left_s = max(0.0, deadline - time.monotonic())
                message = self.kc.get_shell_msg(timeout=left_s)
            except queue.Empty:
                raise AssertionError(f"no reply in {limit_s:.1f} s; {self.logged()}") from None
            self._replies[_parent_id(message)] = message
        return self._replies[msg_id]

    # -- input ------------------------------------------------------------------------------------

    def wait_for_question(self, limit_s: float = LIMIT_S) -> JupyterMessage:
        """The next input_request."""
        message: JupyterMessage = self.kc.get_stdin_msg(timeout=limit_s)
        assert message["msg_type"] == "input_request"
        return message

    # -- control ----------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Interrupt as a front end does; the reply does not wait for what runs."""
        self.control("interrupt_request")

    def interrupt_until_over(self, msg_id: str, limit_s: float = LIMIT_S) -> Cell:
        """As a person who sees that nothing happens."""
        deadline = time.monotonic() + limit_s
        while True:
            self.interrupt()
            try:
                return self.finish(msg_id, 0.5)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def control(self, msg_type: str, limit_s: float = LIMIT_S, **content: Any) -> dict[str, Any]:
        """The content of the reply to a request on the control channel."""
        message = self.kc.session.msg(msg_type, content)
        self.kc.control_channel.send(message)
        while True:
            reply: JupyterMessage = self.kc.get_control_msg(timeout=limit_s)
            if _parent_id(reply) == message["header"]["msg_id"]:
                result: dict[str, Any] = reply["content"]
                return result

    # -- the session ------------------------------------------------------------------------------

    @property
    def lease(self) -> dict[str, Any]:
        """What this kernel has recorded of its session."""
        pid = self.process.pid
        (lease,) = [lease for lease in leases(self.env) if lease["pid"] == pid]
        return lease

    @property
    def identifier(self) -> str:
        return str(self.lease["identifier"])

    # -- the end ----------------------------------------------------------------------------------

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    def restart(self) -> None:
        self.km.restart_kernel()
        self.kc.wait_for_ready(timeout=LIMIT_S)

    def stop(self, *, now: bool = False) -> float:
        """Shut down; how long it took, in seconds. Does nothing the second time."""
        started_at = time.monotonic()
        if self.kc.channels_running:
            self.kc.stop_channels()
        if self.km.has_kernel:
            self.km.shutdown_kernel(now=now)
        self._sink.close()
        return time.monotonic() - started_at


def with_constant(directory: Path, name: str, value: float) -> dict[str, str]:
    """What a kernel needs in its environment to start with another value of a module's constant.

    For a test of what happens within a time that busy cores may not keep.
    """
    module, _, constant = name.rpartition(".")
    (directory / "sitecustomize.py").write_text(f"import {module}\n{module}.{constant} = {value}\n")
    return {"PYTHONPATH": str(directory)}


def leases(env: Mapping[str, str]) -> list[dict[str, Any]]:
    """All leases in the data directory that ``env`` names."""
    directory = Path(env["JUPYTER_DATA_DIR"]) / "azure-session-kernel" / "leases"
    found = []
    for path in directory.rglob("*.json"):
        try:
            found.append(json.loads(path.read_text()))
        except FileNotFoundError:  # removed just now
            continue
    return found


def wait_until(condition: Callable[[], Any], limit_s: float = LIMIT_S) -> None:
    """For what gives no event: another process's files, sockets and end."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie that nobody has waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def waits_for(path: Path) -> str:
    """Code for a cell that goes on once ``path`` exists."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.01)\n"


def _parent_id(message: JupyterMessage) -> str:
    return str(message["parent_header"].get("msg_id", ""))


def _is_idle(message: JupyterMessage) -> bool:
    content = message["content"]
    return bool(message["msg_type"] == "status" and content["execution_state"] == "idle")
