"""The kinds of session pool that the local pool can play (docs/design.md 1 and 8)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ...azure_api.versions import API_VERSIONS

_SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
_POOL: Final = "/resourceGroups/local/sessionPools/{name}"

#: When a session is handed out: when ``GET /health`` gave 200, when it listens, or when it was
#: started. Azure adds no probe of its own (docs/azure.md 2.5) and hands out what does not listen.
Ready = Literal["health", "listening", "started"]


@dataclass(frozen=True)
class Builtin:
    """What a built-in pool is (docs/azure.md 0, 6).

    :ivar container_type: only ``PythonLTS`` runs code; the others are there to be told apart.
    :ivar api_versions: those that the pool supports.
    :ivar limit_s: the ceiling of one execution, in seconds (docs/azure.md 6.3).
    :ivar decode_names: names of files are decoded twice, as Microsoft's published proxy does.
    :ivar health_check_s: how often the proxy runs a line of its own in the kernel; 0: never.
    """

    container_type: str = "PythonLTS"
    api_versions: tuple[str, ...] = API_VERSIONS
    limit_s: float = 220.0
    decode_names: bool = False
    health_check_s: float = 0.0


@dataclass(frozen=True)
class OneShot:
    """A container that runs each execution in a fresh process (docs/azure.md 3.6, 7).

    :ivar program: ``piston``; ``adapter``, which is Piston and ``/python/execute`` in one; or
        ``sample``, Microsoft's plain one.
    :ivar habits: of ``habits.HABITS``, in place of ``adapter``'s own ways.
    :ivar limit_s: of one run. :ivar output_bytes: of each stream; ``sample`` has none.
    """

    program: str = "adapter"
    limit_s: float = 3.0
    output_bytes: int = 1024
    habits: tuple[str, ...] = ()


CONTAINER_TYPES: Final = ("PythonLTS", "NodeLTS", "Shell")
ONESHOT_PROGRAMS: Final = ("adapter", "piston", "sample")


@dataclass(frozen=True)
class Kind:
    """One kind of pool.

    :ivar command: what a session's container runs; its contract is in
        ``emulator/sessions/process.py``.
    :ivar path: what follows the host in the pool's management endpoint (docs/azure.md 0);
        ``{name}`` stands for the pool's name.
    :ivar builtin: the pool's front itself answers ``/session``, ``/listSessions`` and
        ``/metadata``, and asks for an ``api-version`` (docs/azure.md 0, the table of families).
    :ivar ready: what the pool waits for before it hands a session out.
    :ivar own_data: its command knows ``--mnt-data``: user code sees the session's folder there.
    """

    command: Sequence[str]
    path: str = ""
    builtin: Builtin | None = None
    ready: Ready = "health"
    own_data: bool = False


def _module(name: str) -> Sequence[str]:
    return (sys.executable, "-m", f"azure_session_kernel.{name}")


def interpreter(builtin: Builtin) -> Kind:
    """A built-in code interpreter: Azure's own data plane over an ipykernel (docs/azure.md 6)."""
    options = ("--container-type", builtin.container_type, "--execution-limit", builtin.limit_s)
    check = ("--health-check", builtin.health_check_s)
    names = ("--decode-names",) if builtin.decode_names else ()
    command = (*_module("emulator.kinds.interpreter"), *map(str, options + check), *names)
    return Kind(command, f"/subscriptions/{_SUBSCRIPTION}{_POOL}", builtin, own_data=True)


def oneshot(pool: OneShot) -> Kind:
    """Somebody else's container, which only runs whole programs."""
    limits = ("--run-limit", pool.limit_s, "--output-limit", pool.output_bytes)
    options = ("--program", pool.program, *map(str, limits))
    habits = (part for habit in pool.habits for part in ("--habit", habit))
    # Piston has no /health.
    ready: Ready = "listening" if pool.program == "piston" else "health"
    return Kind((*_module("emulator.kinds.oneshot"), *options, *habits), ready=ready, own_data=True)


KINDS: Final[Mapping[str, Kind]] = {
    # A custom container with our adapter, started as a container image would start it.
    "container": Kind(_module("container"), own_data=True),
    "interpreter": interpreter(Builtin()),
    "oneshot": oneshot(OneShot()),
}
