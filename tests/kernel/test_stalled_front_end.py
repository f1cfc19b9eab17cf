"""A front end that has stopped reading: the session keeps the output, and nothing is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from ..conftest import RunningPool
from .conftest import StartKernel
from .live_kernel import JupyterMessage, LiveKernel, with_constant

SIZE = 500_000
COUNT = 60
#: More than fit into the system's buffers of a connection, and ZeroMQ's 1000.
REPLIES = 1500


@contextmanager
def stalled_front_end(kernel: LiveKernel) -> Iterator[zmq.Socket[Any]]:
    """A second front end, whose subscription is in force, and which reads nothing by itself."""
    info = json.loads(Path(kernel.km.connection_file).read_text())
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.rcvhwm, socket.rcvbuf, socket.linger = 1, 65536, 0
        socket.subscribe(b"kernel")
        socket.subscribe(b"iopub_welcome")  # told to nobody else, so it says that we are heard
        socket.connect(f"tcp://127.0.0.1:{info['iopub_port']}")
        assert socket.poll(60_000)
        yield socket


def test_a_front_end_that_does_not_read_holds_up_the_session_and_no_answer(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    limit = with_constant(tmp_path, "azure_session_kernel.kernel.iopub.LIMIT_BYTES", 4_000_000)
    kernel = start_kernel({**local_pool.env, **limit})
    with stalled_front_end(kernel) as stalled:
        cell = kernel.execute(
            f"for n in range({COUNT}): display({{'text/plain': str(n) + 'x' * {SIZE}}}, raw=True)"
        )
        kernel.wait_for(cell, lambda m: m["msg_type"] == "display_data")
        shown = [m for m in _read_until_silent(kernel) if m["msg_type"] == "display_data"]
        assert len(shown) < COUNT
        assert kernel.control("kernel_info_request")["status"] == "ok"
        thread = threading.Thread(target=_read_on, args=(stalled, read := threading.Event()))
        thread.start()
        outputs = kernel.finish(cell).of_type("display_data")
        read.set()
        thread.join()
    assert [int(one["data"]["text/plain"].rstrip("x")) for one in outputs] == list(range(COUNT))
    assert kernel.run("'alive'").result == "'alive'"


def _read_until_silent(kernel: LiveKernel) -> list[JupyterMessage]:
    read = -1
    while len(kernel.all_messages()) > read:
        read = len(kernel.all_messages())
        with pytest.raises(AssertionError):
            kernel.wait_for("nobody", lambda m: False, 2)
    return kernel.all_messages()


def _read_on(socket: zmq.Socket[Any], over: threading.Event) -> None:
    while not over.is_set():
        if socket.poll(100):
            socket.recv_multipart()


def test_replies_wait_for_a_front_end_that_reads_them_late(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    """ZeroMQ drops silently those above its limit, where there is one."""
    (tmp_path / "sitecustomize.py").write_text(
        "from azure_session_kernel.wire import kernel_info\n"
        "kernel_info._OWN = {**kernel_info._OWN, 'implementation': 'x' * 20_000}\n"
    )
    kernel = start_kernel({**local_pool.env, "PYTHONPATH": str(tmp_path)})
    info = json.loads(Path(kernel.km.connection_file).read_text())
    session = kernel.kc.session
    with zmq.Context() as context, context.socket(zmq.DEALER) as late:
        late.rcvhwm, late.rcvbuf, late.sndhwm, late.linger = 1, 4096, 0, 0
        late.connect(f"tcp://127.0.0.1:{info['shell_port']}")
        asked = [session.send(late, "kernel_info_request", {}) for _ in range(REPLIES)]
        kernel.run("'behind them'")
        answered: set[str] = set()
        while len(answered) < REPLIES and late.poll(60_000):
            answered.add(session.recv(late)[1]["parent_header"]["msg_id"])
    assert answered == {one["header"]["msg_id"] for one in asked}
