"""Ports for kernels that no other process is given meanwhile.

jupyter_client finds a free port and lets go of it until the kernel binds it; in between, the system
may give it to somebody else. The ranges here are below those that systems give, and apart.
"""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import suppress

from jupyter_client.connect import LocalPortCache

FIRST = 12_000
EACH = 1_000
WORKERS = 8


def use_own_ports(*, of_server: bool = False) -> None:
    """Every kernel that this process starts gets ports of its pytest-xdist worker's range.

    :param of_server: this is not the worker itself but a Jupyter server that it has started.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    begin = FIRST + (2 * worker + of_server) * EACH
    ports = itertools.cycle(range(begin, begin + EACH))

    def find_available_port(cache: LocalPortCache, ip: str) -> int:
        for port in ports:
            with suppress(OSError), socket.socket() as probe:
                probe.bind((ip, port))
                return port
        raise AssertionError("unreachable")

    setattr(LocalPortCache, "find_available_port", find_available_port)  # noqa: B010  # for mypy
