"""A pool that was started by another program does not outlive it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..conftest import POOL_COMMAND


def test_a_pool_ends_when_the_program_that_holds_its_standard_input_does(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*POOL_COMMAND, "--port", "0", "--ready-sessions", "0", "--exit-with-parent"],
        env={**os.environ, "JUPYTER_DATA_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == 0
    assert not (tmp_path / "azure-session-kernel" / "local-pool.json").exists()
