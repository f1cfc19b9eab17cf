"""Which modules the user's names lead to: what Tab will be asked about."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

#: Of the names that came last.
_MOST: Final = 30
_KNOWN: Final = sys.stdlib_module_names | {"IPython", "ipykernel", "__main__", "__mp_main__"}


def names_in_use(shell: Any) -> list[tuple[str, str]]:
    """Modules, each with a class in it or nothing, the newest first. Not the standard library's.

    It runs beside the user's code and calls nothing of theirs.
    """
    if not shell.Completer.use_jedi:
        return []
    hidden = shell.user_ns_hidden
    values = [v for name, v in list(shell.user_ns.items()) if name not in hidden]
    found = dict.fromkeys(pair for value in reversed(values) for pair in _of(value))
    return [pair for pair in found if pair[0].partition(".")[0] not in _KNOWN][:_MOST]


def _of(value: Any) -> list[tuple[str, str]]:
    if type(value) is ModuleType:
        return _pairs(vars(value).get("__name__"), "")
    if type(value) in (FunctionType, BuiltinFunctionType):
        return _pairs(value.__module__, "")
    of_class = value if type(value) is type else type(value)
    if type(of_class) is not type:  # its attributes may be code of the user's
        return []
    return _pairs(of_class.__module__, of_class.__name__)


def _pairs(module: Any, of_class: Any) -> list[tuple[str, str]]:
    """None for what somebody has given another name."""
    whole = type(module) is str and type(of_class) is str
    dotted = whole and all(part.isidentifier() for part in module.split("."))
    return [(module, of_class)] if dotted and (not of_class or of_class.isidentifier()) else []
