"""What a magic works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...executors.base import Stdin
from ...session.session import NotebookSession
from ...wire import Message
from ..last_outputs import ShownLast
from .display import Display
from .parse import Magic


@dataclass(frozen=True)
class Context:
    """:ivar folder: the notebook's.
    :ivar last: what the cell before, or an earlier kernel's, has printed.
    :ivar show: publishes such an output again, under this cell.
    :ivar give_stdin: sets the standard input of the rest of the cell.
    """

    magic: Magic

    notebook: NotebookSession
    folder: Path
    display: Display
    last: ShownLast
    show: Callable[[Message], None]
    give_stdin: Callable[[str, Stdin], None]
