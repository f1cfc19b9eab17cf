"""``azure-session-kernel install``: a kernelspec that knows its session pool.

The kernelspec's ``env`` holds the endpoint and the options that were given, and never a token:
those are had at run time, by the kernel.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_core.paths import jupyter_data_dir, prefer_environment_over_user

from ..common.errors import SettingsError
from ..common.our_kernelspec import DEFAULT_NAME
from ..pool.endpoints import SHOW_COMMAND, parse_endpoint
from ..session import settings
from .kernelspecs import is_ours, write_spec
from .usage import in_lines

#: command line option -> the variable it sets
_OPTIONS = {
    "executor": settings.EXECUTOR,
    "credential": settings.CREDENTIAL,
    "scope": settings.SCOPE,
    "on_shutdown": settings.ON_SHUTDOWN,
    "on_death": settings.ON_DEATH,
}


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--endpoint",
        required=True,
        metavar="URL",
        help="the pool management endpoint, or 'local' for a local pool",
    )
    parser.add_argument("--name", default=DEFAULT_NAME, help="the kernel's name")
    parser.add_argument("--display-name", metavar="TEXT", help="the name people see in Jupyter")
    _register_places(parser)
    for option, variable in _OPTIONS.items():
        allowed = settings.ALLOWED[variable]
        parser.add_argument(
            f"--{option.replace('_', '-')}",
            type=str.lower,
            choices=allowed,
            help=f"sets {variable} (default: {allowed[0]})",
        )


def _register_places(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where to write it (default: where Jupyter looks first)")
    places = group.add_mutually_exclusive_group()
    places.add_argument("--user", action="store_true", help="for your user, in every environment")
    places.add_argument("--sys-prefix", action="store_true", help="in this Python environment only")
    places.add_argument("--prefix", metavar="DIR", help="below DIR/share/jupyter/kernels")


def run(args: argparse.Namespace) -> int:
    """0 written, 1 it can't be written; 2 (by argparse) for a wrong endpoint, option or name."""
    refuse: Callable[[str], NoReturn] = args.refuse
    if not args.endpoint.strip():
        refuse(f"--endpoint is empty. This prints the right value, or why not:\n    {SHOW_COMMAND}")
    try:
        env = spec_environment(args)
    except SettingsError as error:
        refuse(settings.as_option(in_lines(error)))
    try:
        folder = _install(args, env)
    except ValueError as error:
        refuse(str(error))
    except OSError as error:
        return _unwritable(error)
    print(_report(folder))
    return 0


def spec_environment(args: argparse.Namespace) -> dict[str, str]:
    """The ``env`` of the kernelspec: the endpoint, normalised, and only what was asked for.

    :raises SettingsError: when one of the values is not allowed.
    """
    env = {settings.ENDPOINT: args.endpoint}
    env |= {name: value for o, name in _OPTIONS.items() if (value := getattr(args, o)) is not None}
    # An endpoint that is only good with these hosts needs them when the kernel runs, too.
    if hosts := os.environ.get(settings.ALLOWED_HOSTS):
        env[settings.ALLOWED_HOSTS] = hosts
    checked = settings.Settings.from_environ(env)
    if checked.endpoint != settings.LOCAL:
        env[settings.ENDPOINT] = parse_endpoint(checked.endpoint, checked.allowed_hosts).url
    else:
        env[settings.ENDPOINT] = settings.LOCAL
    return env


def _install(args: argparse.Namespace, env: Mapping[str, str]) -> Path:
    """Write the kernelspec; an earlier one of this kernel under the same name is replaced.

    :raises ValueError: not a kernel name, or the name belongs to a different kernel.
    :raises OSError: the folder can't be written.
    """
    prefix = _prefix(args)
    kernels = Path(prefix or jupyter_data_dir(), "share/jupyter" if prefix else "", "kernels")
    taken = kernels / args.name.lower()
    if args.name.strip(".") == "":  # Jupyter's rule allows these, and they climb out of kernels/
        raise ValueError(f"{args.name!r} is not a kernel name")
    if taken.exists() and not is_ours(taken):
        raise ValueError(f"{taken} holds a different kernel; choose another --name")
    # Told that it is searched, the manager does not log a warning: _report says it in our words.
    manager = KernelSpecManager(kernel_dirs=[str(kernels.absolute())])
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "spec"
        write_spec(source, env, args.display_name)
        written = manager.install_kernel_spec(
            str(source), args.name, user=prefix is None, prefix=prefix
        )
    return Path(written)


def _prefix(args: argparse.Namespace) -> str | None:
    """None for the user's own folder.

    The default follows Jupyter's rule: in a virtual environment, the environment's kernels hide
    those of the user that have the same name.
    """
    if args.prefix is not None:
        if not str(args.prefix).strip():
            raise ValueError("--prefix is empty; say which folder, or leave it out")
        return str(args.prefix)
    in_environment = args.sys_prefix or (not args.user and prefer_environment_over_user())
    return sys.prefix if in_environment else None


def _unwritable(error: OSError) -> int:
    print(
        f"The kernelspec can't be written: {error.filename or ''} ({error.strerror or error}).\n"
        "  What to do:   choose another place with --user, --sys-prefix or --prefix DIR.",
        file=sys.stderr,
    )
    return 1


def _report(folder: Path) -> str:
    """Where the kernelspec is, whether Jupyter finds it there, and what to do next."""
    lines = [f"Wrote the kernel {folder.name!r} to {folder}"]
    found = KernelSpecManager().find_kernel_specs().get(folder.name)
    if found is None:
        lines.append("  Jupyter doesn't look there by itself. Start it with this variable set:")
        lines.append(f"    JUPYTER_PATH={folder.parent.parent}")
    elif not Path(found).samefile(folder):
        return "\n".join([*lines, *_hidden(folder, found)])
    title = KernelSpec.from_resource_dir(str(folder)).display_name
    runs = find_spec("nbclient") is not None  # else there is no `jupyter execute`
    more = ", or run one:" if runs else "."
    lines.append(f"Next: open a notebook in Jupyter and choose the kernel {title!r}{more}")
    if runs:
        lines.append(f"    jupyter execute --kernel_name={folder.name} NOTEBOOK")
    return "\n".join(lines)


def _hidden(folder: Path, found: str) -> list[str]:
    """Another kernel of that name is in its place: said last, for that is what will be met."""
    return [
        "",
        f"NOT IN USE: Jupyter takes another kernel {folder.name!r} for it, which it finds first:",
        f"    {found}",
        "  What to do:   install this one under another name, such as --name my-pool, or leave out",
        "                the option for its place: then it is written where Jupyter looks first.",
    ]
