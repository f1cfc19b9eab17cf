"""Kernels as front ends have them: by ZeroMQ, and by the WebSocket of a server."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

Message = dict[str, Any]
READY_WITHIN_S = 60.0
#: IOPub tells nothing to who subscribed too late; a kernel that has answered is asked again.
ASK_EVERY_S = 0.05
TOKEN = "benchmark"
BINARY = 2  # RFC 6455, 5.2


class Kernel(ABC):
    """A running kernel, and a front end's connection to it.

    :ivar processes: those that take part in a cell, by what they are called in the table.
    """

    processes: dict[str, int]

    @abstractmethod
    def send(self, channel: str, kind: str, content: Message, buffers: Sequence[bytes] = ()) -> str:
        """Its ``msg_id``."""

    @abstractmethod
    def receive(self, timeout_s: float) -> Message:
        """The next message of any channel. :raises TimeoutError:"""

    @abstractmethod
    def interrupt(self) -> None: ...

    @abstractmethod
    def end(self) -> None: ...

    def wait_until_ready(self) -> None:
        """Until it has answered on the shell and is heard on IOPub."""
        asked = {self.send("shell", "kernel_info_request", {})}
        answered = heard = False
        deadline = time.monotonic() + READY_WITHIN_S
        while not (answered and heard):
            try:
                message = self.receive(ASK_EVERY_S if answered else deadline - time.monotonic())
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
                asked.add(self.send("shell", "kernel_info_request", {}))
                continue
            mine = message["parent_header"].get("msg_id") in asked
            answered |= mine and message["msg_type"] == "kernel_info_reply"
            heard |= mine and message["msg_type"] == "status"


class ZmqKernel(Kernel):
    def __init__(self, name: str, env: Mapping[str, str]) -> None:
        self._manager = KernelManager(kernel_name=name)
        self._manager.start_kernel(env=dict(env), stderr=subprocess.DEVNULL)
        self._client: BlockingKernelClient = self._manager.client()
        self._client.start_channels(hb=False)
        client = self._client
        self._sockets = {
            "shell": client.shell_channel.socket,
            "control": client.control_channel.socket,
            "iopub": client.iopub_channel.socket,
        }
        self._poller = zmq.Poller()
        for socket in self._sockets.values():
            self._poller.register(socket, zmq.POLLIN)
        self.processes = {"kernel": int(self._manager.provisioner.pid)}  # type: ignore[union-attr]

    def send(self, channel: str, kind: str, content: Message, buffers: Sequence[bytes] = ()) -> str:
        session = self._client.session
        message = session.msg(kind, content)
        session.send(self._sockets[channel], message, buffers=list(buffers))
        return str(message["header"]["msg_id"])

    def receive(self, timeout_s: float) -> Message:
        ready = self._poller.poll(int(max(0.0, timeout_s) * 1e3))
        if not ready:
            raise TimeoutError
        _, message = self._client.session.recv(ready[0][0])
        return dict(message or {})

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def end(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel()
        self._manager.cleanup_resources()


class WebSocketKernel(Kernel):
    """Of Jupyter Server or Kernel Gateway, by the newer of their two protocols, as JupyterLab.

    :param server: its URL, at whatever distance.
    """

    def __init__(self, server: str, pid: int) -> None:
        import websocket  # comes with Jupyter Server

        self._url = f"{server}/api/kernels"
        self._http = http.client.HTTPConnection(urlsplit(server).netloc, timeout=READY_WITHIN_S)
        self._session = Session(key=b"")
        self._id = self._call("POST", "", {"name": "python3"})["id"]
        self._socket = websocket.create_connection(
            f"{self._url.replace('http', 'ws', 1)}/{self._id}/channels?session_id={uuid.uuid4()}",
            subprotocols=["v1.kernel.websocket.jupyter.org"],
            header=[f"Authorization: token {TOKEN}"],
        )
        self._timeout = websocket.WebSocketTimeoutException
        self.processes = {"server": pid}

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """By one connection that is kept, as a browser keeps it."""
        sent = None if body is None else json.dumps(body)
        headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
        self._http.request(method, f"/api/kernels{path}", sent, headers)
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{self._url}{path}: {answer.status} {text!r}")
        return json.loads(text or b"null")

    def send(self, channel: str, kind: str, content: Message, buffers: Sequence[bytes] = ()) -> str:
        message = self._session.msg(kind, content)
        parts = [channel.encode()]
        parts += [
            json.dumps(message[part], default=str).encode()
            for part in ("header", "parent_header", "metadata", "content")
        ]
        parts += buffers
        offsets = [8 * (len(parts) + 2)]
        for part in parts:
            offsets.append(offsets[-1] + len(part))
        numbers = [len(offsets), *offsets]
        self._socket.send_binary(b"".join([*(n.to_bytes(8, "little") for n in numbers), *parts]))
        return str(message["header"]["msg_id"])

    def receive(self, timeout_s: float) -> Message:
        self._socket.settimeout(max(0.001, timeout_s))
        try:
            opcode, data = self._socket.recv_data()
        except self._timeout:
            raise TimeoutError from None
        if opcode != BINARY:
            raise SystemExit(f"{self._url} closed the connection: {data!r}")
        count = int.from_bytes(data[:8], "little")
        offsets = [int.from_bytes(data[8 * n : 8 * n + 8], "little") for n in range(1, count + 1)]
        parts = [data[a:b] for a, b in pairwise(offsets)]
        header, parent, metadata, content = map(json.loads, parts[1:5])
        return {
            "header": header,
            "msg_type": header["msg_type"],
            "parent_header": parent,
            "metadata": metadata,
            "content": content,
            "buffers": parts[5:],
        }

    def interrupt(self) -> None:
        self._call("POST", f"/{self._id}/interrupt")

    def end(self) -> None:
        self._socket.close()
        self._call("DELETE", f"/{self._id}")
        self._http.close()
