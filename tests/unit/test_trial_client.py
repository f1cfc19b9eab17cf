"""The notebook client of ``azure-session-kernel try``."""

from __future__ import annotations

import asyncio
import select
from types import SimpleNamespace
from typing import Any

import pytest
import zmq.asyncio
from nbclient import NotebookClient
from nbformat import v4

from azure_session_kernel.cli.try_.runner import AttentiveClient


async def test_a_reply_that_comes_while_a_widget_is_answered_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As ``jupyter_client`` sends: on the same socket, unseen by ``zmq.asyncio``."""
    with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as kernel:
        port = kernel.bind_to_random_port("tcp://127.0.0.1")
        with context.socket(zmq.DEALER) as shell:
            shell.connect(f"tcp://127.0.0.1:{port}")
            await shell.send(b"request")
            request = await kernel.recv_multipart()
            client: Any = AttentiveClient(v4.new_notebook())  # type: ignore[no-untyped-call]
            client.kc = SimpleNamespace(shell_channel=SimpleNamespace(socket=shell))

            def answer_widget(self: NotebookClient, *arguments: Any) -> None:
                zmq.Socket.shadow(shell.underlying).send(b"comm_msg")

            monkeypatch.setattr(NotebookClient, "process_message", answer_widget)
            waiting = asyncio.ensure_future(shell.poll())
            await asyncio.sleep(0.01)
            zmq.Socket.shadow(kernel.underlying).send_multipart([request[0], b"reply"])
            fd = shell.get(zmq.FD)
            assert isinstance(fd, int)
            select.select([fd], [], [])  # it is there, and the loop does not know
            client.process_message({}, v4.new_code_cell(), 0)  # type: ignore[no-untyped-call]
            events: Any = await asyncio.wait_for(waiting, 60)
            assert events == zmq.POLLIN
