"""What the command line and configuration files say, as ipykernel's own application reads them.

That application imports IPython whole, for the names and types of all that can be configured in a
shell. A kernel is usually started with ``-f FILE`` and perhaps what nbclient adds, and there are no
configuration files of IPython's; then nothing of it is needed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from traitlets import Dict
from traitlets.config.loader import Config

if TYPE_CHECKING:
    from ipykernel.kernelapp import IPKernelApp

NAME: Final = "azure-session-kernel"
_PLAIN: Final = re.compile(r"--(f|log-level|HistoryManager\.hist_file)=.*", re.DOTALL)
_FILES: Final = ("ipython_config", f"{NAME.replace('-', '_')}_config")


def is_plain(argv: Sequence[str]) -> bool:
    """Whether nothing but the usual is said, and nowhere else."""
    left = iter(argv)
    for one in left:
        known = not next(left, "-").startswith("-") if one == "-f" else _PLAIN.fullmatch(one)
        if not known:
            return False
    return not any(map(_is_configured, _folders()))


def _folders() -> Iterator[Path]:
    """Where IPython looks for its configuration; where that depends on settings, all of them."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    for home in (os.environ.get("IPYTHONDIR") or "~/.ipython", f"{config}/ipython"):
        yield Path(os.path.expanduser(home), "profile_default")  # noqa: PTH111  # never raises
    yield Path(sys.prefix, "etc", "ipython")
    if sys.platform != "win32":
        yield from (Path("/usr/local/etc/ipython"), Path("/etc/ipython"))
    elif data := os.environ.get("PROGRAMDATA"):
        yield Path(data, "ipython")


def _is_configured(folder: Path) -> bool:
    return any((folder / f"{name}.{end}").exists() for name in _FILES for end in ("py", "json"))


def whole_application() -> type[IPKernelApp]:
    """ipykernel's, by our name."""
    from ipykernel.kernelapp import IPKernelApp

    class AzureSessionKernelApp(IPKernelApp):
        name = NAME
        subcommands = Dict({})  # its "install" is not ours

    return AzureSessionKernelApp


def read_by_ipykernel(argv: Sequence[str]) -> tuple[Config, Config]:
    """The configuration, and what of it the command line has said.

    :raises SystemExit: it asks for help, or can't be used, which has been said.
    """
    from IPython.core.application import BaseIPythonApplication

    reader = whole_application()()
    # The rest of ipykernel's own is sockets, and a kernel.
    BaseIPythonApplication.initialize(reader, list(argv))  # type: ignore[no-untyped-call]
    return reader.config, reader.cli_config
