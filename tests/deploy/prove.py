"""Builds the image of ``deploy/Dockerfile`` without a container engine, and uses it.

``python -m tests.deploy.prove``, as root, with Debian's ``mmdebstrap``; it reads the layers from
the file itself. What they make then runs in namespaces of its own without a network, as in a pool
whose egress is off: the entry point as the image's user, the health check, and a notebook in a real
kernel, through the front of a local pool.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import nbformat
import psutil  # type: ignore[import-untyped,unused-ignore]
from nbclient import NotebookClient

from azure_session_kernel.emulator.front.server import serve
from azure_session_kernel.emulator.kinds.kinds import Kind
from azure_session_kernel.emulator.sessions.sessions import PoolOptions

from . import NAMES
from .dockerfile import Layer, layers, value_of
from .image import Image

PORT: Final[int] = NAMES["targetPort"]
URL: Final = f"http://127.0.0.1:{PORT}{NAMES['healthPath']}"
LISTENS_WITHIN_S: Final = 120.0
ENDS_WITHIN_S: Final = 30.0
_RELAY: Final = Path(__file__).with_name("relay.py")
_NEW_NETWORK: Final = 0x40000000  # sched.h; os.CLONE_NEWNET from Python 3.12 on

WHO = "import os, sys; print(os.getuid(), os.getcwd(), sys.prefix)"
#: Each cell with the text, or the kind of output, that it must show.
CELLS: Final = {
    WHO: f"{NAMES['userId']} {NAMES['workingFolder']} {NAMES['pythonFolder']}\n",
    f"print([os.access(p, os.W_OK) for p in ({NAMES['adapterFolder']!r}, sys.prefix)])": (
        "[False, True]\n"
    ),
    "import importlib.util as u; print(u.find_spec('starlette'))": "None\n",
    "!command -v pip": f"{NAMES['pythonFolder']}/bin/pip\r\n",
    "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()": "image/png",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stack", default="small", help="the build argument STACK")
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.root is not None:
        _prove(args.root, args.stack)
        return
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        raise SystemExit("The image is not proven: that needs root, and Debian's mmdebstrap.")
    # What is mounted in there is mounted for the other process only, and gone with it.
    with tempfile.TemporaryDirectory(prefix="ask-image-") as root:
        command = [sys.executable, "-m", __spec__.name, "--stack", args.stack, "--root", root]
        apart = ["unshare", "--mount", "--propagation", "private", *command]
        raise SystemExit(subprocess.run(apart, check=False).returncode)


def _prove(root: Path, stack: str) -> None:
    image = Image(root, {"STACK": stack})
    for layer in layers():
        began = time.monotonic()
        image.put(layer)
        if layer.name in ("FROM", "COPY", "RUN"):
            print(f"{time.monotonic() - began:6.1f} s  {layer.name} {layer.value[:80]}", flush=True)
    _use(image)
    print(f"1 passed, 0 failed: the {stack} image runs a notebook as user {NAMES['userId']}")


def _use(image: Image) -> None:
    _leave_the_network()
    with _container(image) as container:
        _wait_until_healthy(container)
        check = Layer("CMD", value_of("HEALTHCHECK").removeprefix("CMD ")).words
        subprocess.run(image.command(check), env=image.environment(), check=True)
        _run_notebook()


def _leave_the_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextlib.contextmanager
def _container(image: Image) -> Iterator[subprocess.Popen[bytes]]:
    """The entry point as process 1, as a container's runtime starts it."""
    proc = f"--mount-proc={image.inside('/proc')}"
    apart = ["unshare", "--pid", "--fork", proc]
    command = image.command(Layer("CMD", value_of("ENTRYPOINT")).words)
    with subprocess.Popen([*apart, *command], env=image.environment()) as container:
        try:
            yield container
        finally:
            _end(container)


def _end(container: subprocess.Popen[bytes]) -> None:
    """As a container's runtime does: SIGTERM to process 1, with which its namespace ends."""
    if container.poll() is not None:
        return  # it has said why
    first = psutil.Process(container.pid).children()
    try:
        for process in first:
            process.terminate()
        container.wait(ENDS_WITHIN_S)
    finally:
        for process in first:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _wait_until_healthy(container: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while container.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(URL, timeout=5) as answer:
            assert answer.status == 200
            return
        time.sleep(0.1)
    raise SystemExit(f"The adapter does not answer {URL}.")


@contextlib.contextmanager
def _pool() -> Iterator[None]:
    """A local pool whose session is the container."""
    kind = Kind((sys.executable, str(_RELAY), "--to", str(PORT)))
    options = PoolOptions(ready_sessions=0, max_sessions=1, kind=kind)
    listening = multiprocessing.Event()
    pool = multiprocessing.Process(target=_serve, args=(options, listening))
    pool.start()
    try:
        assert listening.wait(LISTENS_WITHIN_S)
        yield
    finally:
        pool.terminate()
        pool.join(ENDS_WITHIN_S)


def _serve(options: PoolOptions, listening: Any) -> None:
    serve("127.0.0.1", 0, options, lambda _: listening.set())


def _run_notebook() -> None:
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="ask-") as home:
        for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "TMPDIR"):
            os.environ[name] = home
        os.environ["AZURE_SESSION_POOL_ENDPOINT"] = "local"
        with _pool():
            NotebookClient(notebook, kernel_name="azure-session", timeout=120).execute()
    for cell, expected in zip(notebook.cells, CELLS.values(), strict=True):
        text = "".join(output.get("text", "") for output in cell.outputs)
        kinds = {kind for output in cell.outputs for kind in output.get("data", ())}
        assert expected in {text, *kinds}, (cell.source, expected, cell.outputs)


if __name__ == "__main__":
    main()
