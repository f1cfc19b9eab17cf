"""A cell that outlives tokens, connections and the network. An hour: ``benchmarks.long_cell``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.long_cell import Options, run

from ..kernel.live_kernel import with_constant


def test_a_cell_that_outlives_its_token_its_connections_and_its_network_is_whole(
    tmp_path: Path,
) -> None:
    """Scaled down: half of the time it is silent for longer than a connection lasts. So are the
    kernel's pauses between reads, of which a token would outlive none.
    """
    report = run(
        Options(
            cell_s=7.0,
            expire_every_s=1.5,
            cut_after_s=0.5,
            outage_every_s=2.5,
            outage_s=0.5,
            phase_s=2.4,
            pause_s=0.02,
        ),
        with_constant(tmp_path, "azure_session_kernel.session.opening.OUTAGE_S", 5.0),
    )
    assert report.whole, report.text()
    assert report.expiries >= 2, report.text()
    assert report.cuts >= 4, report.text()
    assert report.outages >= 2, report.text()
