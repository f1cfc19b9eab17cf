"""How to install what is missing: for the Python that runs, whatever ``pip`` a terminal finds."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def pip_install(*requirement: str) -> str:
    """The command, to be pasted into a shell."""
    return shlex.join([sys.executable, "-m", "pip", "install", *requirement])


@contextmanager
def needs_extra(extra: str, who: str) -> Iterator[None]:
    """Imports that need a package of ``extra`` ("": of none) end the program by naming it.

    :param who: the subject of the sentence, such as ``The adapter``.
    :raises SystemExit: with the sentence, so exit code 1.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("azure_session_kernel"):
            raise
        named = f"azure-session-kernel[{extra}]" if extra else "azure-session-kernel"
        raise SystemExit(
            f"{who} needs the package {error.name!r}, which is not installed.\n"
            f"  What to do:   {pip_install(named)}"
        ) from None
