"""The line between a kernel and its pool in benchmarks: never shorter or wider than it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

from benchmarks.far_pool import far

ROUND_TRIP_S = 0.05
BYTES_PER_S = 2_000_000.0


@contextmanager
def echo() -> Iterator[str]:
    """Sends what comes back, then ends."""

    def serve() -> None:
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(one,)).start()

    def answer(one: socket.socket) -> None:
        with one:
            while data := one.recv(65536):
                one.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
    thread.join()


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=60)


def there_and_back(one: socket.socket, data: bytes) -> float:
    """Seconds until all of it has come back as it was."""
    begun = time.perf_counter()
    sending = threading.Thread(target=one.sendall, args=(data,))
    sending.start()
    came = bytearray()
    while len(came) < len(data):
        came += one.recv(1 << 20) or b"ended"
    took_s = time.perf_counter() - begun
    sending.join()
    assert came == data
    return took_s


def test_bytes_take_a_round_trip_and_a_new_connection_one_more() -> None:
    with echo() as near, far(near, ROUND_TRIP_S) as url:
        begun = time.perf_counter()
        with connect(url) as one:
            there_and_back(one, b"first")
            assert time.perf_counter() - begun >= 2 * ROUND_TRIP_S
            assert there_and_back(one, b"then") >= ROUND_TRIP_S


def test_all_that_is_under_way_arrives_in_order_and_so_does_the_end() -> None:
    data = bytes(range(256)) * 40_000  # more than the window
    with echo() as near, far(near, ROUND_TRIP_S) as url, connect(url) as one:
        there_and_back(one, data)
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""


def test_connections_share_the_bandwidth_and_each_way_has_its_own() -> None:
    data = b"x" * 400_000
    with (
        echo() as near,
        far(near, 0.0, BYTES_PER_S) as url,
        connect(url) as one,
        connect(url) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        begun = time.perf_counter()
        assert sum(pool.map(there_and_back, (one, other), (data, data))) > 0
        assert time.perf_counter() - begun >= 2 * len(data) / BYTES_PER_S


def test_without_distance_there_is_nothing_in_between() -> None:
    with far("http://127.0.0.1:1", 0.0) as url:
        assert url == "http://127.0.0.1:1"
