"""Requests that are open in the session only."""

from __future__ import annotations

from azure_session_kernel.kernel.unawaited import Strays


def test_only_a_cell_of_an_earlier_kernel_keeps_the_session_in_use() -> None:
    strays = Strays()
    strays.add("ended-here", "b-1")
    assert not strays.any_found
    strays.found("b-1", ["of-another-kernel"])
    assert strays.any_found
    strays.ended("of-another-kernel")
    assert not strays.any_found
