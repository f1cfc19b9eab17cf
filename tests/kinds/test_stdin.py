"""``%%stdin`` on every kind of pool, with lines in the cell and with a file beside the notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..conftest import PoolOfKind
from ..kernel.live_kernel import Cell, LiveKernel

#: The kernel of a kind, in the folder of this module's notebook.
KernelOfKind = Callable[[str], LiveKernel]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "answers.txt").write_text("Zo\u00eb\n36\n")
    (folder / "latin.txt").write_bytes("Zo\u00eb".encode("latin-1"))
    (folder / "long.txt").write_text("x" * 600_000)
    return folder


@pytest.fixture(scope="module")
def kernel_of_kind(
    pool_of_kind: PoolOfKind, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KernelOfKind]:
    logs = tmp_path_factory.mktemp("logs")
    kernels: dict[str, LiveKernel] = {}
    with ExitStack() as stack:

        def of_kind(kind: str) -> LiveKernel:
            if kind not in kernels:
                env = pool_of_kind(kind).env
                kernels[kind] = LiveKernel(env, logs / f"{kind}.log", cwd=str(folder))
                stack.callback(kernels[kind].stop)
                kernels[kind].wait_until_ready()
            return kernels[kind]

        yield of_kind


def shown(cell: Cell) -> str:
    return "\n".join(c["data"]["text/plain"] for c in cell.of_type("display_data"))


@pytest.mark.parametrize(
    "given", ["%%stdin answers.txt", "%%stdin\nZo\u00eb\n36\n%%code"], ids=["file", "lines"]
)
def test_a_one_shot_cell_reads_what_is_given(kernel_of_kind: KernelOfKind, given: str) -> None:
    cell = kernel_of_kind("oneshot").run(f"{given}\n(input(), int(input()))")
    assert cell.result == "('Zo\u00eb', 36)"


@pytest.mark.parametrize(
    ("file", "ename", "said"),
    [
        ("nowhere.txt", "FileMissing", "nowhere.txt"),
        ("*.txt", "FileRefused", "means 3 files"),
        ("latin.txt", "FileRefused", "UTF-8"),
        ("long.txt", "FileTooLarge", "600000 bytes"),
        ("../answers.txt", "FileRefused", "answers.txt"),
    ],
)
def test_a_file_that_can_not_be_given_is_named_and_nothing_runs(
    kernel_of_kind: KernelOfKind, file: str, ename: str, said: str
) -> None:
    cell = kernel_of_kind("oneshot").run(f"%%stdin {file}\nprint('ran')")
    assert (cell.error["ename"], cell.text()) == (ename, "")
    assert said in cell.error["evalue"]


@pytest.mark.parametrize("allow_stdin", [True, False])
@pytest.mark.parametrize("kind", ["container", "interpreter"])
def test_where_cells_ask_they_are_answered_from_what_is_given(
    kernel_of_kind: KernelOfKind, kind: str, allow_stdin: bool
) -> None:
    """Also where nobody can answer; and like a file, it has an end."""
    kernel = kernel_of_kind(kind)
    code = "%%stdin answers.txt\nimport getpass\n(input('Who? '), int(getpass.getpass('Age? ')))"
    cell = kernel.run(code, allow_stdin=allow_stdin)
    assert (cell.result, cell.text()) == ("('Zo\u00eb', 36)", "Who? ")
    short = kernel.run("%%stdin\n\n%%code\n[input(), input()]", allow_stdin=allow_stdin)
    assert short.error["ename"] == "EOFError"
    assert kernel.run("%%stdin\n%%code\ninput()").error["ename"] == "EOFError"
    assert not allow_stdin or kernel.kc.stdin_channel.msg_ready() is False
