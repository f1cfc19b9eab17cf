"""What a kernel's start costs a person: imports, and round trips to a pool far away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..conftest import RunningPool
from .conftest import ProxiedPool, StartKernel
from .live_kernel import LiveKernel, wait_until

#: What a kernel with a session of an adapter's does without until somebody asks for more. Each was
#: imported once, or is by something that was; none of them is small.
LATER = (
    *("IPython.core.interactiveshell", "IPython.core.application", "IPython.terminal"),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "debugpy"),
    *("jupyter_client.manager", "jupyter_client.provisioning", "jupyter_client.kernelspec"),
    *("httpx", "httpcore", "h11", "anyio", "http.client", "certifi", "email"),
    *("rich", "click", "pygments", "prompt_toolkit", "jedi", "psutil", "pathspec"),
    *("azure.identity", "azure.core", "nbformat", "jsonschema"),
    *("azure_session_kernel.causes.diagnosis", "azure_session_kernel.causes.table"),
    *("azure_session_kernel.executors.builtin", "azure_session_kernel.executors.oneshot"),
    *("azure_session_kernel.kernel.magics.cell", "azure_session_kernel.transfer.upload"),
    *("azure_session_kernel.transfer.choose", "azure_session_kernel.transfer.bring_back"),
)


def test_a_kernel_imports_what_its_first_cells_need_and_no_more(
    local_pool: RunningPool, tmp_path: Path
) -> None:
    env = {**local_pool.env, "PYTHONPROFILEIMPORTTIME": "1"}
    kernel = LiveKernel(env, tmp_path / "kernel.log")
    try:
        assert kernel.wait_until_ready().run("6 * 7").result == "42"
        lines = kernel.logged().splitlines()
    finally:
        kernel.stop()
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time")}
    assert "ipykernel.kernelbase" in imported
    found = [name for name in imported for one in LATER if f"{name}.".startswith(f"{one}.")]
    assert found == []


def test_files_beside_the_notebook_are_no_modules_of_the_kernels(
    start_kernel: StartKernel, tmp_path: Path
) -> None:
    """Not from its first import on."""
    for name in ("asyncio", "json", "logging", "random", "string", "token", "typing", "zmq"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('a student wrote this')")
    assert start_kernel(cwd=str(tmp_path)).run("6 * 7").result == "42"


def test_where_python_leaves_the_folder_out_itself_nothing_else_is(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    """``PYTHONSAFEPATH`` is of Python 3.11: before, the folder comes first, and the rest stays."""
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys\natexit.register(lambda: print('path', sys.path, file=sys.stderr))"
    )
    path = {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    kernel = start_kernel({**local_pool.env, **path})
    kernel.stop()
    assert f"path ['{tmp_path}'" in kernel.logged()


def test_the_first_cell_finds_a_connection_beside_the_one_that_is_read_from(
    proxied: Callable[[], ProxiedPool], start_kernel: StartKernel
) -> None:
    """A new one takes as long as a round trip, or three with TLS."""
    network, env = proxied()
    kernel = start_kernel(env)
    wait_until(lambda: network.accepted > 1)
    assert kernel.run("6 * 7").result == "42"
