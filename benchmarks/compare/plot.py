"""The table as lines over the distance, for pages with a light or a dark ground."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .column import FAMILIES, LOCAL
from .results import Results
from .rows import FIRST, READY, RUN_ALL, SMALL

SHOWN = (READY, FIRST, SMALL, RUN_ALL)
#: Both grounds let these be read.
GREY = "#8a8a8a"
COLOURS = dict(zip(FAMILIES, (GREY, "#3f7fe0", "#d9822b", "#2f9e6e", "#c45ab3"), strict=True))


def plot(results: Results, path: Path) -> None:
    """:raises SystemExit: none of the rows that are shown was measured."""
    shown = [row for row in SHOWN if row in results.rows]
    if not shown:
        raise SystemExit(f"nothing to plot: {', '.join(SHOWN)} were not measured")
    # The same bytes for the same values; letters are the reader's own.
    style: dict[Any, Any] = {
        "svg.hashsalt": "compare",
        "svg.fonttype": "none",
        "font.size": 9,
        "text.color": GREY,
    }
    style |= dict.fromkeys(
        ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), GREY
    )
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 2.6 * ((len(shown) + 1) // 2) + 0.4), layout="constrained")
        axes = figure.subplots((len(shown) + 1) // 2, min(2, len(shown)), squeeze=False).flat
        for row, one in zip(shown, axes, strict=False):
            _lines(one, results, row)
        for unused in list(axes):
            unused.remove()
        named = {
            name: line
            for one in figure.axes
            for line, name in zip(*one.get_legend_handles_labels(), strict=True)
        }
        lines, names = list(named.values()), list(named)
        figure.legend(lines, names, loc="outside upper center", ncols=5, frameon=False)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def _lines(axes: Axes, results: Results, row: str) -> None:
    medians = {c: statistics.median(v) * 1e3 for c, v in results.rows[row].items() if not c.mbit}
    for family, colour in COLOURS.items():
        points = sorted((c.round_trip_ms, ms) for c, ms in medians.items() if c.family == family)
        name = FAMILIES[family][0]
        if family == LOCAL.family and points:
            axes.axhline(points[0][1], color=colour, linewidth=1.2, linestyle=":", label=name)
        elif points:
            dashed = "--" if family == "limit" else "-"
            axes.plot(
                *zip(*points, strict=True), dashed, color=colour, marker="o", ms=3, label=name
            )
    axes.set_title(row, fontsize=9)
    axes.set_xlabel("round trip, ms")
    axes.set_ylabel("ms")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.patch.set_alpha(0)
