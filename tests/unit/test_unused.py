"""What the programs of this project do not import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from azure_session_kernel.common.unused import Unopened, leave_out_unused, leave_unopened

UNUSED = ("httpx._main", "rich", "rfc3987_syntax")


def _imported_by(code: str) -> set[str]:
    """Those of ``UNUSED`` that a process has imported when it has run ``code``."""
    show = f"import sys; print([name for name in {UNUSED} if sys.modules.get(name)])"
    program = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    )
    return set(UNUSED) & set(program.stdout.split("'"))


@pytest.mark.parametrize(
    "code",
    [
        "import azure_session_kernel.__main__, httpx",
        "import azure_session_kernel.cli.main as cli\n"
        "try: cli.main(['sessions', '--help'])\nexcept SystemExit: pass\n"
        "import httpx, nbformat",
    ],
    ids=["kernel", "command line"],
)
def test_a_program_of_ours_imports_nothing_that_it_does_not_use(code: str) -> None:
    assert _imported_by(code) == set()


def test_a_kernel_that_needs_no_proxy_imports_no_httpx() -> None:
    """Whatever it does: all modules of its rooms, and a request."""
    code = """
import asyncio, pkgutil, sys
from importlib import import_module

for room in ("kernel", "session", "transfer", "executors", "pool"):
    package = import_module(f"azure_session_kernel.{room}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".through_httpx"):
            import_module(module.name)

from azure_session_kernel.common.errors import PoolUnreachable
from azure_session_kernel.pool.client import PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint

async def ask():
    client = PoolClient(parse_endpoint("http://127.0.0.1:1"), FixedToken("t"), "someone")
    try:
        await client.request("GET", "/")
    except PoolUnreachable:
        print("asked")

asyncio.run(ask())
print({"httpx", "httpcore", "h11", "anyio"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["asked", "set()", ""]


def test_the_interpreter_in_a_session_is_left_as_it_is() -> None:
    code = (
        "import sys\nimport azure_session_kernel.container.interpreter\n"
        f"assert not set({UNUSED}) & set(sys.modules)"
    )
    assert _imported_by(code) == set()


def test_what_is_imported_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx._main", sys)
    leave_out_unused()
    assert sys.modules["httpx._main"] is sys


@pytest.fixture
def unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package whose ``__init__`` imports what nobody has asked for, and needs itself for it."""
    folder = tmp_path / "unopened_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from .whole import late\nown = 1\n"
        "def __getattr__(name):\n    if name == 'asked':\n        return 'for'\n"
        "    raise AttributeError(name)\n"
    )
    (folder / "part.py").write_text("value = 2\n")
    (folder / "whole.py").write_text("import unopened_package\nlate = unopened_package.__name__\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    leave_unopened("unopened_package", "unopened_package_that_is_not_there")
    yield sys.modules["unopened_package"]
    for name in [name for name in sys.modules if name.startswith("unopened_package")]:
        del sys.modules[name]


def test_a_module_of_an_unopened_package_is_imported_alone(unopened: ModuleType) -> None:
    assert import_module("unopened_package.part").value == 2
    assert isinstance(unopened, Unopened)
    assert "unopened_package.whole" not in sys.modules
    assert "unopened_package_that_is_not_there" not in sys.modules


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from unopened_package import own as found", 1),
        ("import unopened_package; found = unopened_package.late", "unopened_package"),
        ("from unopened_package import *; found = own", 1),
        ("import unopened_package; found = unopened_package.asked", "for"),
        ("import unopened_package.part; found = unopened_package.part.value", 2),
    ],
)
def test_an_unopened_package_has_all_that_it_has(
    unopened: ModuleType, code: str, found: object
) -> None:
    names: dict[str, object] = {}
    exec(code, names)
    assert names["found"] == found
    with pytest.raises(AttributeError):
        _ = unopened.not_there
    assert not isinstance(unopened, Unopened)


def test_what_can_not_be_opened_is_tried_again(unopened: ModuleType, tmp_path: Path) -> None:
    broken = tmp_path / "unopened_package" / "whole.py"
    text = broken.read_text()
    broken.write_text("raise ImportError('broken')\n")
    with pytest.raises(ImportError, match="broken"):
        _ = unopened.late
    broken.write_text(text + "# longer than before\n")
    assert unopened.late == "unopened_package"
