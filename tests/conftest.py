"""What all tests share: an environment of their own, and local pools."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import hypothesis
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from xdist.remote import Producer  # type: ignore[import-untyped,unused-ignore]
from xdist.scheduler.loadfile import (  # type: ignore[import-untyped,unused-ignore]
    LoadFileScheduling,
)

from azure_session_kernel.common.unused import leave_out_unused
from azure_session_kernel.container.data_folder import can_make_own
from azure_session_kernel.pool.local_record import LocalPool

from .ports import use_own_ports

POOL_COMMAND = (
    sys.executable,
    "-c",
    "from azure_session_kernel.cli.main import main; raise SystemExit(main())",
    "pool",
)
STOPS_WITHIN_S = 60.0
#: For clients of pools on this machine: reading the CA store takes some 20 ms each time.
NO_TLS = ssl.create_default_context()
JUPYTER_DIRS = ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
_NOT_INHERITED = re.compile(r"AZURE_|POOL_MANAGEMENT_ENDPOINT$|JPY_|IDENTITY_|MSI_")


#: Files that share what takes long to start with another file, so run in the same process.
TOGETHER = {
    "tests/browser/test_debugger.py": "tests/browser/test_jupyterlab.py",
    "tests/browser/test_full_pool.py": "tests/browser/test_jupyterlab.py",
    "tests/browser/test_kernel_status.py": "tests/browser/test_jupyterlab.py",
    "tests/browser/test_widgets.py": "tests/browser/test_jupyterlab.py",
    "tests/browser/test_oneshot.py": "tests/browser/test_interpreter.py",
}


#: What takes longest begins first, so that no process is left with it at the end.
FIRST = (
    "tests/browser/test_jupyterlab.py",
    "tests/browser/",
    "tests/laboratory/",
    "tests/test_",
    "tests/kernel/",
    "tests/reliability/",
    "tests/compat/",
    "tests/kinds/",
    "tests/interpreter/",
)


#: What ``pytest -m fast`` runs: rooms that mostly need no process, and Jupyter's own questions to a
#: real kernel in a real local pool. No other file is even imported.
FAST = (
    "tests/unit/",
    "tests/transfer/",
    "tests/doctor/",
    "tests/kernel/magics/",
    "tests/kernel/test_input.py",
    "tests/kernel/test_jupyter_kernel_test.py",
)
ROOT = Path(__file__).parents[1]


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]
    """The tests of a file, and of files that are ``TOGETHER``, run one by one in one process."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return TOGETHER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    return FileScheduling(config, log)


def pytest_configure() -> None:
    # Else each of some thousand processes would compile this project's modules again, and each
    # worker its tests.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    leave_out_unused()
    use_own_ports()
    # How long something takes is no truth about it: the machine may be slow.
    hypothesis.settings.register_profile(
        "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("any machine")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    is_left_out = collection_path.suffix == ".py" and not _is_fast(collection_path)
    return True if config.option.markexpr == "fast" and is_left_out else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)  # stable
    for item in items:
        if _is_fast(item.path):
            item.add_marker("fast")


def _is_fast(path: Path) -> bool:
    return path.is_relative_to(ROOT) and path.relative_to(ROOT).as_posix().startswith(FAST)


def _turn(item: pytest.Item) -> int:
    return next((n for n, begin in enumerate(FIRST) if item.nodeid.startswith(begin)), len(FIRST))


@pytest.fixture(scope="session", autouse=True)
def isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """No test reads or writes this user's Jupyter directories, or meets a setting of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if _NOT_INHERITED.match(name)]:
            patch.delenv(name)
        directories = _jupyter_dirs(tmp_path_factory.mktemp("jupyter"))
        for name, directory in directories.items():
            patch.setenv(name, directory)
        # What comes after a loss is looked at on the same kernel (tests/kernel/test_death.py has
        # the default).
        patch.setenv("AZURE_SESSION_ON_DEATH", "restart")
        yield directories


def _jupyter_dirs(root: Path) -> dict[str, str]:
    directories = {name: root / name.lower() for name in JUPYTER_DIRS}
    for directory in directories.values():
        directory.mkdir(mode=0o700)
    return {name: str(directory) for name, directory in directories.items()}


TEMPLATE = "azure_session_kernel.emulator.sessions.template_program"


@dataclass
class RunningPool:
    """A local pool in a process of its own, as a user would run it.

    :ivar env: what a kernel needs in its environment to use this pool.
    :ivar temporary: the directory below which all its sessions have their homes.
    """

    process: subprocess.Popen[str]
    env: dict[str, str]
    temporary: Path
    log: Path
    printed: str = ""
    record: LocalPool = field(init=False)

    @property
    def url(self) -> str:
        return self.record.url

    @property
    def token(self) -> str:
        return self.record.token

    @property
    def record_path(self) -> Path:
        return Path(self.env["JUPYTER_DATA_DIR"]) / "azure-session-kernel" / "local-pool.json"

    def client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=100, verify=NO_TLS)

    def session_processes(self) -> list[psutil.Process]:
        """Every living process of its sessions, whatever became of its parents.

        Also what they are forked from, once the pool has ended.
        """
        return [p for p in psutil.process_iter() if self._is_session(p)]

    def _is_session(self, process: psutil.Process) -> bool:
        try:
            if process.ppid() == self.process.pid and TEMPLATE in process.cmdline():
                return False
            # A zombie's environment can't be read.
            return str(process.environ().get("HOME")).startswith(str(self.temporary))
        except (psutil.Error, OSError):
            return False

    def stop(self) -> int:
        """SIGTERM, as a service manager does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOPS_WITHIN_S)


