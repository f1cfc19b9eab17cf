"""``azure-session-kernel doctor``: what is wrong with a pool, with the evidence and the fix."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ..common.errors import SessionKernelError
from ..doctor.examination import examine
from ..doctor.report.screen import show
from ..doctor.state import STALL_S, Options
from . import kernel_choice, signals
from .kernel_choice import Choice
from .kernelspecs import environment_of


def register(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    kernel_choice.register(parser)
    add("--name", default="", metavar="POOL", help="the pool by its name, with --resource-group")
    add("--resource-group", default="", metavar="RG", help="of --name")
    add(
        "--subscription",
        default=os.environ.get("AZURE_SUBSCRIPTION_ID", ""),
        metavar="ID",
        help="of --name (default: AZURE_SUBSCRIPTION_ID)",
    )
    add(
        "--direct",
        default="",
        metavar="URL",
        help="a container that runs here, without a pool: http://localhost:8080. Gets no token",
    )
    add("--json", action="store_true", help="for programs (docs/doctor.md)")
    add("--verbose", action="store_true", help="all evidence, and causes that are less likely")
    add(
        "--wait",
        type=_seconds,
        default=STALL_S,
        metavar="S",
        help="how long one step may go without an answer, in seconds",
    )


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 healthy, 1 a problem found, 2 doctor could not run."""
    refuse: Callable[[str], NoReturn] = args.refuse
    if bool(args.name) != bool(args.resource_group):
        refuse("--name and --resource-group belong together")
    if args.name and not args.subscription:
        refuse("--name needs --subscription ID (az account show --query id --output tsv)")
    if sum(map(bool, (args.endpoint, args.name, args.direct))) > 1:
        refuse("give one of --endpoint, --name and --direct")
    if args.kernel and args.direct:
        refuse("--direct looks at a container, and at no kernel's pool: leave out --kernel")
    try:
        elsewhere = (args.name or args.direct) and not args.kernel
        chosen = Choice("--name") if elsewhere else kernel_choice.choose(args)
    except ValueError as error:
        refuse(str(error))
    options = Options(
        args.endpoint or "",
        args.name,
        args.resource_group,
        args.subscription,
        args.direct,
        stall_s=args.wait,
        source=chosen.source,
    )
    # What is logged on the way is said by the report.
    logging.getLogger("azure_session_kernel").addHandler(logging.NullHandler())
    try:
        with environment_of(chosen.env):
            report = signals.run(examine(options, os.environ))
    except ValueError as error:
        refuse(str(error))
    except SessionKernelError as error:
        print(f"doctor could not run: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        show(report, verbose=args.verbose)
    return 0 if report.healthy else 1


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 300:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds up to 300")
    return value
