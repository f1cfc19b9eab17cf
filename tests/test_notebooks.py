"""The example notebooks, executed by nbclient through the kernel as a person would run them."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest

from azure_session_kernel.batch import SessionKernelManager
from azure_session_kernel.cli.try_.runner import AttentiveClient

from .conftest import PoolOfKind
from .kernel.live_kernel import PATIENT

KIND = "container"
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
#: The magics in files.ipynb are this kernel's own: tests/kernel/test_files_notebook.py. The widgets
#: of widgets.ipynb have a state that is compared, too: tests/compat/test_widgets_notebook.py.
ELSEWHERE = {"files.ipynb", "widgets.ipynb"}
SHOWN_BY_BOTH = sorted({path.name for path in NOTEBOOKS.glob("*.ipynb")} - ELSEWHERE)
ANSWERS = {"name": "Ada", "old": "36", "secret": "sesame", "Number 1": "20", "Number 2": "22"}
#: Where a cell's input is asked for before it runs, and nobody knows how many lines it reads.
ANSWERS |= {"line 1": "20", "line 2": "22", "line 3": ""}
#: Cells that print something else each time: times, folders, how far the loop came.
DIFFERS = frozenset({"where", "magic", "progress", "interrupt", "after-interrupt"})

Output = Mapping[str, Any]
#: By the cell's id.
Outputs = dict[str, list[Output]]


class Person(AttentiveClient):
    """Answers questions, and interrupts the cell with that tag in its third turn."""

    km: Any
    kc: Any

    async def run(self) -> Outputs:
        self.on_notebook_start = self._sit_down
        await self.async_execute()
        self._answering.cancel()
        return {cell.id: cell.outputs for cell in self.nb.cells if cell.cell_type == "code"}

    def _sit_down(self, notebook: Any) -> None:
        self.kc.allow_stdin = True
        self._answering = asyncio.ensure_future(self._answer())

    async def _answer(self) -> None:
        while True:
            question = await self.kc.stdin_channel.get_msg()
            prompt = question["content"]["prompt"]
            assert question["content"]["password"] == ("secret" in prompt)
            self.kc.input(next(answer for part, answer in ANSWERS.items() if part in prompt))

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        tagged = "interrupt" in cell.metadata.get("tags", ())
        # Its end may come as a message of its own.
        if tagged and "turn 3" in msg["content"].get("text", ""):
            self._interrupting = asyncio.ensure_future(self.km.interrupt_kernel())
        return super().process_message(msg, cell, cell_index)


def _person(name: str, kernel_name: str, **options: Any) -> Person:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)  # type: ignore[no-untyped-call]
    return Person(notebook, kernel_name=kernel_name, **options, **PATIENT)


async def _run_here_and_there(name: str) -> tuple[Outputs, Outputs, Outputs]:
    """In a local ipykernel; through the session pool, by a kernel process and by none."""
    here, there = (_person(name, kernel_name) for kernel_name in ("python3", "azure-session"))
    within = _person(name, "azure-session", kernel_manager_class=SessionKernelManager)
    local, ours, without_process = await asyncio.gather(here.run(), there.run(), within.run())
    return local, ours, without_process


@pytest.fixture
def pool_env(
    request: pytest.FixtureRequest,
    pool_of_kind: PoolOfKind,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """nbclient's kernels inherit this process's environment and folder: some write files."""
    monkeypatch.chdir(tmp_path)
    for name, value in pool_of_kind(request.module.KIND).env.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", SHOWN_BY_BOTH)
async def test_a_notebook_shows_what_it_shows_in_ipykernel_and_nothing_else(
    pool_env: None, name: str
) -> None:
    local, *both = await _run_here_and_there(name)
    for ours in both:
        assert ours.keys() == local.keys()
        for cell, outputs in ours.items():
            assert _kinds(outputs) == _kinds(local[cell]), cell
            if cell not in DIFFERS:
                assert _text(outputs) == _text(local[cell]), cell
        CHECKS[name](ours)


def _check_quickstart(ours: Outputs) -> None:
    assert ours["first-value"][0]["data"]["text/plain"] == "2"
    assert _text(ours["state-use"]) == "4 fruits: apple, banana, cherry, date\n"
    assert _text(ours["live"]) == "".join(f"step {n} of 5\n" for n in range(1, 6))
    (error,) = ours["error"]
    assert error["ename"] == "ZeroDivisionError"
    assert "cake_g / guests" in _plain("\n".join(error["traceback"]))
    assert "per loop" in _text(ours["magic"])
    assert ours["picture"][0]["data"]["image/svg+xml"].count("<polyline") == 2


def _check_input(ours: Outputs) -> None:
    assert _text(ours["ask-name"]) == "Hello, Ada!\n"
    assert _text(ours["ask-number"]) == "Next year you will be 37\n"
    assert _text(ours["ask-password"]) == "Your secret word has 6 letters\n"
    assert _text(ours["ask-twice"]) == "Sum: 42\n"


def _check_long_running(ours: Outputs) -> None:
    assert "100%" in _text(ours["progress"])
    assert "20/20" in _text(ours["progress"])
    error = ours["interrupt"][-1]
    assert error["ename"] == "KeyboardInterrupt"
    turns = re.findall(r"turn (\d+)", _text(ours["interrupt"]))
    assert turns == [str(n) for n in range(1, len(turns) + 1)]
    assert _text(ours["after-interrupt"]) == f"The loop was stopped in turn {turns[-1]}\n"


def _check_rich_output(ours: Outputs) -> None:
    assert "<table>" in ours["html"][0]["data"]["text/html"]
    assert "<svg" in ours["svg"][0]["data"]["image/svg+xml"]
    assert [sorted(o["data"])[0] for o in ours["latex"]] == ["text/latex", "text/markdown"]
    assert "color: green" in ours["repr"][0]["data"]["text/html"]
    _check_png(ours["plot"])
    # nbclient keeps the latest of what was updated.
    assert ours["update-make"][0]["data"]["text/plain"] == "'Lift-off!'"
    assert _text(ours["clear"]) == "100 % done\n"
    assert ours["colour-error"][0]["ename"] == "KeyError"


def _check_grading(ours: Outputs) -> None:
    points = re.findall(r"^(\w+) +(\d) of 3  (.*)$", _text(ours["grade"]), re.MULTILINE)
    assert points == [
        ("ada", "3", ""),
        ("bob", "2", "AssertionError"),
        ("eve", "0", "ended by itself"),
        ("max", "0", "took too long"),
    ]
    assert _text(ours["table"]).split() == ["student,points", "ada,3", "bob,2", "eve,0", "max,0"]


CHECKS = {
    "grading.ipynb": _check_grading,
    "quickstart.ipynb": _check_quickstart,
    "input.ipynb": _check_input,
    "long_running.ipynb": _check_long_running,
    "rich_output.ipynb": _check_rich_output,
}


def _check_png(outputs: list[Output]) -> None:
    (picture,) = [o for o in outputs if "image/png" in o.get("data", {})]
    assert base64.b64decode(picture["data"]["image/png"]).startswith(b"\x89PNG")


def _kinds(outputs: list[Output]) -> list[tuple[str, str, tuple[str, ...]]]:
    """What is shown, without how often a stream was flushed."""
    kinds: list[tuple[str, str, tuple[str, ...]]] = []
    for output in outputs:
        name = output.get("name", output.get("ename", ""))
        kind = (output["output_type"], name, tuple(sorted(output.get("data", ()))))
        if kind not in kinds[-1:]:
            kinds.append(kind)
    return kinds


def _text(outputs: list[Output]) -> str:
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
