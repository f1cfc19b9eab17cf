"""Imports that the programs of this project do without, because a person waits for them.

A library that is installed for something else is imported by one of ours, which works without it:

- ``httpx`` imports its command line, and for it ``rich``, ``click`` and ``pygments``: half of the
  time that ``import httpx`` takes, and of a kernel's start a sixth.
- ``jsonschema``, which nbformat uses, builds the grammars of ``rfc3987_syntax`` where JupyterLab
  has brought it, for 2 s. No IRI is checked here.

A package is imported whole for one of its modules (``Unopened``): a kernel's process needs one
class of IPython's, the base class of ipykernel and the messages of jupyter_client.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_UNUSED = ("httpx._main", "rfc3987_syntax")


def leave_out_unused() -> None:
    """For this process, before anything else is imported; never where a user's code runs."""
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def leave_unopened(*names: str) -> None:
    """For this process, before these packages are imported. One that is not found is left alone."""
    for name in names:
        spec = None if name in sys.modules else find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            package = module_from_spec(spec)
            package.__class__ = Unopened
            sys.modules[name] = package


class Unopened(ModuleType):
    """A package whose modules can be imported. Its own ``__init__`` runs as soon as anything else
    of it is used, so nothing is missing in it; only what that has on others comes later.
    """

    def __getattr__(self, name: str) -> Any:
        assert self.__spec__ is not None and self.__spec__.loader is not None  # noqa: S101
        self.__class__ = ModuleType  # type: ignore[assignment]
        try:
            self.__spec__.loader.exec_module(self)
        except BaseException:
            self.__class__ = Unopened
            raise
        return getattr(self, name)
