"""How long many small files take into a session, and back.

    python -m benchmarks.files [--files 2000] [--bytes 1024] [--kind container] [--delay-ms 0]

On a local pool of that kind: ``%upload``, the same again with nothing changed, and ``%download``.
``--delay-ms`` adds that to each request, as a pool far away would.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

from .program import PROGRAM, inherited


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000, help="%(default)s")
    parser.add_argument("--bytes", type=int, default=1024, help="of each: %(default)s")
    parser.add_argument("--kind", default="container", help="container or interpreter: %(default)s")
    parser.add_argument("--delay-ms", type=int, default=0, help="%(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="files-", ignore_cleanup_errors=True) as directory:
        root = Path(directory)
        for number in range(args.files):
            path = root / "notebook" / "many" / str(number % 20) / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(args.bytes))
        measure(root, args.kind, args.delay_ms)


def measure(root: Path, kind: str, delay_ms: int) -> None:
    env = {
        **inherited(),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "TMPDIR": str(root),
        "AZURE_SESSION_POOL_ENDPOINT": "local",
    }
    (root / "faults.json").write_text(json.dumps({"rules": _rules(delay_ms)}))
    options = ["--port", "0", "--kind", kind, "--faults", str(root / "faults.json")]
    with (root / "log").open("wb") as log:
        pool = subprocess.Popen(
            [*PROGRAM, "pool", *options], env=env, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert pool.stdout is not None
        assert pool.stdout.readline(), (root / "log").read_text()
        try:
            in_a_kernel(env, root / "notebook", f"{kind}, {delay_ms} ms")
        finally:
            pool.terminate()
            pool.wait(30)
            pool.stdout.close()


def in_a_kernel(env: dict[str, str], folder: Path, where: str) -> None:
    manager = KernelManager(kernel_name="azure-session")
    manager.start_kernel(env=env, cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        for line in ("1", "%upload many/**", "%upload many/**", "%download many/** --to back"):
            begun = time.monotonic()
            reply = client.execute_interactive(line, timeout=600, output_hook=lambda _: None)
            assert reply["content"]["status"] == "ok", reply["content"]
            if line != "1":
                print(f"{where}: {line:30} {time.monotonic() - begun:6.2f} s", flush=True)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def _rules(delay_ms: int) -> list[dict[str, object]]:
    if not delay_ms:
        return []
    return [{"fault": "delay", "seconds": delay_ms / 1000}]


if __name__ == "__main__":
    main()
