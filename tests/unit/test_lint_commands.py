"""pre-commit runs what CI lints: no more, no less."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_pre_commit_runs_the_commands_that_ci_lints_with() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    _, lint = ci.split('echo "== lint and types"', 1)
    linted = re.findall(r"^\.venv/bin/(?!pip )(.+)$", lint.split("\necho ", 1)[0], re.M)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^ +entry: (.+)$", hooks, re.M) == linted
    assert "mypy" in linted
