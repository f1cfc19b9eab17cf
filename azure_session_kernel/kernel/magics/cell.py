"""Runs the cells that are ours: they look like any cell to a front end."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ...common.errors import FileTransferError, Interrupted, SessionKernelError
from ...executors.base import Stdin
from ...session.session import NotebookSession
from ...wire import Message
from ..front_end import FrontEnd
from ..last_outputs import ShownLast
from ..requests import Request
from . import download, files, session, stdin, upload
from .context import Context
from .display import Display
from .parse import Magic

log = logging.getLogger(__name__)

REGISTRY: Final[Mapping[str, Callable[[Context, str], Awaitable[None]]]] = {
    "session": session.run,
    "upload": upload.run,
    "download": download.run,
    "files": files.run,
    "stdin": stdin.run,
}


class MagicCells:
    """:param folder: the notebook's. :param last: what ``%session last`` shows."""

    def __init__(
        self, front: FrontEnd, notebook: NotebookSession, folder: Path, last: ShownLast
    ) -> None:
        self._front, self._notebook, self._folder = front, notebook, folder
        self._last = last

    async def run(self, request: Request, magic: Magic, execution_count: int) -> None:
        """The first line. What it prints are displays; a silent cell prints nothing.

        :param execution_count: the cell's.

        :raises SessionKernelError: why it failed.
        """
        header, asked = request.message.header, request.message.content

        def publish(msg_type: str, content: dict[str, Any]) -> None:
            if not asked.get("silent") and not request.over.is_set():
                self._front.publish(msg_type, content, header)

        def show(message: Message) -> None:
            if not asked.get("silent") and not request.over.is_set():
                self._front.pass_on(message, header)

        publish("execute_input", {"code": asked["code"], "execution_count": execution_count})
        request.input_published = True
        request.if_interrupted = stopped()
        request.rest = magic.rest
        display = Display(publish)

        def give_stdin(text: str, how: Stdin) -> None:
            if how is Stdin.ASKS:
                request.lines = deque(text.removesuffix("\n").split("\n") if text else ())
            else:
                request.stdin = text

        context = Context(
            magic, self._notebook, self._folder, display, self._last, show, give_stdin
        )
        try:
            await REGISTRY[magic.name](context, magic.arguments)
        except SessionKernelError:
            raise
        except Exception as error:
            log.exception("%%%s failed", magic.name)
            raise _failed(magic, error) from error
        request.if_interrupted = None


def stopped() -> Interrupted:
    return Interrupted(
        "The cell was interrupted. Files that were finished stay; unfinished ones were removed.",
        fix="Run the cell again: what is there already is not transferred twice.",
    )


def _failed(magic: Magic, error: Exception) -> FileTransferError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return FileTransferError(f"%{magic.name} failed on this machine ({reason}).")
