"""What is installed for a role is all that its programs import: no extra brings what another needs.

Nothing is installed or started here: import statements are read, those within functions included.
"""

from __future__ import annotations

import ast
import importlib.metadata as metadata
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import azure_session_kernel

OURS: Final = "azure_session_kernel"
ROOT: Final = Path(azure_session_kernel.__file__).parent
#: By extra ("" is what comes without any): the modules that are started or imported by their name.
ENTRIES: Final[Mapping[str, tuple[str, ...]]] = {
    "": (
        *("__main__", "session.finisher"),
        *("cli.main", "cli.install", "cli.sessions", "cli.doctor", "cli.logs"),
    ),
    "adapter": ("adapter.__main__", "container.interpreter", "interpreter.install"),
    "pool": ("cli.pool", "emulator.kinds.interpreter.__main__", "emulator.kinds.oneshot.__main__"),
    "try": ("cli.try_.command",),
    "batch": ("batch", "cli.run"),
}
#: Works without: then doctor's table has no colours, and no pool has faults.
OPTIONAL: Final = {
    ("doctor.report.screen", "rich"),
    ("cli.laboratory", "azure_session_laboratory"),
}


@cache
def statements(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """What ``module`` imports whenever: our modules, without our name, and others' by their top."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    ours, others = set(), set()
    for node in _executed(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            parts = package.split(".") if package else []
            base = [*parts[: len(parts) - node.level + 1], *filter(None, [node.module])]
            ours.add(".".join(base))
            ours |= {name for a in node.names if _is_ours(name := ".".join([*base, a.name]))}
        elif isinstance(node, ast.ImportFrom):
            others.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.partition(".")[0] for alias in node.names}
    return frozenset(ours), frozenset(others)


def _is_ours(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not checking:
            yield node
            yield from _executed(node)


def imported(entries: tuple[str, ...]) -> set[tuple[str, str]]:
    """(our module, what it imports of others), over all of ours that ``entries`` lead to."""
    seen: set[str] = set()
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            ours, _ = statements(module)
            waiting += [*ours, *([module.rpartition(".")[0]] if "." in module else [""])]
    return {(module, other) for module in seen for other in statements(module)[1]}


@cache
def distributions() -> Mapping[str, list[str]]:
    """Of a top module's name. Python 3.10's ``packages_distributions`` knows a few of them only."""
    found: dict[str, list[str]] = {}
    for one in metadata.distributions():
        for name in set(
            re.findall(r"^(\w+)[\w.-]*[/,]", one.read_text("RECORD") or "", re.MULTILINE)
        ):
            found.setdefault(name, []).append(one.metadata["Name"])
    return found


def installed(extra: str) -> set[str]:
    """Every distribution that comes with ours and ``extra``, by metadata."""
    found: set[tuple[str, str]] = set()
    waiting = [("azure-session-kernel", ""), ("azure-session-kernel", extra)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in found:
            continue
        found.add((name, wanted))
        try:
            requirements = map(Requirement, metadata.requires(name) or ())
        except metadata.PackageNotFoundError:
            continue  # of another platform
        for one in requirements:
            if one.marker is None or one.marker.evaluate({"extra": wanted}):
                further = canonicalize_name(one.name)
                waiting += [(further, needed) for needed in ("", *one.extras)]
    return {name for name, _ in found}


@pytest.mark.parametrize("extra", ENTRIES)
def test_a_role_imports_only_what_its_extra_brings(extra: str) -> None:
    brought, home = installed(extra), distributions()
    missing = {
        (module, other)
        for module, other in imported(ENTRIES[extra]) - OPTIONAL
        if other not in sys.stdlib_module_names | {OURS}
        and not brought & {canonicalize_name(name) for name in home.get(other, ())}
    }
    assert missing == set()


def test_the_image_of_deploy_has_all_that_the_adapter_imports() -> None:
    """What is not in its lock file is not in the adapter's environment."""
    lock = (ROOT.parent / "deploy/packages/adapter.lock").read_text(encoding="utf-8")
    locked = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    outside = {other for _, other in imported(("adapter.__main__",))}
    needed = {name: distributions()[name] for name in outside - sys.stdlib_module_names - {OURS}}
    assert {"msgspec", "starlette", "uvicorn"} <= set(needed)
    assert [n for n, of in needed.items() if not locked & set(map(canonicalize_name, of))] == []


def test_a_container_needs_no_plots_and_no_notebooks() -> None:
    heavy = {"matplotlib", "numpy", "ipywidgets", "nbclient", "nbformat", "rich"}
    assert not installed("pool") & heavy
    assert installed("try") & heavy == {"nbclient", "nbformat", "rich"}
    assert heavy <= installed("local")


@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (["azure_session_kernel.container"], "uvicorn", "[adapter]"),
        (["azure_session_kernel.cli.main", "pool"], "psutil", "[pool]"),
        (["azure_session_kernel.cli.main", "try"], "nbclient", "[try]"),
        (["azure_session_kernel.cli.main", "doctor"], "httpx", ""),
    ],
)
def test_what_is_missing_is_named_with_the_extra_of_the_role(
    arguments: list[str], missing: str, extra: str
) -> None:
    module, *typed = arguments
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = {typed}\n"
        f"from {module} import main; sys.exit(main())"
    ).replace("container import", "container.__main__ import")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    said, how = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert f"the package {missing!r}, which is not installed" in said
    assert how.replace("'", "").endswith(f"-m pip install azure-session-kernel{extra}")