StartPool = Callable[..., RunningPool]


@contextmanager
def _running_pool(arguments: tuple[str, ...], dirs: dict[str, str]) -> Iterator[RunningPool]:
    """Also checks that it ends in time and leaves no session behind."""
    # Not pytest's directory: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="ask-") as temporary:
        pool = _start_pool(arguments, dirs, Path(temporary))
        try:
            yield pool
            if pool.process.poll() is None:
                assert pool.stop() == 0, pool.log.read_text()
            assert not pool.session_processes()
        finally:
            pool.process.kill()
            pool.process.wait()
            for process in pool.session_processes():
                process.kill()


def _start_pool(arguments: tuple[str, ...], dirs: dict[str, str], temporary: Path) -> RunningPool:
    log = Path(dirs["JUPYTER_DATA_DIR"]) / f"{temporary.name}.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*POOL_COMMAND, "--port", "0", *arguments],
            env={**os.environ, **dirs, "TMPDIR": str(temporary), "TMP": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    env = {**dirs, "AZURE_SESSION_POOL_ENDPOINT": "local"}
    pool = RunningPool(process, env, temporary, log)
    assert process.stdout is not None
    with process.stdout:
        # Its few lines come in one write.
        pool.printed = process.stdout.readline()
        assert pool.printed, log.read_text()
        pool.printed += "".join(process.stdout.readline() for _ in range(3))
    pool.record = LocalPool(**json.loads(pool.record_path.read_text()))
    return pool


@pytest.fixture(scope="session")
def local_pool(isolated_environment: dict[str, str]) -> Iterator[RunningPool]:
    """The pool that ``endpoint=local`` means in all tests."""
    arguments = ("--ready-sessions", "1", "--max-sessions", "20")
    with _running_pool(arguments, isolated_environment) as pool:
        yield pool


@pytest.fixture(scope="session")
def own_data() -> None:
    """Each session of a local pool has a ``/mnt/data`` of its own."""
    if not can_make_own():
        pytest.skip("this system allows no mount namespaces")


PoolOfKind = Callable[[str], RunningPool]


@pytest.fixture(scope="session")
def pool_of_kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PoolOfKind]:
    """The shared pool of each kind, started when it is first asked for; see ``pool --kind``."""
    pools: dict[str, RunningPool] = {}
    with ExitStack() as stack:

        def of_kind(kind: str) -> RunningPool:
            if kind == "container":
                pool: RunningPool = request.getfixturevalue("local_pool")
                return pool
            if kind not in pools:
                dirs = _jupyter_dirs(tmp_path_factory.mktemp(kind))
                arguments = ["--kind", kind, "--max-sessions", "20"]
                if kind == "oneshot":  # an import of matplotlib on busy cores takes longer than 3 s
                    arguments += ["--run-limit", "60"]
                pools[kind] = stack.enter_context(_running_pool(tuple(arguments), dirs))
            return pools[kind]

        yield of_kind


@pytest.fixture
def start_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPool]:
    """Starts pools with special options; each has Jupyter directories, so a record, of its own.

    No session is ready in them unless asked for: most serve one kernel, for a few seconds.
    """
    with ExitStack() as stack:

        def start(*arguments: str, env: dict[str, str] | None = None) -> RunningPool:
            dirs = env or _jupyter_dirs(tmp_path_factory.mktemp("pool"))
            dirs = {name: dirs[name] for name in JUPYTER_DIRS}
            none_ready = () if "--fault-scenario" in arguments else ("--ready-sessions", "0")
            return stack.enter_context(_running_pool((*none_ready, *arguments), dirs))

        yield start
