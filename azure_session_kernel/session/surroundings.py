"""Where a kernel runs, as far as its session has to do with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .identity import read_parent_environ

if TYPE_CHECKING:
    from .shared import Shared


@dataclass(frozen=True)
class Surroundings:
    """Those of a kernel that has a process of its own, unless told otherwise.

    :ivar connection_file: as given to the kernel: what it is known by over its restarts.
    :ivar environ: its settings are read from it.
    :ivar parent_environ: of whoever started it (``identity.choose_scope``); may block.
    :ivar folder: the notebook's.
    :ivar arguments: of the interpreter's command line.
    :ivar shared: with the other kernels of this process; None: it is the only one.
    """

    connection_file: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    parent_environ: Callable[[], Mapping[str, str] | None] = read_parent_environ
    folder: Path = field(default_factory=Path.cwd)
    arguments: Sequence[str] = ()
    shared: Shared | None = None
