"""How answers are written to a connection."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from azure_session_kernel.container.serving import HeadWaits


class Transport:
    """Tells what was written at a time."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def writelines(self, data: list[bytes]) -> None:
        self.writes.append(b"".join(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def connection(transport: Transport) -> HeadWaits:
    return HeadWaits(cast(asyncio.Transport, transport))


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


async def test_a_head_is_written_with_its_body(connection: HeadWaits, transport: Transport) -> None:
    for data in (HEAD, b"1", b"2", HEAD, b"3"):
        connection.write(data)
    await asyncio.sleep(0)
    assert transport.writes == [HEAD + b"1", b"2", HEAD + b"3"]


async def test_a_head_whose_body_is_still_to_come_does_not_wait_for_it(
    connection: HeadWaits, transport: Transport
) -> None:
    connection.write(HEAD)
    assert not transport.writes
    await asyncio.sleep(0)
    assert transport.writes == [HEAD]
    connection.write(b"1")
    assert transport.writes == [HEAD, b"1"]


async def test_what_waits_is_written_before_the_end(
    connection: HeadWaits, transport: Transport
) -> None:
    connection.write(HEAD)
    connection.close()
    await asyncio.sleep(0)
    assert transport.writes == [HEAD]
    assert connection.is_closing()
