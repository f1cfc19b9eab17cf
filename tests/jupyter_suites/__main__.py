"""Run Jupyter's own suites with this kernel as ``python3``.

    python -m tests.jupyter_suites [nbclient ipykernel …] [-- arguments for pytest]

Gets the source distributions that ``suites.py`` pins with pip, and what their tests import into an
environment on top of this one; starts a local pool; runs the files that start kernels. Exit code 1
when a test fails that is not left out there, with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .suites import SUITES, Suite

_SPEC = Path(__file__).parents[2] / "kernelspec"
_POOL = "from azure_session_kernel.cli.main import main; raise SystemExit(main())"
_NOT_INHERITED = ("AZURE_", "JPY_", "JUPYTER_", "PYTEST_")


def main() -> int:
    own, rest = _split(sys.argv[1:])
    parser = argparse.ArgumentParser(
        prog="python -m tests.jupyter_suites", description=__doc__.splitlines()[0]
    )
    names = [suite.project for suite in SUITES]
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(names)}; default: all")
    chosen = parser.parse_args(own).suites or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no such suite: {', '.join(unknown)}")
    # Short, for the sake of unix sockets.
    with tempfile.TemporaryDirectory(prefix="js-", ignore_cleanup_errors=True) as directory:
        return run([suite for suite in SUITES if suite.project in chosen], rest, Path(directory))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def run(suites: list[Suite], pytest_arguments: list[str], root: Path) -> int:
    python = environment(root / "venv", sorted({name for suite in suites for name in suite.needs}))
    env = surroundings(root)
    with local_pool(python, env):
        results = {
            suite.project: tested(suite, python, env, root, pytest_arguments) for suite in suites
        }
    for project, code in results.items():
        print(f"{project}: {'passed' if code == 0 else f'FAILED ({code})'}")
    return int(any(results.values()))


def environment(folder: Path, packages: list[str]) -> str:
    """The python of an environment that sees this one's packages, and has ``packages`` too."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = str(folder / scripts / "python")
    ours = sysconfig.get_path("purelib")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    theirs = subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    line = f"import site; site.addsitedir({ours!r})\n"
    (Path(theirs.stdout.strip()) / "this_environment.pth").write_text(line)
    if packages:
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python


def surroundings(root: Path) -> dict[str, str]:
    """Environment variables with Jupyter directories in ``root`` and our kernel as ``python3``."""
    path = root / "path"
    spec = path / "kernels" / "python3"
    shutil.copytree(_SPEC, spec)
    described = json.loads((spec / "kernel.json").read_text())
    # Some suites give each test Jupyter directories of its own: the pool is found all the same.
    described["env"] = {
        "AZURE_SESSION_POOL_ENDPOINT": "local",
        "JUPYTER_DATA_DIR": str(root / "data"),
    }
    (spec / "kernel.json").write_text(json.dumps(described))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
    return {
        **inherited,
        **described["env"],
        "JUPYTER_PATH": str(path),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "IPYTHONDIR": str(root / "ipython"),
    }


@contextmanager
def local_pool(python: str, env: dict[str, str]) -> Iterator[None]:
    arguments = ("--port", "0", "--ready-sessions", "2", "--max-sessions", "40")
    pool = subprocess.Popen(
        [python, "-c", _POOL, "pool", *arguments], env=env, stdout=subprocess.PIPE, text=True
    )
    assert pool.stdout is not None
    try:
        if not pool.stdout.readline():
            raise SystemExit("the local pool did not start")
        yield
    finally:
        pool.terminate()
        pool.wait(60)
        pool.stdout.close()


def tested(suite: Suite, python: str, env: dict[str, str], root: Path, arguments: list[str]) -> int:
    print(f"== {suite.project} {suite.version}", flush=True)
    folder = source(suite, python, root)
    for (name, line), (instead, _) in suite.changed.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(line) == 1, f"{name} has changed: {line}"
        (folder / name).write_text(text.replace(line, instead), encoding="utf-8")
    left_out = [argument for test in suite.left_out for argument in ("--deselect", test)]
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # Generous: machines may be busy.
    command += ["--timeout", "300", "-o", "asyncio_default_fixture_loop_scope=function"]
    command += [*suite.files, *left_out, *arguments]
    env = {**env, **suite.settings}
    return subprocess.run(command, cwd=folder, env=env, check=False).returncode


def source(suite: Suite, python: str, root: Path) -> Path:
    """Where the source distribution lies, unpacked."""
    command = [python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", suite.project]
    folder = root / suite.project
    wanted = f"{suite.project}=={suite.version}"
    subprocess.run([*command, "-d", folder, wanted], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


if __name__ == "__main__":
    raise SystemExit(main())
