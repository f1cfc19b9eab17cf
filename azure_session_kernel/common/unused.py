"""Imports that the programs of this project do without, because a person waits for them.

A library that is installed for something else is imported by one of ours, which works without it:

- ``httpx`` imports its command line, and for it ``rich``, ``click`` and ``pygments``: half of the
  time that ``import httpx`` takes, and of a kernel's start a sixth.
- ``jsonschema``, which nbformat uses, builds the grammars of ``rfc3987_syntax`` where JupyterLab
  has brought it, for 2 s. No IRI is checked here.
"""

import sys

_UNUSED = ("httpx._main", "rfc3987_syntax")


def leave_out_unused() -> None:
    """For this process, before anything else is imported; never where a user's code runs."""
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
