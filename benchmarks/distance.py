"""This kernel, with its pool at a distance: start, one cell, and Run All, in round trips.

    python -m benchmarks.distance [--round-trips 0 20 100 300] [--rounds 3] [--cells 50] [--mbit 0]

A proxy in front of the local pool delays what goes through it, each way by half a round trip, and a
new connection by a whole one. Every round measures each distance, and a local ipykernel, which has
none; "trips" is the median of what this kernel takes longer than ipykernel did in the same round,
in round trips. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator

from jupyter_client.blocking.client import BlockingKernelClient

from .far_pool import far_pool
from .side_by_side import LOCAL, OURS, end, local_pool, run, start

Values = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--round-trips", type=float, nargs="+", default=[0, 20, 100, 300])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=50)
    parser.add_argument("--mbit", type=float, default=0.0)
    args = parser.parse_args()
    ours: dict[float, list[Values]] = defaultdict(list)
    local: list[Values] = []
    with local_pool():
        for _ in range(args.rounds):
            local.append(measured(LOCAL, args.cells))
            for round_trip_ms in args.round_trips:
                with far_pool(round_trip_ms / 1e3, args.mbit * 1e6 / 8):
                    ours[round_trip_ms].append(measured(OURS, args.cells))
    for line in table(ours, local):
        print(line)


def measured(name: str, cells: int) -> Values:
    """In seconds."""
    begun = time.perf_counter()
    manager, client = start(name)
    values = {"start to ready": time.perf_counter() - begun}
    try:
        values["first cell"] = run(client, "1 + 1").over_s
        values["small cell"] = statistics.median(run(client, "1 + 1").over_s for _ in range(10))
        values[f"Run All, {cells} cells"] = run_all(client, cells)
    finally:
        end(manager, client)
        time.sleep(2.5)  # the pool replaces the session that it has handed out
    return values


def run_all(client: BlockingKernelClient, cells: int) -> float:
    """As a front end sends them; until the last one's idle."""
    begun = time.perf_counter()
    ids = [client.execute(f"print({n})", allow_stdin=True) for n in range(cells)]
    while True:
        message = client.get_iopub_msg(timeout=120)
        state = message["content"].get("execution_state")
        if message["parent_header"].get("msg_id") == ids[-1] and state == "idle":
            return time.perf_counter() - begun


def table(ours: dict[float, list[Values]], local: list[Values]) -> Iterator[str]:
    yield "| | ipykernel |" + "".join(f" {one:g} ms |" for one in ours)
    yield "| --- |" + " ---: |" * (len(ours) + 1)
    for what in local[0]:
        there = statistics.median(values[what] for values in local)
        cells = [f"{there * 1e3:.0f} ms"]
        for round_trip_ms, rounds in ours.items():
            here = statistics.median(values[what] for values in rounds)
            more = statistics.median(a[what] - b[what] for a, b in zip(rounds, local, strict=True))
            trips = f", {more * 1e3 / round_trip_ms:.1f} trips" if round_trip_ms else ""
            cells.append(f"{here * 1e3:.0f} ms{trips}")
        yield f"| {what} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
