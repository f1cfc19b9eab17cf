"""What is compared: a family at a distance."""

from __future__ import annotations

import argparse
import importlib.util
from dataclasses import dataclass

#: By family: what the table calls it, and at which distances it is measured if nothing is said.
FAMILIES = {
    "ipykernel": ("ipykernel", ("0",)),
    "ours": ("ours", ("0", "20", "100", "300", "100:10")),
    "server": ("Jupyter Server", ("0", "20", "100", "300", "100:10")),
    "gateway": ("Kernel Gateway", ("0", "100")),
    "limit": ("the limit", ("0", "20", "100", "300", "100:10")),
}
NEEDS = {"server": "jupyter_server", "gateway": "kernel_gateway"}


@dataclass(frozen=True, order=True)
class Column:
    """:ivar mbit: each way; 0: without a limit."""

    family: str
    round_trip_ms: float = 0.0
    mbit: float = 0.0

    def __str__(self) -> str:
        more = f":{self.mbit:g}" if self.mbit else ""
        return f"{self.family}:{self.round_trip_ms:g}{more}"

    @property
    def name(self) -> str:
        return FAMILIES[self.family][0]

    @property
    def distance(self) -> str:
        more = f", {self.mbit:g} Mbit/s" if self.mbit else ""
        return f"{self.round_trip_ms:g} ms{more}"

    @property
    def bytes_per_s(self) -> float:
        return self.mbit * 1e6 / 8


LOCAL = Column("ipykernel")


def columns_of(text: str) -> list[Column]:
    """``ours``: the family's usual distances; ``ours:100`` and ``ours:100:10``: that one."""
    family, *numbers = text.split(":")
    try:
        _, usual = FAMILIES[family]
        each = [numbers] if numbers else [one.split(":") for one in usual]
        found = [Column(family, *map(float, one)) for one in each]
    except (KeyError, ValueError, TypeError):
        names = ", ".join(FAMILIES)
        raise argparse.ArgumentTypeError(
            f"{text} is no column: one of {names}, then :ROUND_TRIP_MS or :ROUND_TRIP_MS:MBIT"
        ) from None
    if family == "ipykernel" and found != [LOCAL]:
        raise argparse.ArgumentTypeError("ipykernel has no distance")
    return found


def missing(column: Column) -> bool:
    """Whether its family is not installed: ``pip install -e .[benchmarks]``."""
    needed = NEEDS.get(column.family)
    return needed is not None and importlib.util.find_spec(needed) is None
