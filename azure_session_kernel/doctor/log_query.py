"""The Log Analytics query for what sessions of a pool printed, and what became of them.

Where the tables come from: Microsoft documents three with ``_CL``; of those, users in 2026 saw the
environment's log destination fill ``AppEnvSessionConsoleLogs_CL`` and nothing else. A diagnostic
setting on the *environment* fills the three without ``_CL``. ``isfuzzy`` passes over those that are
not there.
"""

from __future__ import annotations

import re
from typing import Final

TABLES: Final = (
    "AppEnvSessionConsoleLogs_CL",
    "AppEnvSessionLifecycleLogs_CL",
    "AppEnvSessionPoolEventLogs_CL",
    "AppEnvSessionConsoleLogs",
    "AppEnvSessionLifecycleLogs",
    "AppEnvSessionPoolEventLogs",
)
#: What is shown of each entry, and where it stands in the tables of either kind.
_COLUMNS: Final = (
    ("Operation", ("OperationName", "OperationName_s")),
    ("Pod", ("PodName", "PodName_s", "ContainerGroupName_s")),
    ("Text", ("Log", "Log_s")),
)
SINCE: Final = re.compile(r"[1-9][0-9]{0,4}[mhd]")
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{4,128}")
MOST_ROWS: Final = 500


def query(pool: str, *, since: str, session: str = "") -> str:
    """KQL, ready to paste.

    :param pool: the pool's name, or "" for every pool of the workspace.
    :param since: as in ``30m``, ``2h``, ``1d``.
    :param session: the beginning of an identifier; only its first 12 characters are used, for a
        whole one is a secret.
    :raises ValueError: one of them is not of its form.
    """
    if not SINCE.fullmatch(since):
        raise ValueError(f"--since {since} is not a time such as 30m, 2h or 1d")
    lines = [
        f"union isfuzzy=true withsource=Table {', '.join(TABLES)}",
        f"| where TimeGenerated > ago({since})",
    ]
    if pool:
        if not _NAME.fullmatch(pool):
            raise ValueError(f"{pool[:64]!r} is not the name of a pool")
        lines.append(f'| where * has "{pool}"')
    if session:
        session = session.rstrip("…")
        if not _PREFIX.fullmatch(session):
            raise ValueError("--session: that is not the beginning of an identifier")
        lines.append(f'| where * contains "{session[:12]}"')
    lines += [f"| extend {name} = {_first_of(columns)}" for name, columns in _COLUMNS]
    shown = ", ".join(name for name, _ in _COLUMNS)
    lines += [
        f"| project TimeGenerated, Table, {shown}",
        f"| top {MOST_ROWS} by TimeGenerated desc",
        "| order by TimeGenerated asc",
    ]
    return "\n".join(lines)


def _first_of(columns: tuple[str, ...]) -> str:
    found = ", ".join(f'tostring(column_ifexists("{name}", ""))' for name in columns)
    return f"coalesce({found})"
