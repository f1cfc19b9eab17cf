"""The example notebooks on a one-shot pool: a cell shows what it shows elsewhere, or why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pytest

from ..test_notebooks import (
    DIFFERS,
    Output,
    Outputs,
    _person,
    _text,
    pool_env,  # noqa: F401 - a fixture
)

KIND = "oneshot"

NOTHING_KEPT: Final = "keeps no variables between cells"
TEXT_ONLY: Final = "returns text"
NO_MAGICS: Final = "IPython's magics"
NO_FILES: Final = "has no files that a notebook could use"
NO_WIDGETS: Final = "Widgets need a Python that lives on"

#: By notebook and the cell's id: what the cell says instead.
SAYS: Final[Mapping[str, Mapping[str, str]]] = {
    "quickstart.ipynb": {
        "state-use": NOTHING_KEPT,
        "after-error": NOTHING_KEPT,
        "magic": NO_MAGICS,
    },
    "input.ipynb": {},
    "rich_output.ipynb": {
        "latex": TEXT_ONLY,
        "plot": TEXT_ONLY,
        "update-make": TEXT_ONLY,
        "update-use": NOTHING_KEPT,
        "clear": NOTHING_KEPT,
    },
    "long_running.ipynb": {
        "progress": "ended it at a limit",
        "interrupt": NOTHING_KEPT,
        "after-interrupt": NOTHING_KEPT,
    },
    "widgets.ipynb": {
        "slider-make": NO_WIDGETS,
        "slider-read": NOTHING_KEPT,
        "react": NOTHING_KEPT,
        "interact": NOTHING_KEPT,
        "progress": NOTHING_KEPT,
        "tqdm": NOTHING_KEPT,
        "output": NOTHING_KEPT,
        "await": "await works in functions only",
    },
    "files.ipynb": {
        **dict.fromkeys(("list", "download"), NO_FILES),
        **dict.fromkeys(("upload", "again"), "There is no 'temperatures.csv' beside the notebook"),
        "read": "No such file or directory",
    },
}
#: Rich results are shown as their text.
AS_TEXT: Final = frozenset({"html", "svg", "repr", "picture"})
#: With cells that are interrupted, or magics of this kernel's own.
NOT_ELSEWHERE: Final = frozenset({"long_running.ipynb", "files.ipynb"})
#: What Python's getpass says on stderr where there is no terminal.
WARNS: Final = frozenset({"ask-password"})


async def _run(name: str, kernel_name: str) -> Outputs:
    person = _person(name, kernel_name)
    person.allow_errors = True
    return await person.run()


@pytest.mark.parametrize("name", SAYS)
async def test_each_cell_shows_what_it_can_or_says_why_not(
    pool_env: None,  # noqa: F811
    name: str,
) -> None:
    local = {} if name in NOT_ELSEWHERE else await _run(name, "python3")
    ours = await _run(name, "azure-session")
    for cell, outputs in ours.items():
        error = _plain(_error(outputs))
        if cell in SAYS[name]:
            assert SAYS[name][cell] in error, cell
        else:
            there = local.get(cell, [])
            assert bool(error) == bool(_error(there)), error
            _same_text(cell, outputs, there)


def _same_text(cell: str, ours: list[Output], local: list[Output]) -> None:
    if cell in DIFFERS | AS_TEXT | {"help"}:
        return
    if cell in WARNS:
        ours = [output for output in ours if output.get("name") != "stderr"]
    prompts = "".join(re.findall(r"(?:What|How|Type|Number|Input)[^?:]*[?:] ", _text(ours)))
    assert _text(ours).removeprefix(prompts) == _text(local), cell


def _error(outputs: list[Output]) -> str:
    return " ".join(line for output in outputs for line in output.get("traceback", ()))


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
