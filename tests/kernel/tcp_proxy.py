"""A network that can fail: forwards TCP connections to a local port until told otherwise."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Final

_CHUNK_BYTES: Final = 65536
#: Closing sends RST, as a firewall or a crashed host does.
_RESET: Final = struct.pack("ii", 1, 0)


class TcpProxy:
    """Forwards ``url`` to ``127.0.0.1:target_port``. ``cut``, ``stall``, ``slow``, ``mend`` it."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._flows = threading.Event()
        self._flows.set()
        self._is_cut = False
        self.accepted = 0
        """How many connections there have been."""
        self._connect_s = self._each_way_s = 0.0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Reset every connection, and each new one."""
        with self._lock:
            self._is_cut = True
            for connection in self._connections:
                _reset(connection)
            self._connections.clear()

    def stall(self) -> None:
        """Keep connections, accept new ones, and let no byte through."""
        self._flows.clear()

    def slow(self, connect_s: float, each_way_s: float) -> None:
        """A pool far away: new connections take so long, and so do bytes on each of them."""
        self._connect_s, self._each_way_s = connect_s, each_way_s

    def mend(self) -> None:
        """Once more as at first, except for connections that are slow."""
        self._is_cut = False
        self._flows.set()

    def __enter__(self) -> TcpProxy:
        self._run(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        self._flows.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _run(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_cut:
                    _reset(near)
                    near.close()
                    continue
                try:
                    far = socket.create_connection(self._target)
                except OSError:
                    near.close()
                    continue
                self._connections += [near, far]
                self.accepted += 1
            users = threading.Semaphore(0)
            self._run(self._pump, near, far, users, self._connect_s)
            self._run(self._pump, far, near, users, 0.0)
            self._run(_close_when_done, near, far, users)

    def _pump(
        self,
        source: socket.socket,
        target: socket.socket,
        done: threading.Semaphore,
        connect_s: float,
    ) -> None:
        try:
            time.sleep(connect_s)
            while data := source.recv(_CHUNK_BYTES):
                time.sleep(self._each_way_s)
                self._flows.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        finally:
            done.release()


def _close_when_done(near: socket.socket, far: socket.socket, done: threading.Semaphore) -> None:
    done.acquire()
    done.acquire()
    near.close()
    far.close()


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RDWR)
