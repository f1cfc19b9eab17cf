"""A played Azure for each test, and the command as it is typed, with a clock of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from azure_session_kernel.azure_setup.arm import Arm
from azure_session_kernel.causes.evidence import Evidence
from azure_session_kernel.cli import setup, setup_kernel
from azure_session_kernel.cli.main import main
from azure_session_kernel.doctor.report.result import OK, Report, Result
from azure_session_kernel.doctor.state import Options
from azure_session_kernel.pool.credentials import FixedToken

from .played import SUBSCRIPTION, PlayedArm, playing, token

ROOT = Path(__file__).parents[2]
GROUP = "course"
WHERE = ("--subscription", SUBSCRIPTION, "--resource-group", GROUP, "--region", "westeurope")
HEALTHY = Report((Result("execution", OK, ""),), (), Evidence(), "adapter")


@dataclass
class VirtualClock:
    """Its seconds pass at once. :ivar slept_s: of each wait."""

    seconds: float = 0.0
    slept_s: list[float] = field(default_factory=list)

    def now_s(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.seconds += max(seconds, 0.1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def azure(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedArm]:
    """What the command talks to instead of management.azure.com."""
    with playing(PlayedArm()) as played:
        tokens = FixedToken(token())
        monkeypatch.setattr(setup, "connect", lambda: Arm(tokens, clock, played.origin))
        yield played


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small copy of the repository, as far as a build takes it."""
    root = tmp_path / "source"
    for name in ("deploy/course/requirements.txt", "deploy/Dockerfile", ".dockerignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The endpoints that doctor was shown; it finds them healthy."""
    seen: list[str] = []

    async def examine(options: Options, environ: object) -> Report:
        seen.append(options.endpoint)
        return HEALTHY

    monkeypatch.setattr(setup_kernel, "examine", examine)
    return seen


Typed = Callable[..., int]


@pytest.fixture
def setup_typed(
    azure: PlayedArm,
    source: Path,
    looked_at: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Typed:
    """``azure-session-kernel setup`` for custom containers, with these further options."""
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))

    def typed(*options: str) -> int:
        kind = () if "--kind" in options else ("--kind", "custom")
        return main(["setup", *WHERE, *kind, "--source", str(source), *options])

    return typed
