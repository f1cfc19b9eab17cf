"""How one of our kernelspecs is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: The name under which ``pip install`` registers the kernel.
DEFAULT_NAME: Final = "azure-session"
_MODULE: Final = "azure_session_kernel"


def runs_this_kernel(argv: Sequence[str]) -> bool:
    """Whether a kernelspec's command starts this kernel, with whatever Python."""
    return list(argv[1:3]) == ["-m", _MODULE]
