"""How the adapter starts, what its interpreter gets to see, and what remains when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from ast import literal_eval
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from ..kernel.live_kernel import wait_until
from .adapter_process import COMMAND, ENDS_WITHIN_S, Kernel, running_adapter

BROKEN = "raise ImportError('this is the wrong module')\n"


def test_images_start_it_by_its_name_of_old() -> None:
    command = [sys.executable, "-m", "azure_session_kernel.adapter", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert "--workdir" in told.stdout


def test_the_interpreter_does_not_see_what_concerns_the_adapter() -> None:
    env = {
        "AZURE_SESSION_POOL_ENDPOINT": "https://example",
        "JPY_SESSION_NAME": "/some/notebook.ipynb",
        "JPY_API_TOKEN": "x",
        "OF_THE_USER": "kept",
    }
    with running_adapter(env=env) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        seen = literal_eval(kernel.run("import os; print(dict(os.environ))"))
    ours = {name for name in seen if name.startswith(("AZURE_SESSION_", "JPY_"))}
    # jupyter_client's: the interpreter ends by itself when that process does.
    assert ours == {"JPY_PARENT_PID"}
    assert seen["OF_THE_USER"] == "kept"


def test_files_of_the_user_are_not_mistaken_for_modules_at_the_start() -> None:
    def prepare(workdir: Path) -> None:
        for name in ("json", "ipykernel", "zmq", "azure_session_kernel"):
            (workdir / f"{name}.py").write_text(BROKEN)
        (workdir / "of_the_user.py").write_text("value = 7")

    with running_adapter(prepare=prepare) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        assert kernel.run("import of_the_user; print(of_the_user.value)") == "7\n"


def test_modules_that_the_user_writes_do_not_reach_the_adapter() -> None:
    names = ("json", "ipykernel", "secrets", "uuid", "importlib", "random", "jupyter_client")
    write = f"for n in {names}: open(n + '.py', 'w').write({BROKEN!r})"
    with running_adapter() as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        kernel.run(write)
        answer = kernel.post("restart", reason="restart", wait_s=30)
        assert answer.status_code == 200, answer.text
        kernel.hello()
        assert kernel.run("print(1)") == "1\n"


def test_an_interpreter_that_cant_be_started_is_told_with_the_reason(tmp_path: Path) -> None:
    package = tmp_path / "ipykernel"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('no such luck')\n")
    with running_adapter(env={"PYTHONPATH": str(tmp_path)}) as adapter:
        for _ in range(2):
            answer = adapter.post("hello", {"reader": "r", "wait_s": 30})
            assert answer.status_code == 500
            error = answer.json()["error"]
            assert error["code"] == "InterpreterFailed"
            assert "no such luck" in error["message"]
        assert adapter.client.get("/health").status_code == 200
        package.rename(tmp_path / "repaired")
        kernel = Kernel(adapter)
        kernel.hello()
        assert kernel.run("print(1)") == "1\n"


def test_hello_says_that_the_interpreter_is_starting(tmp_path: Path) -> None:
    (tmp_path / "ipykernel.py").write_text("import time\ntime.sleep(600)\n")
    with running_adapter(env={"PYTHONPATH": str(tmp_path)}) as adapter:
        answer = adapter.post("hello", {"reader": "r", "wait_s": 0})
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "InterpreterStarting"
        assert answer.json()["boot"] == ""


@pytest.mark.parametrize("delay_s", [0.0, 0.15])
def test_ending_it_while_its_interpreter_starts_leaves_nothing_behind(delay_s: float) -> None:
    with running_adapter() as adapter:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not adapter.interpreters():
            assert time.monotonic() < deadline
        time.sleep(delay_s)
        adapter.stop()
        # Now, not once the interpreter has noticed that its parent is gone.
        assert not adapter.interpreters()
        assert not adapter.leftovers


def test_an_interpreter_that_runs_before_the_adapter_serves_ends_with_it(tmp_path: Path) -> None:
    """Told to end while it imports, and where it can't listen."""
    work, files = tmp_path / "work", tmp_path / "tmp"
    files.mkdir()
    env = {**os.environ, "TMPDIR": str(files)}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = ("--host", "127.0.0.1", "--port", str(taken.getsockname()[1]))
        command = [*COMMAND, *where, "--workdir", str(work)]
        for ended_by in (signal.SIGTERM, None):
            with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as adapter:
                wait_until(lambda: psutil.Process(adapter.pid).children())
                (interpreter,) = psutil.Process(adapter.pid).children()
                if ended_by is not None:
                    adapter.send_signal(ended_by)
                assert adapter.wait(ENDS_WITHIN_S) != 0
                assert not interpreter.is_running()
                assert not list(files.iterdir())


def test_ending_it_while_a_cell_runs_leaves_nothing_behind() -> None:
    with running_adapter() as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        interpreter = kernel.interpreter_pid()
        kernel.begin("import subprocess; subprocess.Popen(['sleep', '600'])\nwhile True: pass")
        with adapter.client.stream(
            "POST",
            "/jupyter/read",
            json={"boot": kernel.boot, "reader": kernel.reader, "after": 0, "wait_s": 60},
        ):
            adapter.stop()
        # Now, not once the interpreter has noticed that its parent is gone.
        assert not psutil.pid_exists(interpreter)
        assert adapter.remaining() == []
        assert "Traceback" not in adapter.log


def test_it_ends_when_its_parent_does() -> None:
    with running_adapter("--exit-with-parent", stdin=subprocess.PIPE) as adapter:
        Kernel(adapter).hello()
        assert adapter.process.stdin is not None
        adapter.process.stdin.close()
        assert adapter.process.wait(ENDS_WITHIN_S) == 0
        assert adapter.remaining() == []


def test_it_listens_on_a_unix_socket() -> None:
    with running_adapter(uds=True) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        assert kernel.run("print('by socket')") == "by socket\n"


def test_a_long_temporary_directory_does_not_keep_the_interpreter_from_starting(
    tmp_path: Path,
) -> None:
    long = tmp_path / ("long" * 20)
    long.mkdir()
    with running_adapter(env={"TMPDIR": str(long)}) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        assert kernel.run("print(1)") == "1\n"
    assert not list(long.iterdir())
