"""``azure-session-kernel pool``: a local session pool, until Ctrl-C."""

from __future__ import annotations

import argparse
import difflib
import ipaddress
import signal
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..azure_api.versions import API_VERSIONS
from ..common.errors import SettingsError
from ..container.data_folder import can_make_own
from ..container.serving import call_when_parent_ends
from ..emulator import NO_SANDBOX
from ..emulator.front.server import serve
from ..emulator.front.surface import Surface
from ..emulator.kinds.habits import HABITS, HEALTH_CHECK_S
from ..emulator.kinds.kinds import (
    CONTAINER_TYPES,
    KINDS,
    ONESHOT_PROGRAMS,
    Builtin,
    Kind,
    OneShot,
    interpreter,
    oneshot,
)
from ..emulator.sessions.sessions import PoolOptions
from ..pool.local_record import LocalPool, record_path
from .laboratory import faults, scenarios

if TYPE_CHECKING:
    from azure_session_laboratory.scenario import Scenario

DEFAULT_PORT = 8970
_WITH_A_SCENARIO = ("fault_scenario", "host", "port", "exit_with_parent")
_NO_DATA = (
    "This system gives sessions no /mnt/data of their own: "
    "only Azure's file API takes that name for their working directory."
)


def register(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--kind", choices=KINDS, default="container", help="the kind of pool")
    add("--host", type=_loopback, default="127.0.0.1", help="loopback address")
    add("--port", type=_port, default=DEFAULT_PORT, metavar="PORT", help="0: any free port")
    add("--ready-sessions", type=_count, default=1, metavar="N", help="started in advance")
    add("--max-sessions", type=_positive, default=10, metavar="N", help="at a time")
    add(
        "--cooldown",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="seconds without a request after which a session ends",
    )
    add("--name", default="local-pool", help="the pool's name in its messages")
    add("--tls", action="store_true", help="serve https, with a certificate of its own")
    add("--exit-with-parent", action="store_true", help="end when standard input is closed")
    add(
        "--habit",
        type=_habit,
        action="append",
        default=[],
        metavar="NAME",
        help="a way of somebody else's pool, by --kind; may be given again: "
        + "; ".join(
            f"{kind}: {', '.join(f'{name} ({what})' for name, what in habits.items())}"
            for kind, habits in HABITS.items()
        ),
    )
    _register_interpreter(parser)
    _register_oneshot(parser)
    faulty = parser.add_mutually_exclusive_group()
    faulty.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="misbehave as this JSON file says (docs/reliability.md), for tests",
    )
    faulty.add_argument(
        "--fault-scenario",
        type=_scenario,
        metavar="NAME",
        help="be broken in one known way (docs/doctor.md); sets what kind of pool it is",
    )
    faulty.add_argument(
        "--list-scenarios", action="store_true", help="print the names for --fault-scenario"
    )
    parser.set_defaults(defaults=parser.parse_args([]))


