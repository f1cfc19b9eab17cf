"""See the package's docstring."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import __doc__ as explained
from .column import FAMILIES, LOCAL, Column, columns_of, missing
from .measuring import Measuring
from .places import compile_modules_once
from .processes import machine
from .results import Results
from .rows import NAMES


def main() -> None:
    args = _parser().parse_args()
    if args.growth:
        from .growth import growth

        compile_modules_once()
        for line in growth(args.scale):
            print(line, flush=True)
        return
    results = _read(args.earlier) if args.earlier else _measured(args)
    if args.json:
        args.json.write_text(json.dumps(results.as_json(), indent=1) + "\n", encoding="utf-8")
    if args.plot:
        from .plot import plot

        plot(results, args.plot)
    print(*results.markdown(), sep="\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=explained,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=int, default=4, help="%(default)s")
    add("--scale", type=float, default=1.0, help="of sizes, and of how often a round repeats a row")
    add("--columns", type=columns_of, nargs="+", default=[columns_of(one) for one in FAMILIES])
    add("--rows", nargs="+", default=NAMES, metavar="TEXT", help="those whose name contains it")
    add("--json", type=Path, metavar="FILE", help="all values")
    add("--plot", type=Path, metavar="FILE.svg")
    add("--from", dest="earlier", type=Path, metavar="FILE", help="of --json: measures nothing")
    add("--growth", action="store_true", help="how figures grow, instead")
    return parser


def _measured(args: argparse.Namespace) -> Results:
    columns: list[Column] = [LOCAL]
    for column in (one for each in args.columns for one in each):
        if missing(column):
            print(f"{column}: not installed (pip install -e .[benchmarks])", file=sys.stderr)
        elif column not in columns:
            columns.append(column)
    names = [name for name in NAMES if any(text in name for text in args.rows)]
    compile_modules_once()
    measuring = Measuring(columns, names, args.scale)
    measuring.results.machine = {**machine(), "rounds": str(args.rounds), "scale": str(args.scale)}
    measuring.rounds(args.rounds)
    return measuring.results


def _read(path: Path) -> Results:
    return Results.of_json(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
