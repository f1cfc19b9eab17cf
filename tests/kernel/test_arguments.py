"""Arguments of the command line do in a session what they do in ipykernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
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


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [("container", NBCLIENTS), ("container", USERS), ("interpreter", USERS)],
    ids=["container, nbclient's", "container", "interpreter"],
)
def test_they_have_the_same_effect_as_in_ipykernel(
    pool_of_kind: PoolOfKind, tmp_path: Path, kind: str, arguments: tuple[str, ...]
) -> None:
    pool = pool_of_kind(kind)
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).delenv("PYTEST_CURRENT_TEST")
        there, here = _started(stack, pool.env, tmp_path, arguments)
        assert _seen(here) == _seen(there)
        here.restart()
        there.restart()
        assert _seen(here, ASKED[:4]) == _seen(there, ASKED[:4])
        assert "without effect" not in here.logged()


def _started(
    stack: ExitStack, env: dict[str, str], logs: Path, arguments: tuple[str, ...]
) -> Iterator[LiveKernel]:
    for name in ("python3", "azure-session"):
        kernel = LiveKernel(env, logs / name, name, extra_arguments=list(arguments))
        stack.callback(kernel.stop)
        yield kernel.wait_until_heard().wait_until_ready()


def test_what_has_no_effect_in_a_session_is_named_once(
    pool_of_kind: PoolOfKind, tmp_path: Path
) -> None:
    arguments = [f"--ipython-dir={tmp_path}", "--IPKernelApp.exec_lines=a = 1", *NBCLIENTS]
    kernel = LiveKernel(pool_of_kind("oneshot").env, tmp_path / "log", extra_arguments=arguments)
    try:
        assert kernel.wait_until_heard().wait_until_ready().run("print(7)").text() == "7\n"
        said = [line for line in kernel.logged().splitlines() if "without effect" in line]
    finally:
        kernel.stop()
    assert said == [
        "without effect in a session: --AzureSessionKernelApp.ipython_dir",
        "without effect in a pool that runs whole programs: --IPKernelApp.exec_lines",
    ]
