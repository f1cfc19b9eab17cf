"""Whose pool a command looks at: ``--endpoint``, ``--kernel``, or the only kernel there is."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..session.settings import ENDPOINT, ENDPOINT_FALLBACK
from .kernelspecs import kernels_found


@dataclass(frozen=True)
class Choice:
    """:ivar env: what the kernel has in its environment besides ours. :ivar source: in words."""

    source: str
    env: Mapping[str, str] = field(default_factory=dict)


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", metavar="URL", help="the pool's endpoint, or 'local'")
    parser.add_argument(
        "--kernel",
        default="",
        metavar="NAME",
        help="the pool of this kernel, as `install` configured it (default: the only one)",
    )


def choose(args: argparse.Namespace) -> Choice:
    """What was typed wins, then the environment, then the only kernel that is configured.

    :raises ValueError: there is no such kernel, there are several to choose from, or it is empty.
    """
    if args.endpoint is not None and not args.endpoint.strip():
        raise ValueError("--endpoint is empty: leave it out, or say which")
    if args.kernel:
        chosen = _named(args.kernel)
    elif args.endpoint:
        chosen = Choice("--endpoint")
    elif variable := next((v for v in (ENDPOINT, ENDPOINT_FALLBACK) if os.environ.get(v)), ""):
        chosen = Choice(variable)
    else:
        chosen = _only()
    if args.endpoint:
        return Choice("--endpoint", {**chosen.env, ENDPOINT: args.endpoint})
    return chosen


def _named(name: str) -> Choice:
    kernels = kernels_found()
    if name.lower() in kernels:  # as Jupyter looks them up
        return Choice(f"the kernel {name.lower()!r}", kernels[name.lower()])
    raise ValueError(
        f"--kernel {name}: no kernel of that name runs in a session pool{_list(kernels)}"
    )


def _only() -> Choice:
    kernels = {n: env for n, env in kernels_found().items() if _endpoint(env)}
    if len(kernels) > 1:
        raise ValueError(f"say which kernel, with --kernel NAME{_list(kernels)}")
    return next((Choice(f"the kernel {n!r}", env) for n, env in kernels.items()), Choice(ENDPOINT))


def _list(kernels: Mapping[str, Mapping[str, str]]) -> str:
    width = max(map(len, kernels), default=0)
    rows = (f"\n    {n:<{width}}  {_endpoint(env) or 'no pool'}" for n, env in kernels.items())
    return ":" + "".join(rows) if kernels else ""


def _endpoint(env: Mapping[str, str]) -> str:
    return env.get(ENDPOINT) or env.get(ENDPOINT_FALLBACK, "")
