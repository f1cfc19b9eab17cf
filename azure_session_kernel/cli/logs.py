"""``azure-session-kernel logs``: what the sessions of a pool printed, from Log Analytics.

With ``--workspace`` and the package ``azure-monitor-query`` (extra ``[logs]``) the query is run;
else it is printed, to be pasted into the workspace's page in the Azure portal.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from ..common.errors import SettingsError
from ..common.pip_hint import pip_install
from ..doctor.log_query import query
from ..pool.credentials import CREDENTIALS
from ..pool.endpoints import parse_endpoint
from ..session.settings import LOCAL, Settings, as_option
from . import kernel_choice
from .kernel_choice import Choice
from .kernelspecs import environment_of
from .usage import in_lines

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORKSPACE_COMMAND: Final = (
    "az monitor log-analytics workspace list --query '[].{name:name,id:customerId}' --output table"
)


def register(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--since", default="1h", metavar="TIME", help="such as 30m, 2h, 1d")
    add("--session", default="", metavar="BEGINNING", help="as `sessions list` shows it: ask-abcd")
    kernel_choice.register(parser)
    add("--name", default="", metavar="POOL", help="the pool's name, in place of its endpoint")
    add("--workspace", default="", metavar="ID", help="run it in this Log Analytics workspace")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 shown or printed, 1 the workspace can't be read, 2 wrong usage."""
    refuse: Callable[[str], NoReturn] = args.refuse
    if args.workspace and not _GUID.fullmatch(args.workspace):
        refuse("--workspace needs the workspace's id (customerId), a GUID: " + _WORKSPACE_COMMAND)
    try:
        named = args.name and not args.kernel
        chosen = Choice(f"the name {args.name}") if named else kernel_choice.choose(args)
        with environment_of(chosen.env):
            settings = None if named else Settings.from_environ(os.environ)
            pool = args.name or (_pool_name(settings) if settings is not None else "")
            text = query(pool, since=args.since, session=args.session)
            return _show(args, text, f"This is about the pool of {chosen.source}.", settings)
    except ValueError as error:
        refuse(str(error))
    except SettingsError as error:
        said = in_lines(error)
        refuse(as_option(said) if args.endpoint else said)


def _show(args: argparse.Namespace, text: str, about: str, settings: Settings | None) -> int:
    if not args.workspace:
        return _print(text, about)
    try:
        monitor = _monitor()
    except ModuleNotFoundError:
        hint = f"To run it from here: {pip_install('azure-session-kernel[logs]')}"
        return _print(text, about, hint)
    credential = settings.credential if settings is not None else "default"
    return _run(monitor, credential, args.workspace, text, span_of(args.since))


def _pool_name(settings: Settings) -> str:
    """:raises ValueError: a local pool has no Log Analytics."""
    if settings.endpoint == LOCAL:
        raise ValueError("a local pool has no Log Analytics: it prints to its own terminal")
    endpoint = parse_endpoint(settings.endpoint, settings.allowed_hosts)
    if endpoint.kind == "custom":
        return endpoint.host.partition(".")[0]
    return urlsplit(endpoint.url).path.rpartition("/")[2] if endpoint.builtin else ""


def _print(text: str, *remarks: str) -> int:
    """The query alone on stdout, so that it can be piped; all else on stderr."""
    print(
        "Paste this into Logs of the Log Analytics workspace of the pool's environment, or give "
        f"--workspace ID. Its id is in:\n    {_WORKSPACE_COMMAND}",
        *remarks,
        "Entries arrive after 2 to 5 minutes.",
        sep="\n",
        file=sys.stderr,
    )
    print(text)
    return 0


def span_of(since: str) -> timedelta:
    return timedelta(**{_UNITS[since[-1]]: int(since[:-1])})


def _monitor() -> Any:
    """:raises ModuleNotFoundError: the extra ``[logs]`` is not installed."""
    return importlib.import_module("azure.monitor.query")


def _run(monitor: Any, credential: str, workspace: str, text: str, span: timedelta) -> int:
    identity = importlib.import_module("azure.identity")
    class_name, arguments = CREDENTIALS[credential]
    try:
        with monitor.LogsQueryClient(getattr(identity, class_name)(**arguments)) as client:
            answer = client.query_workspace(workspace, text, timespan=span)
    except Exception as error:  # azure-core's tree; the text may be long
        said = " ".join(str(error).split())[:300]
        print(
            f"The workspace can't be read ({type(error).__name__}): {said}\n"
            "  What to do:   get the role 'Log Analytics Reader' on it, or paste this there:",
            file=sys.stderr,
        )
        print(text)
        return 1
    tables = getattr(answer, "tables", None) or getattr(answer, "partial_data", None) or []
    lines = list(lines_of(row for table in tables for row in table.rows))
    print("\n".join(lines) if lines else "No entries: wider with --since 1d; see docs/doctor.md.")
    return 0


def lines_of(rows: Iterable[Iterable[Any]]) -> Iterable[str]:
    """One line an entry. What sessions print is untrusted: no control characters."""
    for row in rows:
        values = [str(value) for value in row if value not in (None, "")]
        text = "  ".join(values)[:2000]
        yield "".join(c if c.isprintable() else " " for c in text)