def _register_oneshot(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("with --kind oneshot").add_argument
    add(
        "--program",
        choices=ONESHOT_PROGRAMS,
        default=OneShot.program,
        help="whose routes its container has",
    )
    add(
        "--run-limit",
        type=_seconds,
        default=OneShot.limit_s,
        metavar="S",
        help="seconds that one run may take",
    )
    add(
        "--output-limit",
        type=_size,
        default=OneShot.output_bytes,
        metavar="BYTES",
        help="of each stream of one run",
    )


def _register_interpreter(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("with --kind interpreter").add_argument
    add(
        "--container-type",
        choices=CONTAINER_TYPES,
        default=Builtin.container_type,
        help="the built-in pool's; only PythonLTS runs code",
    )
    add(
        "--api-versions",
        type=_api_versions,
        default=Builtin.api_versions,
        metavar="V,V",
        help="those it supports (default: all that the client knows)",
    )
    add(
        "--execution-limit",
        type=_seconds,
        default=Builtin.limit_s,
        metavar="S",
        help="seconds that one execution may take (default: %(default)g, as at Azure)",
    )


def run(args: argparse.Namespace) -> int:
    if args.list_scenarios:
        print("\n".join(f"{s.name:<33}{s.what}" for s in scenarios().values()))
        return 0
    if args.exit_with_parent:
        call_when_parent_ends(lambda: signal.raise_signal(signal.SIGTERM))
    if args.fault_scenario is not None:
        _refuse_what_a_scenario_sets(args)
        _play(args.fault_scenario, args.host, args.port)
        return 0
    options = PoolOptions(
        name=args.name,
        kind=_kind(args),
        ready_sessions=args.ready_sessions,
        max_sessions=args.max_sessions,
        cooldown_s=args.cooldown,
        own_data=can_make_own(),
    )
    more = "" if options.own_data else f"\n{_NO_DATA}"
    broken = None if args.faults is None else faults(args.faults)
    with _https() if args.tls else nullcontext(Surface()) as surface:
        surface = replace(surface, faults=broken)
        serve(args.host, args.port, options, lambda p: _announce(p, more), surface)
    return 0


def _refuse_what_a_scenario_sets(args: argparse.Namespace) -> None:
    given = [
        f"--{name.replace('_', '-')}"
        for name, default in vars(args.defaults).items()
        if name not in _WITH_A_SCENARIO and getattr(args, name) != default
    ]
    if given:
        args.refuse(
            f"--fault-scenario sets what kind of pool it is: leave out {' and '.join(given)}"
        )


def _https() -> AbstractContextManager[Surface]:
    from ..emulator.front.certificates import https  # cryptography takes time to import

    return https()


def _kind(args: argparse.Namespace) -> Kind:
    habits: dict[str, float] = dict(args.habit)
    for name in habits:
        if name not in HABITS.get(args.kind, {}):
            raise SystemExit(f"--habit {name}: a pool of the kind {args.kind} has no such habit")
    if args.kind == "oneshot":
        if habits and args.program != OneShot.program:
            raise SystemExit(f"--habit: {args.program} answers in its own way only")
        return oneshot(OneShot(args.program, args.run_limit, args.output_limit, tuple(habits)))
    if args.kind == "interpreter":
        names = (args.container_type, args.api_versions)
        check_s = habits.get("health-check", 0.0)
        return interpreter(Builtin(*names, args.execution_limit, "decode-names" in habits, check_s))
    return KINDS[args.kind]


def _play(scenario: Scenario, host: str, port: int) -> None:
    def announce(pool: LocalPool) -> None:
        settings = "".join(f"\n    {k}={v}" for k, v in scenario.environment(pool.url).items())
        named = scenario.cause or "nothing wrong"
        more = (
            f"\nScenario {scenario.name}: {scenario.what}\n"
            f"Look at it with `azure-session-kernel doctor`, which should name: {named}; with"
            f"{settings}"
        )
        _announce(pool, more)

    serve(host, port, scenario.options(), announce, scenario.surface())


def _announce(pool: LocalPool, more: str = "") -> None:
    """Never the token: this may end up in a log."""
    if pool.authority:
        more = f"\nOther clients find its certificate authority in {pool.authority}{more}"
    print(
        f"Local session pool listening on {pool.url}\n"
        f"Its token is in {record_path()}\n"
        "Use it with AZURE_SESSION_POOL_ENDPOINT=local. Stop it with Ctrl-C.\n"
        f"{NO_SANDBOX}{more}\n",
        end="",  # in one write, also where output is not buffered
        flush=True,
    )


def _loopback(text: str) -> str:
    host = "127.0.0.1" if text == "localhost" else text
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"{text} is not a loopback address. Sessions of a local pool run as your user, "
        "so it is never opened to the network; use 127.0.0.1"
    )


def _scenario(text: str) -> Scenario:
    try:
        known = scenarios()
    except SettingsError as error:
        raise argparse.ArgumentTypeError(error.what) from error
    if text in known:
        return known[text]
    near = difflib.get_close_matches(text, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise argparse.ArgumentTypeError(f"{text} is no scenario; {hint}--list-scenarios prints all")


def _habit(text: str) -> tuple[str, float]:
    """Its name, and how often it shows."""
    name, _, every = text.partition("=")
    known = [habit for habits in HABITS.values() for habit in habits]
    if name not in known or (every and name != "health-check"):
        raise argparse.ArgumentTypeError(f"{text}: it can be {', '.join(known)}")
    return name, _seconds(every) if every else HEALTH_CHECK_S


def _api_versions(text: str) -> tuple[str, ...]:
    named = text.split(",")
    if not set(named) <= set(API_VERSIONS):
        raise argparse.ArgumentTypeError(f"{text}: it can be {', '.join(API_VERSIONS)}")
    return tuple(version for version in API_VERSIONS if version in named)


def _port(text: str) -> int:
    return _number(text, 0, 65535)


def _count(text: str) -> int:
    return _number(text, 0, 1000)


def _positive(text: str) -> int:
    return _number(text, 1, 1000)


def _size(text: str) -> int:
    return _number(text, 1, 1_000_000_000)


def _number(text: str, lowest: int, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        raise argparse.ArgumentTypeError(f"{text} is not a number from {lowest} to {highest}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds up to 86400")
    return value
