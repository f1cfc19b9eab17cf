"""How long doctor takes for each broken pool of the laboratory, and whether it names the cause.

    python -m benchmarks.laboratory [--only TEXT]

Each scenario is a pool of its own, without a ready session: what is measured is a cold start, with
doctor's own limits. Prints seconds for each, and which took longer than the aim of 15 s. Exit code
1 when a cause is not named.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from itertools import islice
from typing import Any

from azure_session_laboratory.scenario import Scenario
from azure_session_laboratory.scenarios import SCENARIOS

from .program import PROGRAM, inherited, until

AIM_S = 15.0


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
        env = {**inherited(), "JUPYTER_DATA_DIR": directory}
        pool = subprocess.Popen(
            [*PROGRAM, "pool", "--fault-scenario", scenario.name, "--port", "0"],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            settings = announced(pool, scenario)
            doctor = subprocess.run(
                [*PROGRAM, "doctor", "--json"],
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
    until(pool, re.compile("^Look at it with"))
    settings = islice(pool.stdout or (), len(scenario.environment("")))
    return dict(setting.strip().split("=", 1) for setting in settings)


if __name__ == "__main__":
    raise SystemExit(main())
