"""Memory stays bounded and nothing is missing. Full sizes: ``python -m benchmarks.memory``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.memory import Workshop, printed_in_parts, workloads, workshop

SCALE = 0.01
PART = 10_000_000
WARM_UP_PARTS = 5
PARTS = 15
#: Half of what is printed, in MB.
GATHERED_MB = 75
NAMES = list(workloads(SCALE))


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with workshop() as shop:
        yield shop


@pytest.mark.parametrize("name", NAMES)
def test_too_much_output_is_shown_whole_in_bounded_memory(shop: Workshop, name: str) -> None:
    work, bounds = workloads(SCALE)[name]
    peaks, problem = work(shop)
    assert not problem
    for role, bound in bounds.items():
        assert peaks.above(role) < bound, (role, peaks)


def test_what_a_cell_prints_is_not_gathered_in_memory(shop: Workshop) -> None:
    """At the sizes above, all of it would fit below the bounds."""
    printed_in_parts(shop, WARM_UP_PARTS, PART)
    peaks, problem = printed_in_parts(shop, PARTS, PART)
    assert not problem
    for role in peaks.before:
        assert peaks.above(role) < GATHERED_MB, (role, peaks)
