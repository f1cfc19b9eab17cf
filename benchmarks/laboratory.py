"""How long doctor takes for each broken pool of the laboratory, and whether it names the cause.

    python -m benchmarks.laboratory [--only TEXT]

Each scenario is a pool of its own, without a ready session: what is measured is a cold start, with
doctor's own limits. Prints seconds for each, and which took longer than the aim of 15 s. Exit code
1 when a cause is not named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import islice
from typing import Any

from azure_session_kernel.localpool.laboratory.scenario import Scenario
from azure_session_kernel.localpool.laboratory.scenarios import SCENARIOS

AIM_S = 15.0
COMMAND = "from azure_session_kernel.cli import main; raise SystemExit(main())"
PYTHON = (sys.executable, "-c", COMMAND)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="scenarios whose name has this in it")
    only = parser.parse_args().only
    took: dict[str, float] = {}
    wrong = 0
    for name, scenario in SCENARIOS.items():
        if only not in name:
            continue
        report = examined(scenario)
        took[name] = report["took_s"]
        first = next((cause["id"] for cause in report["causes"]), "")
        right = first == (scenario.cause or "")
        wrong += not right
        print(f"{name:34}{took[name]:>7.1f} s   {first or 'healthy'}{' WRONG' * (not right)}")
    if not took:
        raise SystemExit(f"no scenario has {only!r} in its name")
    slowest = max(took, key=lambda name: took[name])
    print(f"{len(took)} scenarios, {wrong} wrong; slowest {slowest}, {took[slowest]:.1f} s")
    print(f"above {AIM_S:.0f} s: {', '.join(n for n, s in took.items() if s > AIM_S) or 'none'}")
    return int(wrong > 0)


def examined(scenario: Scenario) -> dict[str, Any]:
    """doctor's report on the scenario's pool, both started as a user would."""
    with tempfile.TemporaryDirectory() as directory:
        env = {**os.environ, "JUPYTER_DATA_DIR": directory}
        pool = subprocess.Popen(
            [*PYTHON, "pool", "--fault-scenario", scenario.name, "--port", "0"],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            settings = announced(pool, scenario)
            doctor = subprocess.run(
                [*PYTHON, "doctor", "--json"],
                env={**env, **settings},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            report: dict[str, Any] = json.loads(doctor.stdout)
            return report
        finally:
            pool.terminate()
            pool.wait(30)
            if pool.stdout is not None:
                pool.stdout.close()


def announced(pool: subprocess.Popen[str], scenario: Scenario) -> dict[str, str]:
    """The environment to use, which is the last that the pool says."""
    lines = pool.stdout or iter(())
    for line in lines:
        if line.startswith("Look at it with"):
            settings = islice(lines, len(scenario.environment("")))
            return dict(setting.strip().split("=", 1) for setting in settings)
    raise SystemExit("the pool did not start")


if __name__ == "__main__":
    raise SystemExit(main())
