"""A kernel that does not get the ports that its connection file names."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.connect import write_connection_file

from .live_kernel import LIMIT_S

PORTS = ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"]


@pytest.mark.parametrize("name", PORTS)
def test_a_port_that_another_process_has_taken_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "kernel.json"
    write_connection_file(str(path))
    info = json.loads(path.read_text())
    with socket.socket() as taken:
        taken.bind((info["ip"], 0))
        taken.listen()
        info[name] = taken.getsockname()[1]
        path.write_text(json.dumps(info))
        command = [sys.executable, "-m", "azure_session_kernel", "-f", str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert ended.returncode == 1
    assert f"Port {info[name]}, which {path} gives" in ended.stderr
    assert "Traceback" not in ended.stderr
