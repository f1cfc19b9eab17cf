"""Arguments of the command line do in a session what they do in ipykernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..conftest import PoolOfKind
from .live_kernel import LiveKernel

NBCLIENTS = ("--HistoryManager.hist_file=:memory:",)
USERS = (
    *NBCLIENTS,
    "--matplotlib=inline",
    "--InlineBackend.figure_format=svg",
    "--InteractiveShell.ast_node_interactivity=all",
    "--IPKernelApp.exec_lines=first = 1; print('not in any cell')",
    "--IPKernelApp.exec_lines=second = first + len(get_ipython().user_ns['_ih'])",
    "--no-pprint",
    "-c",
    "third = 'a b'",
)
ASKED = (
    "get_ipython().history_manager.hist_file",
    "get_ipython().ast_node_interactivity, get_ipython().display_formatter.formatters"
    "['text/plain'].pprint",
    "import sys; 'matplotlib' in sys.modules, get_ipython().config.InlineBackend",
    "globals().get('first'), globals().get('second'), globals().get('third'); 7",
    "In, Out, _dh == [_ for _ in _dh], _ih is get_ipython().history_manager.input_hist_parsed",
    "%who",
)


def _seen(kernel: LiveKernel, cells: tuple[str, ...] = ASKED) -> list[object]:
    found: list[object] = []
    for code in cells:
        cell = kernel.run(code)
        outputs = [m["content"].get("data", m["content"].get("text")) for m in cell.outputs]
        found.append((cell.status, cell.content["execution_count"], outputs))
    return found


def _seen_before_and_after_a_restart(kernel: LiveKernel) -> list[list[object]]:
    kernel.wait_until_heard().wait_until_ready()
    before = _seen(kernel)
    kernel.restart()
    return [before, _seen(kernel, ASKED[:4])]


@contextmanager
def _started(env: dict[str, str], log: Path, name: str) -> Iterator[LiveKernel]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")
        kernel = LiveKernel(env, log, name, extra_arguments=list(USERS))
    try:
        yield kernel
    finally:
        kernel.stop()


@pytest.fixture(scope="module")
def in_ipykernel(tmp_path_factory: pytest.TempPathFactory) -> list[list[object]]:
    with _started({}, tmp_path_factory.mktemp("ipykernel") / "log", "python3") as kernel:
        return _seen_before_and_after_a_restart(kernel)


@pytest.mark.parametrize("kind", ["container", "interpreter"])
def test_they_have_the_same_effect_as_in_ipykernel(
    pool_of_kind: PoolOfKind, in_ipykernel: list[list[object]], tmp_path: Path, kind: str
) -> None:
    with _started(pool_of_kind(kind).env, tmp_path / "log", "azure-session") as kernel:
        assert _seen_before_and_after_a_restart(kernel) == in_ipykernel
        assert "without effect" not in kernel.logged()


def test_what_has_no_effect_in_a_session_is_named_once(
    pool_of_kind: PoolOfKind, tmp_path: Path
) -> None:
    arguments = [f"--ipython-dir={tmp_path}", "--IPKernelApp.exec_lines=a = 1", *NBCLIENTS]
    arguments += ["--wrong=1", "--IPKernelApp.ZMQInteractiveShell.autocall=1"]
    kernel = LiveKernel(pool_of_kind("oneshot").env, tmp_path / "log", extra_arguments=arguments)
    try:
        assert kernel.wait_until_heard().wait_until_ready().run("print(7)").text() == "7\n"
        said = [line for line in kernel.logged().splitlines() if "without effect" in line]
    finally:
        kernel.stop()
    assert said == [
        "without effect in a session: --AzureSessionKernelApp.ipython_dir "
        "--IPKernelApp.ZMQInteractiveShell --wrong",
        "without effect in a pool that runs whole programs: --IPKernelApp.exec_lines",
    ]
