"""``python -m benchmarks.chaos --cells N --seed S``: exit code 1 if anything is not as promised."""

from __future__ import annotations

import argparse

from .run import Options, run

#: A full run meets each fault so often; shorter ones in proportion.
HITS_IN_10_000 = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--often", type=float, default=Options.often, help="faults per step")
    parser.add_argument("--kernels", type=int, default=Options.kernels, help="one after another")
    args = parser.parse_args()
    report = run(Options(args.cells, args.seed, args.often, kernels=args.kernels))
    print(report.text())
    missing = report.missing_hits(HITS_IN_10_000 * args.cells // 10_000)
    if missing:
        print("hit too seldom:", ", ".join(missing))
    return 1 if report.bad or missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
