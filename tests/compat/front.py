"""A front end of one kernel that notes everything a request brings about, on every channel."""

from __future__ import annotations

import contextlib
import os
import queue
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..kernel.live_kernel import LIMIT_S, JupyterMessage, LiveKernel

#: Requests whose idle is all the answer there is.
WITHOUT_REPLY = ("comm_open", "comm_msg", "comm_close")


@contextlib.contextmanager
def gate() -> Iterator[Path]:
    """A path for ``waits_for`` that is the same for both kernels: the code is compared, too."""
    path = Path(tempfile.gettempdir()) / f"gate-{os.getpid()}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@dataclass
class Exchange:
    """A request that is over.

    :ivar iopub: from busy to idle.
    :ivar questions: the ``input_request`` messages it asked.
    """

    sent: JupyterMessage
    iopub: list[JupyterMessage]
    reply: JupyterMessage | None
    questions: list[JupyterMessage] = field(default_factory=list)

    @property
    def content(self) -> dict[str, Any]:
        assert self.reply is not None
        content: dict[str, Any] = self.reply["content"]
        return content

    def of_type(self, msg_type: str) -> list[JupyterMessage]:
        return [message for message in self.iopub if message["msg_type"] == msg_type]

    def seen(self) -> dict[str, Any]:
        """All of it, as data to compare; ids, times and paths are still those of this kernel."""
        return {
            "msg_id": self.sent["header"]["msg_id"],
            "iopub": _merged([_seen(message, self.sent) for message in self.iopub]),
            "reply": None if self.reply is None else _seen(self.reply, self.sent),
            "stdin": [_seen(message, self.sent) for message in self.questions],
            "reply comes before idle": self._in_order(),
        }

    def _in_order(self) -> bool | None:
        """Different sockets: only the moments of sending tell."""
        if self.reply is None:
            return None
        before_idle = [m["header"]["date"] for m in self.iopub if m["msg_type"] != "status"]
        idle = self.iopub[-1]["header"]["date"]
        return bool(max(before_idle, default=idle) <= idle >= self.reply["header"]["date"])


class Front(LiveKernel):
    """``LiveKernel`` with requests of any type, on any channel."""

    def send(
        self,
        msg_type: str,
        content: dict[str, Any],
        *,
        channel: str = "shell",
        subshell_id: str | None = None,
        buffers: Sequence[bytes] = (),
        metadata: dict[str, Any] | None = None,
    ) -> JupyterMessage:
        message: JupyterMessage = self.kc.session.msg(msg_type, content, metadata=metadata)
        message["buffers"] = list(buffers)
        if subshell_id is not None:
            message["header"]["subshell_id"] = subshell_id
        getattr(self.kc, f"{channel}_channel").send(message)
        return message

    def ask(
        self,
        msg_type: str,
        content: dict[str, Any],
        *,
        channel: str = "shell",
        answers: Sequence[str] = (),
        **options: Any,
    ) -> Exchange:
        """Send a request and wait until it is over.

        :param answers: what is answered to its questions, in their order.
        """
        sent = self.send(msg_type, content, channel=channel, **options)
        questions = []
        for answer in answers:
            questions.append(self.wait_for_question())
            self.kc.input(answer)
        return self.outcome(sent, channel, questions)

    def outcome(
        self,
        sent: JupyterMessage,
        channel: str = "shell",
        questions: Sequence[JupyterMessage] = (),
    ) -> Exchange:
        """What became of a request; waits until it is over."""
        self.finish_without_reply(sent)
        reply = None
        if sent["msg_type"] not in WITHOUT_REPLY:
            reply = self.reply_on(channel, sent["header"]["msg_id"])
        return Exchange(sent, self.messages_of(sent["header"]["msg_id"]), reply, list(questions))

    def finish_without_reply(self, sent: JupyterMessage) -> None:
        self.wait_for(sent["header"]["msg_id"], _is_idle)

    def cell(self, code: str, *, answers: Sequence[str] = (), **options: Any) -> Exchange:
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": bool(answers),
            "stop_on_error": True,
        }
        routing = {k: options.pop(k) for k in ("subshell_id", "metadata") if k in options}
        return self.ask("execute_request", {**content, **options}, answers=answers, **routing)

    def value(self, expression: str) -> str:
        """What an expression is in the user's namespace, without a trace in the history."""
        asked = self.cell("", silent=True, user_expressions={"value": expression})
        value: dict[str, Any] = asked.content["user_expressions"]["value"]
        return str(value["data"]["text/plain"] if value["status"] == "ok" else value)

    def read_on(self, limit_s: float = LIMIT_S) -> None:
        """Wait for one more IOPub message, whatever it belongs to."""
        self._seen.append(self.kc.get_iopub_msg(timeout=limit_s))

    @property
    def replied(self) -> list[str]:
        """The ``msg_id`` of every request that has its reply, in the order of these."""
        return list(self._replies)

    def stray_reply(self, sent: JupyterMessage) -> JupyterMessage | None:
        """To what should have none, if it has come."""
        return self._replies.get(sent["header"]["msg_id"])

    def reply_on(self, channel: str, msg_id: str, limit_s: float = LIMIT_S) -> JupyterMessage:
        if channel == "shell":
            return self.reply(msg_id, limit_s)
        deadline = time.monotonic() + limit_s
        while msg_id not in self._replies:
            try:
                left_s = max(0.0, deadline - time.monotonic())
                message = self.kc.get_control_msg(timeout=left_s)
            except queue.Empty:
                raise AssertionError(f"no reply in {limit_s:.1f} s; {self.logged()}") from None
            self._replies[message["parent_header"]["msg_id"]] = message
        return self._replies[msg_id]


def _state(message: JupyterMessage) -> str:
    return str(message["content"].get("execution_state")) if message["msg_type"] == "status" else ""


def _is_idle(message: JupyterMessage) -> bool:
    return _state(message) == "idle"


def _seen(message: JupyterMessage, sent: JupyterMessage) -> dict[str, Any]:
    parent, asked = message["parent_header"], sent["header"]
    return {
        "type": message["msg_type"],
        "content": message["content"],
        "metadata": message["metadata"],
        "buffers": [bytes(buffer) for buffer in message["buffers"]],
        "version": message["header"]["version"],
        "parent differs in": sorted(
            key for key in {*parent, *asked} - {"date"} if parent.get(key) != asked.get(key)
        ),
    }


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How often a stream was flushed is chance."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        last: dict[str, Any] = merged[-1] if merged else {"type": ""}
        if message["type"] == last["type"] == "stream":
            content, before = message["content"], last["content"]
            if content["name"] == before["name"]:
                last["content"] = {**before, "text": before["text"] + content["text"]}
                continue
        merged.append(dict(message))
    return merged
