"""How many sessions are left when many kernels shut down in the same second.

    python -m benchmarks.shutdown [--kernels 50] [--together 4]

Starts them on a local pool, ``--together`` at a time, asks all to shut down at once, as
jupyter_client does (SIGTERM after 2.5 s, SIGKILL after 5), and prints how many sessions and leases
are left when the kernels have gone, and when what finishes their stops has ended too. Exit code 1
when any is left then.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_client.manager import KernelManager

from .chaos.world import World

#: What finishes a stop lives no longer than that.
FINISHED_WITHIN_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=int, default=50, help="%(default)s")
    parser.add_argument("--together", type=int, default=4, help="started at once: %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shut-", ignore_cleanup_errors=True) as directory:
        world = World(Path(directory), ready_sessions=0, max_sessions=args.kernels)
        try:
            return measured(world, args.kernels, args.together)
        finally:
            world.close()


def measured(world: World, kernels: int, together: int) -> int:
    with ThreadPoolExecutor(together) as pool:
        managers = list(pool.map(lambda _: started(world), range(kernels)))
    print(f"{world.sessions()} sessions of {kernels} kernels", flush=True)
    begun = time.monotonic()
    with ThreadPoolExecutor(kernels) as pool:
        took = list(pool.map(stopped, managers))
    print(f"kernels gone after {min(took):.1f} to {max(took):.1f} s")
    print(f"left then: {world.sessions()} sessions, {world.leases()} leases", flush=True)
    while world.sessions() + world.leases() and time.monotonic() - begun < FINISHED_WITHIN_S:
        time.sleep(0.1)
    left = world.sessions(), world.leases()
    print(f"left after {time.monotonic() - begun:.1f} s: {left[0]} sessions, {left[1]} leases")
    return int(any(left))


def started(world: World) -> KernelManager:
    manager, client = world.start_kernel()
    client.stop_channels()
    return manager


def stopped(manager: KernelManager) -> float:
    """How long it took, in seconds."""
    begun = time.monotonic()
    manager.shutdown_kernel()
    return time.monotonic() - begun


if __name__ == "__main__":
    raise SystemExit(main())
