"""What Tab needs is read before somebody presses it, and while nothing runs."""

from __future__ import annotations

import hashlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from azure_session_kernel.container.names_in_use import names_in_use
from azure_session_kernel.container.read_ahead import PROGRAM
from azure_session_kernel.wire import Message

from ..kernel.live_kernel import wait_until, waits_for
from .adapter_process import AdapterProcess, Kernel, execute_request, new_id, running_adapter


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where jedi keeps what it has read: nothing yet."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def adapter(cache: Path) -> Iterator[AdapterProcess]:
    """With modules of a student's beside it."""

    def prepare(workdir: Path) -> None:
        (workdir / "lesson.py").write_text("def first_step(): 'Doc.'\n")
        body = "".join(f"def f{n}(a, b=[{n}]):\n    return (a, b[0])\n" for n in range(60_000))
        (workdir / "long_lesson.py").write_text(body)

    with running_adapter(env={"XDG_CACHE_HOME": str(cache)}, prepare=prepare) as adapter:
        yield adapter


def _programs(adapter: AdapterProcess) -> list[psutil.Process]:
    found = []
    for process in adapter.processes():
        try:
            if str(PROGRAM) in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_module_that_a_cell_has_imported_is_read_while_nothing_runs(
    adapter: AdapterProcess, cache: Path
) -> None:
    kernel = Kernel(adapter)
    kernel.hello()
    assert kernel.run("import lesson", allow_stdin=True) == ""
    kept = hashlib.sha256(str(adapter.workdir / "lesson.py").encode()).hexdigest()
    wait_until(lambda: list(cache.rglob(f"*-{kept}.pkl")))
    assert _completions(kernel, "lesson.") == ["first_step"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
def test_a_cell_stops_the_reading_and_its_end_lets_it_go_on(
    adapter: AdapterProcess, tmp_path: Path
) -> None:
    """The end of the adapter ends it, which the fixture checks."""
    kernel = Kernel(adapter)
    kernel.hello()
    # To import the real one would take its time as well, and only the reading of it is looked at.
    kernel.run("from types import ModuleType\nlong = ModuleType('long_lesson')", allow_stdin=True)
    wait_until(lambda: _programs(adapter))
    (program,) = _programs(adapter)
    cell = execute_request(waits_for(tmp_path / "go"))
    kernel.send(cell)
    wait_until(lambda: program.status() == psutil.STATUS_STOPPED)
    (tmp_path / "go").touch()
    kernel.finish(cell)
    wait_until(lambda: program.status() != psutil.STATUS_STOPPED)


def _completions(kernel: Kernel, code: str) -> list[str]:
    header = {**execute_request("").header, "msg_type": "complete_request", "msg_id": new_id()}
    request = Message("shell", header, {"code": code, "cursor_pos": len(code)})
    kernel.send(request)
    (reply,) = [m for m in kernel.finish(request) if m.msg_type == "complete_reply"]
    return [name for name in reply.content["matches"] if "__" not in name]


class Meta(type):
    @property
    def __module__(cls) -> str:  # type: ignore[override]
        raise AssertionError("code of the user's was called")


def _in_use(**names: object) -> list[tuple[str, str]]:
    hidden: dict[str, object] = {"In": psutil}
    completer = SimpleNamespace(use_jedi=True)
    shell = SimpleNamespace(Completer=completer, user_ns={**hidden, **names}, user_ns_hidden=hidden)
    return names_in_use(shell)


def test_names_lead_to_their_modules_and_classes_but_not_to_the_standard_library() -> None:
    module = types.ModuleType("a.module")
    process = psutil.Process()
    assert _in_use(m=module, p=process, again=process, wait=wait_until, json=types, n=1) == [
        (wait_until.__module__, ""),
        ("psutil", "Process"),
        ("a.module", ""),
    ]


def test_nothing_of_the_users_is_called_to_find_them() -> None:
    renamed = types.ModuleType("x")
    renamed.__dict__["__name__"] = "not a name; print()"
    assert _in_use(m=Meta("Odd", (), {})(), r=renamed) == []
