"""Every request that a front end sends is taken, in order, however many come at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from azure_session_kernel.common.within import within
from azure_session_kernel.kernel.iopub import RequestStream

MANY = 250
LIMIT_S = 60


Sockets = tuple["zmq.Socket[Any]", "zmq.Socket[Any]"]


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """A kernel's, and a front end's that is connected with it."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as front:
        kernel = context.socket(zmq.ROUTER)
        front.connect(f"tcp://127.0.0.1:{kernel.bind_to_random_port('tcp://127.0.0.1')}")
        yield kernel, front
        kernel.close()


@pytest.mark.parametrize("fails", [False, True])
async def test_what_comes_at_once_is_taken_in_order_also_when_taking_one_fails(
    sockets: Sockets, fails: bool
) -> None:
    kernel, front = sockets
    taken: list[int] = []
    all_taken = asyncio.Event()

    def take(frames: list[bytes]) -> None:
        assert frames[2] == b"more"
        taken.append(int(frames[1]))
        if taken[-1] == MANY - 1:
            all_taken.set()
        if fails and taken[-1] % 7 == 0:
            raise ZeroDivisionError

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    for n in range(MANY):
        front.send_multipart([b"%d" % n, b"more"])
    assert kernel.poll(LIMIT_S * 1000)
    stream = RequestStream(kernel)
    stream.on_recv(take)
    await within(all_taken.wait(), LIMIT_S)
    assert taken == list(range(MANY))
    stream.close()


async def test_one_that_takes_no_more_leaves_the_rest_where_it_is(
    sockets: Sockets,
) -> None:
    kernel, front = sockets
    stopped, stream = asyncio.Event(), RequestStream(kernel)

    def take(frames: list[bytes]) -> None:
        stream.stop_on_recv()
        stopped.set()

    for n in range(3):
        front.send(b"%d" % n)
    assert kernel.poll(LIMIT_S * 1000)
    stream.on_recv(take)
    await within(stopped.wait(), LIMIT_S)
    assert kernel.poll(LIMIT_S * 1000)
    assert [kernel.recv_multipart()[1] for _ in range(2)] == [b"1", b"2"]
    stream.close()
