"""``azure-session-kernel``: the command line. Each subcommand is a module beside this one."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..common.errors import SessionKernelError
from ..common.pip_hint import needs_extra
from ..common.unused import leave_out_unused
from .usage import Parser, in_lines

#: name -> (module of this package, help). Modules are imported only when they are called, so that
#: a missing extra breaks one subcommand and not all of them.
COMMANDS = {
    "try": ("try_.command", "run a notebook in a local session pool, or open JupyterLab on it"),
    "run": ("run", "run many notebooks, each in a session of its own, and report on them"),
    "install": ("install", "write a kernelspec for your session pool"),
    "setup": ("setup", "make a session pool in Azure, with all that it needs, or remove it"),
    "sessions": ("sessions", "list, stop or reap the sessions this machine has opened"),
    "doctor": ("doctor", "find out what is wrong with a session pool, and how to fix it"),
    "logs": ("logs", "show what the sessions of a pool printed, or the query for it"),
    "pool": ("pool", "run a local session pool for development and tests"),
}
#: Of those that need more than the kernel does.
EXTRAS = {"try": "try", "run": "batch", "pool": "pool"}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 it failed, 2 wrong usage or input, 130 Ctrl-C, 141 nobody reads."""
    leave_out_unused()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # whatever a cell prints, or a name has in it
    args = parsed(sys.argv[1:] if argv is None else argv)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except SessionKernelError as error:
        print(f"{type(error).__name__}: {in_lines(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who read it has ended, as `head` does. What is still to be written goes nowhere, so that
        # nothing complains at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What was typed. Ends the process, as ``argparse`` does, when it is wrong."""
    parser = Parser(
        prog="azure-session-kernel",
        description="A Jupyter kernel whose cells run in an Azure Container Apps session pool.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module, help_text) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_text, description=help_text)
        if name == wanted:
            with needs_extra(EXTRAS.get(name, ""), f"azure-session-kernel {name}"):
                command = importlib.import_module(f".{module}", __package__)
            command.register(subparser)
            subparser.set_defaults(run=command.run, refuse=subparser.error)
    if not arguments:
        parser.print_help(sys.stderr)
        raise SystemExit(2)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        args.refuse(f"unrecognized arguments: {' '.join(unknown)}")
    return args
