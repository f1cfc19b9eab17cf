"""Which environment variables the session's interpreter gets: an allow-list, nothing else.

``NBGRADER_*`` and ``OTTER_*`` always; ``AZURE_SESSION_ENV`` names more, exactly or with ``*``. A
pattern never takes variables that hold credentials or this kernel's own settings; an exact name
takes what it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from ..common.errors import SettingsError
from ..wire import MAX_VARIABLES, MAX_VARIABLES_CHARS, VARIABLE

SETTING: Final = "AZURE_SESSION_ENV"
ALWAYS: Final = ("NBGRADER_*", "OTTER_*")
_PATTERN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_BY_NAME_ONLY: Final = re.compile(
    r"AZURE_|IDENTITY_|MSI_|JPY_|JUPYTER|POOL_MANAGEMENT_|.*(SECRET|TOKEN|PASSWORD|CREDENTIAL|KEY)",
    re.IGNORECASE,
)


def variables_for_session(environ: Mapping[str, str], setting: str) -> dict[str, str]:
    """:raises SettingsError: a pattern that is none, or more than a session takes."""
    patterns = [name for name in re.split(r"[,\s]+", setting) if name]
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise SettingsError(
                f"{SETTING} holds {pattern[:100]!r}, which is no name of a variable.",
                cause="Names, or beginnings of names with * at their end, are allowed.",
                fix=f"Set {SETTING} to names such as COURSE,EXAM_*",
            )
    found = {
        name: value
        for name, value in environ.items()
        if VARIABLE.fullmatch(name) and _is_wanted(name, (*ALWAYS, *patterns))
    }
    chars = sum(len(name) + len(value) for name, value in found.items())
    if len(found) > MAX_VARIABLES or chars > MAX_VARIABLES_CHARS:
        raise SettingsError(
            f"{SETTING} stands for {len(found)} variables with {chars} characters.",
            cause=f"A session takes {MAX_VARIABLES} with {MAX_VARIABLES_CHARS} characters in all.",
            fix=f"Name fewer variables in {SETTING}.",
        )
    return found


def _is_wanted(name: str, patterns: tuple[str, ...]) -> bool:
    if name in patterns:
        return True
    return not _BY_NAME_ONLY.match(name) and any(fnmatchcase(name, p) for p in patterns)
