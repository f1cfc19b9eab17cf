"""What a file keeps on its way there and back: its name, its executable bit, its time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.transfer.quoting import quoted

from ..conftest import PoolOfKind, RunningPool
from .conftest import StartKernel
from .live_kernel import LiveKernel

#: Nanoseconds since 1970.
OLD, NEW = 1_000_000_000_123_456_789, 1_500_000_000_987_654_321


@pytest.fixture(params=["container", "interpreter"])
def kernel(
    request: pytest.FixtureRequest,
    pool_of_kind: PoolOfKind,
    start_kernel: StartKernel,
    tmp_path: Path,
) -> LiveKernel:
    return start_kernel(pool_of_kind(request.param).env, cwd=str(tmp_path))


def make(path: Path, content: str, mode: int, mtime_ns: int) -> Path:
    path.write_text(content)
    path.chmod(mode)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def kept(path: Path) -> tuple[str, bool, int]:
    return path.read_text(), os.access(path, os.X_OK), path.stat().st_mtime_ns


def there(kernel: LiveKernel, name: str) -> Any:
    """The same of a file in the session, and its mode."""
    code = f"import os; p = {name!r}; s = os.stat(p); m = s.st_mode & 0o7777"
    told = kernel.run(f"{code}\nprint([open(p).read(), bool(m & 0o100), s.st_mtime_ns, m])").text()
    *known, mode = json.loads(told.replace("'", '"').replace("T", "t").replace("F", "f"))
    return tuple(known), mode


def test_a_program_stays_one_and_times_stay(kernel: LiveKernel, tmp_path: Path) -> None:
    program = make(tmp_path / "run it.sh", "echo ran", 0o6777, OLD)
    assert kernel.run("%upload *.sh").status == "ok"
    known, mode = there(kernel, "run it.sh")
    assert known == ("echo ran", True, OLD)
    assert mode == int(kernel.run("m = os.umask(0); os.umask(m); print(0o777 & ~m)").text())
    assert kernel.run("!'./run it.sh'").text().strip() == "ran"

    make(program, "echo new", 0o644, NEW)
    assert kernel.run("%upload *.sh").status == "ok"
    assert there(kernel, "run it.sh")[0] == ("echo new", True, NEW)
    assert kernel.run("open('plain', 'w').close(); os.utime('plain', ns=(5, 7))").status == "ok"
    assert kernel.run("%download *.sh plain --to back").status == "ok"
    assert kept(tmp_path / "back" / "run it.sh") == ("echo new", True, NEW)
    assert kept(tmp_path / "back" / "plain") == ("", False, 7)


def test_what_replaces_a_program_is_one(kernel: LiveKernel, tmp_path: Path) -> None:
    program = make(tmp_path / "run", "old", 0o644, OLD)
    assert kernel.run("%upload run\nimport os").status == "ok"
    assert there(kernel, "run")[0] == ("old", False, OLD)
    program.chmod(0o755)  # and nothing else
    assert kernel.run("%upload run").status == "ok"
    assert there(kernel, "run")[0] == ("old", True, OLD)
    assert kernel.run("open('run', 'w').write('new'); os.chmod('run', 0o644)").status == "ok"
    assert kernel.run("%download run --force").status == "ok"
    assert kept(program)[:2] == ("new", True)


def test_the_files_before_the_first_cell_keep_theirs(
    local_pool: RunningPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    make(tmp_path / "run me.sh", "echo ran", 0o700, OLD)
    env = {**local_pool.env, "AZURE_SESSION_UPLOAD": "'run me.sh'"}
    kernel = start_kernel(env, cwd=str(tmp_path))
    assert there(kernel, "run me.sh")[0] == ("echo ran", True, OLD)


def test_a_file_of_any_name_comes_back(
    local_pool: RunningPool, start_kernel: StartKernel, tmp_path: Path
) -> None:
    names = ["results[final].csv", 'quote\'d "x".csv', "~x.csv", "a*b?.csv", "-r", "back\\slash"]
    names += [" tab\tand\nline ", "x\udcff.csv", "\u202e\u00e9 \U0001f422", "#", "$'x'"]
    for name in names:
        make(tmp_path / name, "text", 0o755, OLD)
    kernel = start_kernel(local_pool.env, cwd=str(tmp_path))
    line = " ".join(map(quoted, names))
    assert kernel.run(f"%upload {line}").status == "ok"
    listed = kernel.run("import os; print(sorted(n for n in os.listdir() if n[0] != '.'))").text()
    assert listed == f"{sorted(names)}\n"
    more = "for n in os.listdir():\n  if n[0] != '.': open(n, 'a').write(' more')"
    assert kernel.run(more).status == "ok"
    cell = kernel.run(f"%download --force {line}")
    assert cell.status == "ok", cell.error_text
    for name in names:
        content, executable, mtime_ns = kept(tmp_path / name)
        assert (content, executable) == ("text more", True)
        assert mtime_ns > OLD
